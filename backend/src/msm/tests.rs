//! Both engines against the library's multi-scalar multiplication and against a plain sum, on random values and on those where additions are
//! special.

use super::*;
use crate::{
    engine::{Portable, WithEngine, points::Points as _, with_engine},
    msm::{
        points::NEGATIVE,
        scalars::{BITS, Halves},
    },
};
use ff::{Field as _, PrimeField as _, WithSmallOrderMulGroup};
use group::Curve;
use halo2_proofs::arithmetic::best_multiexp;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// How many multiples are kept: none, some of which not all pieces need all, and one for each digit.
const COUNTS: [usize; 4] = [1, 2, 5, 64];

struct Multiply<'a> {
    bases: &'a [G1Affine],
    multiples: usize,
    scalars: &'a [&'a [Fr]],
}

impl WithEngine for Multiply<'_> {
    type Output = Vec<G1>;
    fn with<E: Engine>(self, engine: E) -> Vec<G1> {
        let layout = Layout::with_count(self.bases.len(), self.multiples, 0.0);
        let bases = Bases::with_layout(engine, self.bases, layout);
        assert_eq!(bases.len(), self.bases.len());
        assert_eq!(bases.is_empty(), self.bases.is_empty());
        bases.multiply(self.scalars)
    }
}

fn check(bases: &[G1Affine], vectors: &[Vec<Fr>]) {
    let scalars: Vec<&[Fr]> = vectors.iter().map(|v| &v[..]).collect();
    let expected: Vec<G1> = scalars
        .iter()
        .map(|v| {
            let terms = v.iter().zip(bases).filter(|(s, _)| !s.is_zero_vartime());
            terms.map(|(s, base)| base * s).sum()
        })
        .collect();
    for (portable, multiples) in [false, true]
        .into_iter()
        .flat_map(|p| COUNTS.map(|m| (p, m)))
    {
        let work = Multiply {
            bases,
            multiples,
            scalars: &scalars,
        };
        let sums = with_engine(portable, work);
        assert_eq!(sums, expected, "portable: {portable}, {multiples}");
    }
}

fn random_bases(n: usize, seed: u64) -> Vec<G1Affine> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..n).map(|_| G1Affine::random(&mut rng)).collect()
}

fn power(exponent: u64) -> Fr {
    Fr::from(2).pow([exponent])
}

/// Scalars next to all that is decided by their sizes.
fn edges() -> Vec<Fr> {
    let half = Fr::TWO_INV;
    let upper = Fr::from(0x3064_4e72_e131_a029 / 2) * power(192);
    let lambda = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
    let mut all = vec![
        Fr::ZERO,
        half,
        upper,
        upper + power(192),
        lambda,
        lambda.square(),
    ];
    for bits in [
        0, 1, 2, 7, 8, 13, 16, 17, 31, 64, 125, 126, 127, 128, 192, 253,
    ] {
        all.push(power(bits));
    }
    let near = all.iter().flat_map(|x| [*x, *x - Fr::ONE, *x + Fr::ONE]);
    near.flat_map(|x| [x, -x]).collect()
}

