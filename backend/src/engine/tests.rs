//! Both engines against `halo2curves`, on random elements and on edges.

use super::{points::Single, *};
use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use proptest::prelude::*;

/// Words that are close to a carry, as elements.
fn edges<F: Field>() -> Vec<F> {
    let near = |words: [u64; 4]| {
        words.iter().rev().fold(F::ZERO, |acc, w| {
            acc * F::from(1 << 32).square() + F::from(*w)
        })
    };
    let mut all = vec![
        F::ZERO,
        F::ONE,
        -F::ONE,
        F::from(2),
        -F::from(2),
        F::TWO_INV,
        F::ROOT_OF_UNITY,
        F::DELTA,
    ];
    for bits in [51, 52, 53, 64, 104, 156, 208, 250, 252, 253] {
        let power = F::from(2).pow([bits]);
        all.extend([power, power - F::ONE, -power]);
        // The same, as what the words hold.
        let r = F::from(2).pow([256]).invert().unwrap();
        let s = F::from(2).pow([260]).invert().unwrap();
        all.extend([
            power * r,
            (power - F::ONE) * r,
            power * s,
            (power - F::ONE) * s,
        ]);
    }
    all.extend([
        near([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 3]),
        near([0, 0, 0, 0x3064_4e72_e131_a029]),
        near([(1 << 52) - 1, 0, u64::MAX, 0]),
    ]);
    all
}

fn element<F: Field>(words: [u64; 4]) -> F {
    let base = F::from(1 << 32).square();
    words
        .iter()
        .fold(F::ZERO, |acc, w| acc * base + F::from(*w))
}

struct Check<F> {
    a: [F; LANES],
    b: [F; LANES],
    lane: usize,
}

