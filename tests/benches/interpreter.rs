//! The machine's interpreter: instructions of the microcode a second on one core, for a contract that loops.

use alloy::consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, bytes};
use circuits::{machine::MainMachine, witness::SegmentInput};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eyre::{Result, eyre};
use hallmark::pipeline;
use protocol::genesis::GenesisAccount;
use tests::{BASE_FEE, CHAIN_ID, genesis, key, node_on, sign};

const LOOP: Address = Address::repeat_byte(0x1f);

/// A batch of one call of `JUMPDEST PUSH1 1 ADD DUP1 POP PUSH1 1 JUMP`, which ends when its gas does.
fn batch() -> Result<SegmentInput> {
    let mut genesis = genesis()?;
    let account = GenesisAccount {
        nonce: 1,
        code: bytes!("5f5b6001018050600156"),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(LOOP, account);
    let directory = tempfile::tempdir()?;
    let node = node_on(directory.path(), genesis)?;
    let call = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 1_200_000,
        max_fee_per_gas: 2 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(LOOP),
        ..TxEip1559::default()
    };
    node.submit(sign(&key(0)?, call)?)?;
    node.build_block()?;
    node.seal_batch()?
        .ok_or_else(|| eyre!("there is no batch"))?;
    pipeline::segment_input(&node.batch_witness(1)?)
}

fn instructions(c: &mut Criterion) {
    let input = batch().expect("a batch");
    let machine = MainMachine::get();
    let measured = machine.measure(&input).expect("a run");
    let cpu = measured.rows_by_chip.iter().find(|c| c.0 == "cpu");
    let rows = cpu.expect("the cpu has rows").1;
    let mut group = c.benchmark_group("a loop");
    group.sample_size(10);
    // An instruction has two rows.
    group.throughput(Throughput::Elements(rows as u64 / 2));
    group.bench_function("interpret", |b| {
        b.iter(|| machine.measure(&input).expect("a run"));
    });
    group.finish();
}

criterion_group!(benches, instructions);
criterion_main!(benches);
