//! Transforms with both engines and with halo2-axiom, of one column and of 32: values to coefficients (`interpolate`), and coefficients to
//! values on a coset (`evaluate`).

use backend::{
    column::Column,
    engine::{Engine, WithEngine, with_engine},
    ntt::Ntt,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ff::{Field, PrimeField};
use halo2_proofs::{halo2curves::bn256::Fr, poly::EvaluationDomain};
use rand::{SeedableRng, rngs::StdRng};

struct Bench<'a> {
    c: &'a mut Criterion,
    k: u32,
    columns: &'a [Vec<Fr>],
}

impl Bench<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}, k = {}, {} columns", self.k, self.columns.len())
    }
    fn elements(&self) -> Throughput {
        Throughput::Elements((self.columns.len() << self.k) as u64)
    }
}

impl WithEngine for Bench<'_> {
    type Output = ();
    fn with<E: Engine>(self, e: E) {
        let ntt = Ntt::new(e, self.k);
        let coset = ntt.coset(Fr::MULTIPLICATIVE_GENERATOR);
        let mut columns: Vec<_> = self.columns.iter().map(|c| Column::import(e, c)).collect();
        let mut values = columns.clone();
        let (interpolate, evaluate) = (self.name("interpolate"), self.name("evaluate"));
        let elements = self.elements();
        let mut group = self.c.benchmark_group(interpolate);
        group.sample_size(10).throughput(elements.clone());
        group.bench_function(E::NAME, |b| b.iter(|| ntt.interpolate(&mut columns)));
        group.finish();
        let references: Vec<_> = columns.iter().collect();
        let mut group = self.c.benchmark_group(evaluate);
        group.sample_size(10).throughput(elements);
        group.bench_function(E::NAME, |b| {
            b.iter(|| coset.evaluate_into(&references, &mut values));
        });
        group.finish();
    }
}

fn halo2(bench: Bench<'_>) {
    let domain = EvaluationDomain::<Fr>::new(1, bench.k);
    let (interpolate, evaluate) = (bench.name("interpolate"), bench.name("evaluate"));
    let elements = bench.elements();
    let mut columns = bench.columns.to_vec();
    let mut group = bench.c.benchmark_group(interpolate);
    group.sample_size(10).throughput(elements.clone());
    group.bench_function("halo2", |b| {
        b.iter(|| {
            for column in &mut columns {
                // In place, but for the copy out of halo2's type.
                let values = domain.lagrange_from_vec(std::mem::take(column));
                *column = domain.lagrange_to_coeff(values).to_vec();
            }
        });
    });
    group.finish();
    let columns: Vec<_> = columns
        .into_iter()
        .map(|c| domain.coeff_from_vec(c))
        .collect();
    let mut group = bench.c.benchmark_group(evaluate);
    group.sample_size(10).throughput(elements);
    group.bench_function("halo2", |b| {
        b.iter(|| {
            for column in &columns {
                std::hint::black_box(domain.coeff_to_extended_part(column.clone(), Fr::DELTA));
            }
        });
    });
    group.finish();
}

fn transforms(c: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    for k in [15, 16, 18] {
        let column = (0..1 << k)
            .map(|_| Fr::random(&mut rng))
            .collect::<Vec<_>>();
        for count in [1, 32] {
            let columns = &vec![column.clone(); count][..];
            for portable in [false, true] {
                with_engine(portable, Bench { c, k, columns });
            }
            halo2(Bench { c, k, columns });
        }
    }
}

criterion_group!(benches, transforms);
criterion_main!(benches);
