//! The checker and what precedes it, without a proof: rows a second on one core.

use alloy::consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use circuits::{framework::checker, machine::MainMachine};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eyre::{Result, eyre};
use hallmark::{pipeline, plan};
use sequencer::BatchWitness;
use tests::{BASE_FEE, CHAIN_ID, FUNDED, key, node, sign};

/// A batch of ten transfers in one block.
fn batch() -> Result<BatchWitness> {
    let directory = tempfile::tempdir()?;
    let node = node(directory.path())?;
    for n in 0..10 {
        let transfer = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: u64::from(n / FUNDED),
            gas_limit: 21_000,
            max_fee_per_gas: 2 * u128::from(BASE_FEE),
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(0x70 + n)),
            value: U256::from(1),
            ..Default::default()
        };
        node.submit(sign(&key(n % FUNDED)?, transfer)?)?;
    }
    node.build_block()?;
    node.seal_batch()?
        .ok_or_else(|| eyre!("there is no batch"))?;
    Ok(node.batch_witness(1)?)
}

fn rows(c: &mut Criterion) {
    let witness = batch().expect("a batch");
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