impl<F: Field> WithEngine for Check<F> {
    type Output = ();
    #[allow(clippy::cognitive_complexity)]
    fn with<E: Engine>(self, e: E) {
        let Self { a, b, lane } = self;
        let each = |f: &dyn Fn(F, F) -> F| -> [F; LANES] { std::array::from_fn(|i| f(a[i], b[i])) };
        e.run(
            #[inline(always)]
            || {
                let (x, y) = (e.import(&a), e.import(&b));
                assert_eq!(e.export::<F>(x), a);
                assert_eq!(e.export::<F>(e.add::<F>(x, y)), each(&|a, b| a + b));
                assert_eq!(e.export::<F>(e.sub::<2, F>(x, y)), each(&|a, b| a - b));
                assert_eq!(e.export::<F>(e.sub::<32, F>(x, y)), each(&|a, b| a - b));
                assert_eq!(e.export::<F>(e.mul::<F>(x, y)), each(&|a, b| a * b));
                assert_eq!(e.export::<F>(e.square::<F>(x)), each(&|a, _| a.square()));
                assert_eq!(e.export::<F>(e.splat(a[lane])), [a[lane]; LANES]);
                assert_eq!(e.export::<F>(e.zero::<F>()), [F::ZERO; LANES]);

                // Elements as great as they may be: 8 p and 84 p.
                let times = |x, n| (1..n).fold(x, |sum, _| e.add::<F>(sum, x));
                let (x4, y4) = (times(x, 4), times(y, 4));
                let sixteen = F::from(16);
                let product = e.mul::<F>(x4, y4);
                assert_eq!(e.export::<F>(product), each(&|a, b| a * b * sixteen));
                let square = e.square::<F>(x4);
                assert_eq!(e.export::<F>(square), each(&|a, _| a.square() * sixteen));
                let great = times(x, 42);
                let reduced = e.reduce::<F>(great);
                assert_eq!(e.export::<F>(reduced), each(&|a, _| a * F::from(42)));
                let great = e.sub::<32, F>(times(x, 26), times(y, 16));
                let (p, q) = (F::from(26), F::from(16));
                let expected = each(&|a, b| a * p - b * q);
                assert_eq!(e.export::<F>(e.reduce::<F>(great)), expected);

                // Lazy sums of 16 terms, with elements as great as they may be, down to the least integer and up to the greatest.
                let lazy = |f: &dyn Fn(usize) -> bool| {
                    let mut sum = e.lazy::<F>(e.zero::<F>());
                    for i in 0..15 {
                        let term = e.lazy::<F>(if i % 2 == 0 { x } else { y });
                        sum = if f(i) {
                            e.lazy_add::<F>(sum, term)
                        } else {
                            e.lazy_sub::<F>(sum, term)
                        };
                    }
                    sum
                };
                let (seven, eight) = (F::from(7), F::from(8));
                let least = lazy(&|_| false);
                let expected = each(&|a, b| -(a * eight + b * seven));
                assert_eq!(e.export::<F>(e.lazy_done::<30, F>(least)), expected);
                let reduced_sum = e.lazy_reduced::<31, F>(least);
                assert_eq!(e.export::<F>(reduced_sum), expected);
                let mixed = lazy(&|i| i % 2 == 0);
                let expected = each(&|a, b| a * eight - b * seven);
                assert_eq!(e.export::<F>(e.lazy_reduced::<15, F>(mixed)), expected);
                let greatest = lazy(&|_| true);
                let expected = each(&|a, b| a * eight + b * seven);
                assert_eq!(e.export::<F>(e.lazy_done::<0, F>(greatest)), expected);
                assert_eq!(e.export::<F>(e.lazy_reduced::<1, F>(greatest)), expected);
                let negated = e.lazy_negate::<F>(0x5a, e.lazy::<F>(x));
                let negated = e.export::<F>(e.lazy_done::<2, F>(negated));
                let expected: [F; LANES] =
                    std::array::from_fn(|i| if 0x5a >> i & 1 == 1 { -a[i] } else { a[i] });
                assert_eq!(negated, expected);
                // What has been reduced is below 3 p, so that this keeps the bound of a product.
                let product = e.mul::<F>(times(reduced_sum, 14), e.splat(F::ONE));
                let expected = each(&|a, b| -(a * eight + b * seven) * F::from(14));
                assert_eq!(e.export::<F>(product), expected);
                let mut singles = [Single::ZERO; LANES];
                e.scatter(e.add::<F>(x, x), singles.each_mut());
                let gathered = e.export::<F>(e.gather(singles.each_ref()));
                assert_eq!(gathered, each(&|a, _| a.double()));

                let mut sum = e.sum::<F>();
                for _ in 0..21 {
                    sum = e.sum_add::<F>(sum, x, y);
                }
                let sum = e.sum_done::<F>(sum);
                assert_eq!(e.export::<F>(sum), each(&|a, b| a * b * F::from(21)));

                let mut blocks = [Block::ZERO; 2];
                e.store(x, &mut blocks[0]);
                e.store(reduced, &mut blocks[1]);
                assert_eq!(e.export::<F>(e.load(&blocks[0])), a);
                let row = [a, a.map(|a| a * F::from(42))].concat();
                let across = e.export::<F>(e.load_across([&blocks[0], &blocks[1]], lane));
                assert_eq!(across, row[lane..lane + LANES]);
                assert_eq!(e.export::<F>(e.load(&Block::ZERO)), [F::ZERO; LANES]);

                let mut singles = [Single::ZERO; LANES];
                e.scatter(reduced, singles.each_mut());
                let order: [usize; LANES] = std::array::from_fn(|i| (3 * i + lane) % LANES);
                let gathered = e.export::<F>(e.gather(order.map(|i| &singles[i])));
                assert_eq!(gathered, order.map(|i| a[i] * F::from(42)));
                let gathered = e.export::<F>(e.gather([&Single::ZERO; LANES]));
                assert_eq!(gathered, [F::ZERO; LANES]);

                let rows: [_; LANES] = std::array::from_fn(|i| e.mul::<F>(x, e.splat(b[i])));
                let columns = e.transpose::<F>(rows).map(|v| e.export::<F>(v));
                for (i, j) in (0..LANES).flat_map(|i| (0..LANES).map(move |j| (i, j))) {
                    assert_eq!(columns[j][i], a[j] * b[i]);
                }

                let mask =
                    |f: &dyn Fn(usize) -> bool| (0..LANES).fold(0, |m, i| m | u8::from(f(i)) << i);
                assert_eq!(e.zeros::<F>(x), mask(&|i| a[i] == F::ZERO));
                let none = e.sub::<2, F>(x, x);
                assert_eq!(e.zeros::<F>(none), u8::MAX);
                assert_eq!(e.zeros::<F>(e.sub::<2, F>(x, y)), mask(&|i| a[i] == b[i]));
                let odd = e.export::<F>(e.select::<F>(0xaa, x, y));
                let expected: [F; LANES] =
                    std::array::from_fn(|i| if i % 2 == 1 { b[i] } else { a[i] });
                assert_eq!(odd, expected);

                let words = a.map(|a| a.words());
                assert_eq!(e.export::<F>(e.import_words::<F>(&words)), a);
                for (words, a) in e.integers(&a).iter().zip(a) {
                    let mut high_first = *words;
                    high_first.reverse();
                    assert_eq!(element::<F>(high_first), a);
                    assert!(words.iter().rev().lt(F::P.iter().rev()));
                }
            },
        );
    }
}

fn check<F: Field>(a: [F; LANES], b: [F; LANES], lane: usize) {
    for portable in [false, true] {
        with_engine(portable, Check { a, b, lane });
    }
}

fn check_edges<F: Field>() {
    let edges = edges::<F>();
    for (i, a) in edges.iter().enumerate() {
        for start in (0..edges.len()).step_by(LANES) {
            let b = std::array::from_fn(|j| edges[(start + j) % edges.len()]);
            check([*a; LANES], b, i % LANES);
            check(b, [*a; LANES], i % LANES);
        }
    }
}

#[test]
fn edges_of_the_scalar_field() {
    check_edges::<Fr>();
}

#[test]
fn edges_of_the_base_field() {
    check_edges::<Fq>();
}

proptest! {
    #[test]
    fn random_elements(a: [[u64; 4]; LANES], b: [[u64; 4]; LANES], lane in 0..LANES) {
        check::<Fr>(a.map(element), b.map(element), lane);
        check::<Fq>(a.map(element), b.map(element), lane);
    }
}

/// On a machine that has the instructions, they are what is tested.
#[test]
fn says_which_engine_is_tested() {
    assert_eq!(name(true), Portable::NAME);
    eprintln!("the fastest engine here: {}", name(false));
}
