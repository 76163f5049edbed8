//! The planner: the cheapest cut of a batch into segments, by exact rows.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use circuits::{
    machine::MainMachine,
    witness::{Cut, SegmentInput},
};
use hallmark::{pipeline, plan};
use sequencer::BatchWitness;
use tests::{CHAIN_ID, key, node, sign};

fn transfer(nonce: u64, bytes: usize) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000 + 40 * bytes as u64,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        input: vec![1; bytes].into(),
        ..Default::default()
    };
    sign(&key(0).unwrap(), transaction).unwrap()
}

/// A batch of blocks of transfers with so many bytes of calldata.
fn batch(blocks: &[&[usize]]) -> BatchWitness {
    let directory = tempfile::tempdir().unwrap();
    let node = node(directory.path()).unwrap();
    let mut nonce = 0;
    for block in blocks {
        for bytes in *block {
            node.submit(transfer(nonce, *bytes)).unwrap();
            nonce += 1;
        }
        assert_eq!(node.build_block().unwrap().transactions, block.len());
    }
    node.seal_batch().unwrap().unwrap();
    node.batch_witness(1).unwrap()
}

/// Least cost and number of segments, by trying every cut.
fn best(witness: &BatchWitness, largest: u32) -> (u64, usize) {
    let machine = MainMachine::get();
    let blocks = witness.decode_payload().unwrap().blocks;
    let places: Vec<Cut> = blocks
        .iter()
        .flat_map(|b| {
            let left = (0..=b.transactions.len() as u64).rev();
            left.map(|left| Cut {
                block: b.number,
                left,
            })
        })
        .collect();
    // For each place, what follows it and the best plan up to it.
    let mut best: Vec<Option<(u64, usize)>> = vec![None; places.len() + 2];
    best[0] = Some((0, 0));
    let mut rest: Option<SegmentInput> = Some(pipeline::segment_input(witness).unwrap());
    for from in 0..=places.len() {
        let input = rest.take().unwrap();
        let mut relax = |to: usize, rows: usize| {
            let shape = (15..=largest).find(|k| pipeline::capacity(*k) >= rows);
            if let (Some(k), Some((cost, n))) = (shape, best[from]) {
                let new = (cost + (1 << k), n + 1);
                best[to] = Some(best[to].map_or(new, |old| old.min(new)));
            }
        };
        for (to, place) in places.iter().enumerate().skip(from) {
            let measured = machine.measure(&input.until(*place)).unwrap();
            relax(to + 1, measured.rows);
            if to == from {
                rest = Some(measured.next);
            }
        }
        relax(places.len() + 1, machine.measure(&input).unwrap().rows);
    }
    best[places.len() + 1].unwrap()
}

// POSITIVE

#[test]
fn plans_are_the_cheapest() {
    for (blocks, largest) in [
        (&[&[0; 4][..], &[], &[0; 3]][..], 16),
        (&[&[0; 4][..], &[], &[0; 3]], 15),
        (&[&[400, 0, 0, 600, 0, 0]], 15),
        (&[&[0; 9], &[0; 5]], 17),
        (&[&[]], 20),
    ] {
        let witness = batch(blocks);
        let plan = plan::plan(&witness, largest).unwrap();
        let cost: u64 = plan.iter().map(|s| 1 << s.k).sum();
        println!("{}", pipeline::describe(&plan));
        assert_eq!((cost, plan.len()), best(&witness, largest), "{blocks:?}");
        assert_eq!(plan[0].input.from.payload_offset, 0);
        for pair in plan.windows(2) {
            assert_eq!(pair[0].end, pair[1].input.from.hash());
        }
        assert_eq!(plan.last().unwrap().end, witness.statement.end().hash());
        for s in &plan {
            assert!(s.rows <= pipeline::capacity(s.k) && s.k <= largest);
            assert_eq!(s.rows, s.rows_by_chip.iter().map(|c| c.1).sum::<usize>());
        }
    }
}

// NEGATIVE

#[test]
fn what_cannot_be_cut_and_does_not_fit_is_named() {
    let witness = batch(&[&[0, 9_000, 0]]);
    let error = plan::plan(&witness, 15).unwrap_err().to_string();
    assert!(
        error.contains("cannot be cut") && error.contains("2^15"),
        "{error}"
    );
    assert!(plan::plan(&witness, 17).is_ok());
    for largest in [14, 21] {
        assert!(plan::plan(&witness, largest).is_err());
    }
}

#[test]
fn another_outcome_has_no_plan() {
    let mut witness = batch(&[&[0]]);
    witness.statement.block_hash.0[0] ^= 1;
    let error = plan::plan(&witness, 20).unwrap_err().to_string();
    assert!(error.contains("cannot be proven"), "{error}");
}
