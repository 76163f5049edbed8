//! The checker and what precedes it, without a proof: rows a second on one core.

use circuits::{framework::checker, machine::MainMachine};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hallmark::{pipeline, plan};

fn rows(c: &mut Criterion) {
    let witness = tests::transfers(10).expect("a batch");
    let segments = plan::plan(&witness, *pipeline::SHAPES.end()).expect("a plan");
    let (machine, table) = (&MainMachine::get().machine, segments[0].table());
    let table = table.expect("a table");
    let mut group = c.benchmark_group("ten transfers");
    group.sample_size(10);
    group.throughput(Throughput::Elements(pipeline::rows(&segments) as u64));
    group.bench_function("fill the table", |b| b.iter(|| segments[0].table()));
    group.bench_function("check the table", |b| {
        b.iter(|| checker::check(machine, &table, 1).expect("no failure"));
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
