//! Multi-scalar multiplication with each engine, by `halo2-axiom`, whose code is that of `halo2curves`, and by `ark-ec`: one vector of 2^16 scalars, of
//! several kinds. Points are in each library's own form before.
#![allow(missing_docs)]

use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use backend::{
    engine::{Engine, WithEngine, choices, with_engine},
    msm::Bases,
};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use ff::{Field, PrimeField as _};
use group::Curve;
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::bn256::{Fr, G1, G1Affine},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::hint::black_box;

const N: usize = 1 << 16;

fn bases() -> Vec<G1Affine> {
    let points: Vec<G1> = (0..N as u64)
        .into_par_iter()
        .map(|i| G1::generator() * Fr::random(StdRng::seed_from_u64(i)))
        .collect();
    let mut bases = vec![G1Affine::default(); N];
    G1::batch_normalize(&points, &mut bases);
    bases
}

fn kinds() -> Vec<(&'static str, Vec<Fr>)> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut small = |bits: u32| {
        let of = |_| Fr::from(rng.r#gen::<u64>() >> (64 - bits));
        (0..N).map(of).collect()
    };
    let [one, eight, sixteen] = [1, 8, 16].map(&mut small);
    let full: Vec<Fr> = (0..N).map(|_| Fr::random(&mut rng)).collect();
    let sparse = full
        .iter()
        .enumerate()
        .map(|(i, x)| if i % 64 == 0 { *x } else { Fr::ZERO });
    vec![
        ("sparse", sparse.collect()),
        ("full size", full),
        ("booleans", one),
        ("8 bits", eight),
        ("16 bits", sixteen),
    ]
}

struct Ours<'a, 'b> {
    group: &'a mut BenchmarkGroup<'b, WallTime>,
    bases: &'a [G1Affine],
    scalars: &'a [Fr],
    expected: G1,
}

impl WithEngine for Ours<'_, '_> {
    type Output = ();
    fn with<E: Engine>(self, engine: E) {
        let bases = Bases::new(engine, self.bases);
        assert_eq!(bases.multiply(&[self.scalars]), [self.expected]);
        self.group.bench_function(E::NAME, |b| {
            b.iter(|| black_box(bases.multiply(&[black_box(self.scalars)])))
        });
    }
}

fn ark_field<F: ark_ff::PrimeField>(x: [u8; 32]) -> F {
    F::from_le_bytes_mod_order(&x)
}

fn compare(c: &mut Criterion) {
    let bases = bases();
    let ark_bases: Vec<ark_bn254::G1Affine> = bases
        .iter()
        .map(|p| ark_bn254::G1Affine::new(ark_field(p.x.to_repr()), ark_field(p.y.to_repr())))
        .collect();
    for (kind, scalars) in kinds() {
        let expected = best_multiexp(&scalars, &bases);
        let mut group = c.benchmark_group(format!("2^16 scalars, {kind}"));
        group.sample_size(10);
        for portable in choices() {
            let (bases, scalars, group) = (&bases[..], &scalars[..], &mut group);
            with_engine(
                *portable,
                Ours {
                    group,
                    bases,
                    scalars,
                    expected,
                },
            );
        }
        group.bench_function("halo2-axiom", |b| {
            b.iter(|| black_box(best_multiexp(black_box(&scalars), &bases)))
        });
        let ark: Vec<ark_bn254::Fr> = scalars.iter().map(|s| ark_field(s.to_repr())).collect();
        let sum = ark_bn254::G1Projective::msm_unchecked(&ark_bases, &ark).into_affine();
        let expected = expected.to_affine();
        let [x, y] = [expected.x, expected.y].map(|c| ark_field(c.to_repr()));
        assert_eq!(sum.xy(), Some((x, y)));
        group.bench_function("ark-ec", |b| {
            b.iter(|| black_box(ark_bn254::G1Projective::msm_unchecked(&ark_bases, &ark)))
        });
        group.finish();
    }
}

criterion_group!(benches, compare);
criterion_main!(benches);
