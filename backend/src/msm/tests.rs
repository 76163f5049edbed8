//! Both engines against the library's multi-scalar multiplication and against a plain sum, on random values and on those where additions are
//! special.

use super::*;
use crate::{
    engine::{WithEngine, with_engine},
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

struct Multiply<'a> {
    bases: &'a [G1Affine],
    scalars: &'a [&'a [Fr]],
}

impl WithEngine for Multiply<'_> {
    type Output = Vec<G1>;
    fn with<E: Engine>(self, engine: E) -> Vec<G1> {
        let bases = Bases::new(engine, self.bases);
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
    for portable in [false, true] {
        let scalars = &scalars;
        assert_eq!(
            with_engine(portable, Multiply { bases, scalars }),
            expected,
            "portable: {portable}"
        );
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
    for portable in [false, true] {
        let (bases, scalars) = (&bases[..], &scalars[..]);
        assert_eq!(with_engine(portable, Multiply { bases, scalars }), expected);
    }
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
    let _ = Bases::new(crate::engine::Portable, &random_bases(3, 9)).multiply(&[&[Fr::ONE; 4]]);
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
    fn digits(sizes in prop::collection::vec(0..=BITS, 1..40), seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut halves = Halves { refs: Vec::new(), values: Vec::new(), lengths: [0; BITS + 1] };
        for (i, size) in sizes.into_iter().filter(|s| *s > 0).enumerate() {
            let top = 1u128 << (size - 1);
            let value = if rng.r#gen() { top + (top - 1) } else { top + rng.r#gen::<u128>() % top };
            halves.refs.push(i as u32 | if rng.r#gen() { NEGATIVE } else { 0 });
            halves.values.push(value);
            halves.lengths[size] += 1;
        }
        let halves = [halves];
        let windows = plan(&halves);
        let mut sums = vec![0i128; halves[0].refs.len()];
        for window in 0..windows.count {
            let sorted = windows.sort(window, &halves);
            prop_assert_eq!(sorted.ends.len(), windows.buckets(window) + 1);
            prop_assert_eq!(*sorted.ends.last().unwrap() as usize, sorted.refs.len());
            for (digit, ends) in (1..).zip(sorted.ends.windows(2)) {
                for base in &sorted.refs[ends[0] as usize..ends[1] as usize] {
                    let digit = if base & NEGATIVE != 0 { -digit } else { digit };
                    sums[(base & !NEGATIVE) as usize] += digit << (windows.bits * window);
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
fn windows_suit_the_values() {
    let of = |bits: usize, count: u64| {
        let mut lengths = [0; BITS + 1];
        lengths[bits] = count;
        let windows = Windows::choose(&lengths);
        (windows.bits, windows.count)
    };
    assert_eq!(of(1, 1 << 16), (1, 1));
    assert_eq!(of(8, 1 << 16), (8, 1));
    assert_eq!(of(0, 0), (1, 1));
    assert!(of(16, 1 << 10).1 > 1);
    assert!(of(BITS, 1 << 20).1 < of(BITS, 1 << 10).1);
}
