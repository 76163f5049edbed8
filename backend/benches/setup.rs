//! Parameters from a known secret, with halo2-axiom and with this crate.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr},
    poly::kzg::commitment::ParamsKZG,
};
use rand::{SeedableRng, rngs::StdRng};

fn setup(c: &mut Criterion) {
    let mut group = c.benchmark_group("setup");
    group.sample_size(10);
    let generator = || StdRng::seed_from_u64(1);
    for k in [12, 14] {
        group.throughput(Throughput::Elements(1 << k));
        group.bench_function(BenchmarkId::new("halo2", k), |b| {
            b.iter(|| ParamsKZG::<Bn256>::setup(k, generator()));
        });
    }
    for k in [12, 14, 17] {
        group.throughput(Throughput::Elements(1 << k));
        group.bench_function(BenchmarkId::new("backend", k), |b| {
            b.iter(|| backend::setup(k, Fr::random(generator()), |_| ()));
        });
    }
    group.finish();
}

criterion_group!(benches, setup);
criterion_main!(benches);