/// Vectors of one kind each.
fn kinds(n: usize, seed: u64) -> Vec<Vec<Fr>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut of = |f: &dyn Fn(&mut StdRng, usize) -> Fr| (0..n).map(|i| f(&mut rng, i)).collect();
    let edges = edges();
    vec![
        of(&|_, _| Fr::ZERO),
        of(&|_, _| Fr::ONE),
        of(&|_, _| -Fr::ONE),
        of(&|_, i| if i == n / 2 { Fr::TWO_INV } else { Fr::ZERO }),
        of(&|rng, _| Fr::from(rng.r#gen::<bool>())),
        of(&|rng, _| Fr::from(u64::from(rng.r#gen::<u8>()))),
        of(&|rng, _| -Fr::from(rng.gen_range(0..1 << 13))),
        of(&|rng, _| Fr::from(u64::from(rng.r#gen::<u16>()))),
        of(&|rng, _| Fr::from_u128(rng.r#gen())),
        of(&|rng, _| Fr::random(rng)),
        of(&|_, _| Fr::TWO_INV.square()),
        of(&|rng, i| {
            if i % 17 == 3 {
                Fr::random(rng)
            } else {
                Fr::from(i as u64 % 3)
            }
        }),
        of(&|_, i| edges[i % edges.len()]),
        of(&|rng, _| edges[rng.gen_range(0..edges.len())]),
    ]
}

#[test]
fn sums_of_random_points() {
    for n in [1, 2, 7, 8, 9, 65, 700] {
        check(&random_bases(n, 1), &kinds(n, n as u64));
    }
}

#[test]
fn points_whose_sums_are_special() {
    let n = 150;
    let [p, q] = [0, 1].map(|i| random_bases(2, 2)[i]);
    let small: Vec<G1> = (0..n).map(|i| p * Fr::from(i as u64)).collect();
    let mut multiples = vec![G1Affine::identity(); n];
    G1::batch_normalize(&small, &mut multiples);
    let zeta = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
    let image = (p * zeta).to_affine();
    let bases = [
        vec![p; n],
        (0..n).map(|i| if i % 2 == 0 { p } else { -p }).collect(),
        (0..n).map(|i| [p, p, -p, q][i % 4]).collect(),
        (0..n).map(|i| [p, image, -image, -p, q][i % 5]).collect(),
        (0..n)
            .map(|i| [p, G1Affine::identity(), q][i % 3])
            .collect(),
        vec![G1Affine::identity(); n],
        multiples,
    ];
    for bases in bases {
        check(&bases, &kinds(n, 3));
    }
}

#[test]
fn vectors_of_any_lengths() {
    let bases = random_bases(100, 4);
    let mut rng = StdRng::seed_from_u64(5);
    let lens = [0, 100, 1, 99, 8, 0, 64];
    let vectors = lens.map(|n| (0..n).map(|_| Fr::random(&mut rng)).collect());
    check(&bases, &vectors);
    check(&bases, &[]);
    check(&[], &[vec![], vec![]]);
}

/// Long vectors: several tasks share a bucket, and cut a vector.
#[test]
fn long_vectors() {
    let n = 3 * TASK + 77;
    let few = random_bases(64, 6);
    let mut rng = StdRng::seed_from_u64(7);
    let points: Vec<G1> = (0..n)
        .map(|i| few[i % 64] * Fr::from(1 + i as u64 / 64))
        .collect();
    let mut bases = vec![G1Affine::identity(); n];
    G1::batch_normalize(&points, &mut bases);
    let vectors: Vec<Vec<Fr>> = vec![
        vec![Fr::ONE; n],
        (0..n).map(|_| -Fr::from(rng.gen_range(0..256))).collect(),
        (0..n).map(|_| Fr::random(&mut rng)).collect(),
    ];
    let scalars: Vec<&[Fr]> = vectors.iter().map(|v| &v[..]).collect();
    let expected: Vec<G1> = vectors.iter().map(|v| best_multiexp(v, &bases)).collect();
    for (portable, multiples) in [(false, 1), (false, 8), (true, 1), (true, 4)] {
        let work = Multiply {
            bases: &bases,
            multiples,
            scalars: &scalars,
        };
        assert_eq!(with_engine(portable, work), expected);
    }
}

struct Fill<'a>(&'a [G1Affine], Layout);

impl WithEngine for Fill<'_> {
    type Output = Vec<G1Affine>;
    fn with<E: Engine>(self, engine: E) -> Vec<G1Affine> {
        let bases = Bases::with_layout(engine, self.0, self.1);
        let eights = bases.points.as_chunks().0;
        eights
            .iter()
            .flat_map(|eight| points::export(engine, eight))
            .collect()
    }
}

/// Each multiple is what the layout says, and so is its image, where there are several tasks too.
#[test]
fn multiples_of_points() {
    let mut few = random_bases(62, 11);
    few.extend([G1Affine::identity(), -few[0]]);
    let zeta = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
    for (len, count) in [(1, 64), (13, 5), ((1 << 12) + 9, 2)] {
        let layout = Layout::with_count(len, count, 0.0);
        let bases: Vec<G1Affine> = (0..len).map(|i| few[i % 64]).collect();
        let mut expected = vec![G1Affine::identity(); layout.points()];
        for (j, level) in expected.chunks_mut(layout.apart()).enumerate() {
            let power = Fr::from(2).pow([(layout.multiples.step * j) as u64]);
            for (factor, points) in [power, power * zeta]
                .iter()
                .zip(level.chunks_mut(layout.padded()))
            {
                let few: Vec<G1Affine> = few.iter().map(|p| (p * factor).to_affine()).collect();
                (0..len).for_each(|i| points[i] = few[i % 64]);
            }
        }
        for portable in [false, true] {
            assert_eq!(with_engine(portable, Fill(&bases, layout)), expected);
        }
    }
}

#[test]
fn budgets_are_kept() {
    let of = |len, bytes, far| {
        let layout = Layout::within(len, bytes, far);
        let more = (layout.points() - layout.apart()) * size_of::<Point>();
        assert!(more <= bytes && layout.points() <= 1 << 31);
        assert!(layout.multiples.step * layout.multiples.count >= BITS);
        layout.multiples.count
    };
    for len in [0, 1, 8, 100, 1 << 16, 1 << 20, 1 << 29, 1 << 30] {
        let one = 128 * usize::next_multiple_of(len, 8);
        for bytes in [0, 127, one.saturating_sub(1), one, 3 * one, usize::MAX] {
            for far in [0.0, 0.1, 1.0] {
                of(len, bytes, far);
            }
        }
        assert_eq!(of(len, 0, 0.0), 1);
        assert_eq!(of(len, one.saturating_sub(1), 0.0), 1);
    }
    assert_eq!(of(1 << 30, usize::MAX, 0.0), 1);
    // Memory that does not pay is not taken.
    assert_eq!(of(1 << 16, usize::MAX, 0.0), 8);
    assert_eq!(of(1 << 16, usize::MAX, 1.0), 1);
    let bases = random_bases(100, 12);
    let bases = Bases::with_precomputation(Portable, &bases, 5 << 20);
    assert!((1..=5 << 20).contains(&bases.precomputed_bytes()));
    assert_eq!(bases.layout, Layout::within(100, 5 << 20, Portable::FAR));
}

/// Multiples make fewer additions of full-size scalars, and as many of short ones.
#[test]
fn multiples_save_additions() {
    let n = 1 << 11;
    let points = random_bases(n, 13);
    let mut rng = StdRng::seed_from_u64(14);
    let full: Vec<Fr> = (0..n).map(|_| Fr::random(&mut rng)).collect();
    let short: Vec<Fr> = (0..n).map(|_| Fr::from(rng.gen_range(0..256))).collect();
    let additions = |bytes: usize, scalars: &[Fr]| {
        let bases = Bases::with_precomputation(Portable, &points, bytes);
        assert_eq!(bases.additions(), 0);
        let _ = bases.multiply(&[scalars]);
        bases.additions()
    };
    assert!(additions(1 << 24, &full) < additions(0, &full) * 9 / 10);
    assert_eq!(additions(1 << 24, &short), additions(0, &short));
}

/// So many scalars that they are worked on in groups.
#[test]
fn many_vectors() {
    let bases = random_bases(1 << 12, 8);
    let vectors: Vec<Vec<Fr>> = (0..2 * GROUP / bases.len() + 3)
        .map(|i| {
            let mut vector = vec![Fr::ZERO; bases.len()];
            vector[i] = Fr::from(i as u64);
            vector[i + 1] = -Fr::ONE;
            vector
        })
        .collect();
    check(&bases, &vectors);
}

#[test]
#[should_panic(expected = "longer than the bases")]
fn a_vector_longer_than_the_bases_is_refused() {
    let _ = Bases::new(Portable, &random_bases(3, 9)).multiply(&[&[Fr::ONE; 4]]);
}

struct Cut<'a>(&'a [Fr]);

impl WithEngine for Cut<'_> {
    type Output = Halves;
    fn with<E: Engine>(self, engine: E) -> Halves {
        scalars::halves(engine, self.0, 0, 1 << 20, |_| false)
    }
}

/// Halves are short, and are what the scalar is made of.
fn check_halves(scalars: &[Fr]) {
    let lambda = <Fr as WithSmallOrderMulGroup<3>>::ZETA;
    for portable in [false, true] {
        let halves = with_engine(portable, Cut(scalars));
        let mut sums = vec![Fr::ZERO; scalars.len()];
        let mut lengths = [0; BITS + 1];
        for (base, value) in halves.refs.iter().zip(&halves.values) {
            assert!(*value != 0 && value >> BITS == 0);
            lengths[value.ilog2() as usize + 1] += 1;
            let image = base >> 20 & 1 == 1;
            let value = Fr::from_u128(*value) * if image { lambda } else { Fr::ONE };
            let negative = base & NEGATIVE != 0;
            sums[(base & 0xf_ffff) as usize] += if negative { -value } else { value };
        }
        assert_eq!(sums, scalars);
        assert_eq!(halves.lengths, lengths);
    }
}

#[test]
fn halves_of_edges() {
    check_halves(&edges());
    // Small numbers and their negatives are one half.
    let small = [Fr::from(u64::MAX), -Fr::from(5), power(126) - Fr::ONE];
    assert_eq!(with_engine(false, Cut(&small)).refs, [0, 1 | NEGATIVE, 2]);
}

proptest! {
    #[test]
    fn halves_of_random_scalars(seed: u64, n in 1usize..20) {
        let mut rng = StdRng::seed_from_u64(seed);
        check_halves(&(0..n).map(|_| Fr::random(&mut rng)).collect::<Vec<_>>());
    }

    /// The digits of all windows are what the values are made of, for any sizes that values may have.
    #[test]
    fn digits(
        sizes in prop::collection::vec(0..=BITS, 1..40),
        seed: u64,
        count in 1usize..=64,
        pick: prop::sample::Index,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut halves = Halves { refs: Vec::new(), values: Vec::new(), lengths: [0; BITS + 1] };
        for (i, size) in sizes.into_iter().filter(|s| *s > 0).enumerate() {
            let top = 1u128 << (size - 1);
            let value = if rng.r#gen() { top + (top - 1) } else { top + rng.r#gen::<u128>() % top };
            halves.refs.push(i as u32 | if rng.r#gen() { NEGATIVE } else { 0 });
            halves.values.push(value);
            halves.lengths[size] += 1;
        }
        let multiples = Multiples::new(count, 1 << 8, 0.0);
        let longest = halves.lengths.iter().rposition(|n| *n != 0).unwrap_or(0);
        let all: Vec<Windows> = Windows::all(longest, multiples).collect();
        let chosen = Windows::choose(&halves.lengths.map(u64::from), multiples);
        prop_assert!(all.contains(&chosen));
        let windows = all[pick.index(all.len())];
        let halves = [halves];
        let mut sums = vec![0i128; halves[0].refs.len()];
        for window in 0..windows.count {
            let sorted = windows.sort(window, &halves, 1);
            prop_assert_eq!(sorted.ends.len(), windows.buckets(window) + 1);
            prop_assert_eq!(*sorted.ends.last().unwrap() as usize, sorted.refs.len());
            for (digit, ends) in (1..).zip(sorted.ends.windows(2)) {
                for base in &sorted.refs[ends[0] as usize..ends[1] as usize] {
                    let digit = if base & NEGATIVE != 0 { -digit } else { digit };
                    let multiple = (base & !NEGATIVE) as usize >> 8;
                    prop_assert!(multiple < count);
                    let power = multiples.step * multiple + windows.bits * window;
                    sums[(base & 0xff) as usize] += digit << power;
                }
            }
        }
        for ((base, value), sum) in halves[0].refs.iter().zip(&halves[0].values).zip(sums) {
            let value = value.cast_signed();
            prop_assert_eq!(sum, if base & NEGATIVE != 0 { -value } else { value });
        }
    }

    #[test]
    fn few_points_many_coincidences(picks in prop::collection::vec((0usize..6, 0usize..8), 1..60)) {
        let [p, q] = [0, 1].map(|i| random_bases(2, 10)[i]);
        let points = [p, -p, q, (p + q).to_affine(), (p + p).to_affine(), G1Affine::identity()];
        let scalars = [0, 1, 2, 3].map(Fr::from);
        let (bases, vector) = picks
            .into_iter()
            .map(|(i, j)| (points[i], if j < 4 { scalars[j] } else { -scalars[j - 4] }))
            .unzip::<_, _, Vec<_>, Vec<_>>();
        check(&bases, &[vector]);
    }
}

/// Values of one size are cut as is cheapest: small ones not at all, and long ones in few digits.
#[test]
fn sorting_in_tasks_is_the_same() {
    let mut rng = StdRng::seed_from_u64(15);
    let halves: Vec<Halves> = (0..23)
        .map(|i| {
            let scalars: Vec<Fr> = (0..50 * (i % 3)).map(|_| Fr::random(&mut rng)).collect();
            with_engine(false, Cut(&scalars))
        })
        .collect();
    for windows in Windows::all(BITS, Multiples::new(3, 1 << 22, 0.0)) {
        for window in 0..windows.count {
            let one = windows.sort(window, &halves, 1);
            for tasks in [2, 5, 100] {
                let several = windows.sort(window, &halves, tasks);
                assert_eq!(one.ends, several.ends);
                for ends in one.ends.windows(2) {
                    let of = |sorted: &Sorted| {
                        let mut refs = sorted.refs[ends[0] as usize..ends[1] as usize].to_vec();
                        refs.sort_unstable();
                        refs
                    };
                    assert_eq!(of(&one), of(&several));
                }
            }
        }
    }
}

#[test]
fn windows_suit_the_values() {
    let of = |bits: usize, count: u64| {
        let mut lengths = [0; BITS + 1];
        lengths[bits] = count;
        let windows = Windows::choose(&lengths, Multiples::new(1, 0, 0.0));
        (windows.bits, windows.count)
    };
    assert_eq!(of(1, 1 << 16), (1, 1));
    assert_eq!(of(8, 1 << 16), (8, 1));
    assert_eq!(of(0, 0), (1, 1));
    assert!(of(16, 1 << 10).1 > 1);
    assert!(of(BITS, 1 << 20).1 < of(BITS, 1 << 10).1);
}
