//! Batches in several segments: they chain, end in the same state, and no other way to cut has a proof.

use super::{super::MainMachine, mixed};
use crate::{
    framework::checker,
    io::groups_of,
    sample::{Chain, dynamic, genesis, key, sign, transfer},
    testing::assert_holds,
    witness::{Cut, SegmentInput},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use protocol::{BoundaryState, statement::sponge_commitment};

fn cut(block: u64, left: u64) -> Cut {
    Cut { block, left }
}

/// The segments of a batch that is cut there.
pub(super) fn segments(whole: &SegmentInput, cuts: &[Cut]) -> Vec<SegmentInput> {
    let m = MainMachine::get();
    let mut rest = whole.clone();
    let mut segments = vec![];
    for cut in cuts {
        let segment = rest.until(*cut);
        let run = m
            .execute(&segment)
            .unwrap_or_else(|e| panic!("until {cut:?}: {e}"));
        rest = segment.following(run.boundary, &run.state);
        segments.push(SegmentInput {
            to: Some(run.boundary),
            ..segment
        });
    }
    segments.push(SegmentInput {
        to: whole.to,
        ..rest
    });
    segments
}

/// One block of three transfers that pass 17 groups of payload only in the second.
fn small() -> SegmentInput {
    let mut chain = Chain::of(genesis(30_000_000, 1_000_000_000, 2, 3));
    let to = Address::repeat_byte(0x77);
    let pay = |nonce| sign(transfer(nonce, to, U256::from(5), dynamic()), &key(0));
    chain.batch(vec![vec![pay(0), pay(1), pay(2)], vec![]])
}

/// Cuts of [`mixed`] (three transfers, none, one) and what they are there for.
pub(super) fn cuts() -> Vec<(&'static str, Vec<Cut>)> {
    vec![
        ("between the transfers of the first block", vec![cut(1, 1)]),
        ("behind a block's last transfer", vec![cut(1, 0)]),
        ("in a block without transfers", vec![cut(2, 0)]),
        ("before a block's first transfer", vec![cut(3, 1)]),
        ("behind the batch's last transfer", vec![cut(3, 0)]),
        ("within the first 136 bytes", vec![cut(1, 3)]),
        (
            "twice within the first 136 bytes",
            vec![cut(1, 3), cut(1, 3)],
        ),
        (
            "no whole block between two cuts",
            vec![cut(1, 0), cut(1, 0)],
        ),
        ("in three", vec![cut(1, 2), cut(3, 1)]),
        ("in four", vec![cut(1, 3), cut(1, 0), cut(2, 0)]),
    ]
}

// POSITIVE

#[test]
fn cut_batches_hold_and_chain() {
    let m = MainMachine::get();
    let whole = mixed();
    for (name, cuts) in cuts() {
        let parts = segments(&whole, &cuts);
        assert_eq!(parts[0].from, whole.from, "{name}");
        for pair in parts.windows(2) {
            assert_eq!(pair[0].to, Some(pair[1].from), "{name}");
        }
        for part in &parts {
            let filled = m.fill(part).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_holds(&m.machine, &filled.table);
            let public = part.public_input(&part.to.unwrap());
            let halves = crate::witness::halves(public.into());
            assert_eq!(filled.table.instance, halves, "{name}");
        }
    }
}

/// The boundary state between two segments is what the batch says, not what the machine makes of it.
#[test]
fn boundary_states_are_the_batchs_own() {
    let whole = mixed();
    let payload = protocol::Payload::decode(&whole.payload).unwrap();
    let blocks = &payload.blocks;
    let state = |cuts: &[Cut]| segments(&whole, cuts)[1].from;
    let first = state(&[cut(1, 1)]);
    let sizes: Vec<usize> = blocks[0]
        .transactions
        .iter()
        .map(|t| {
            protocol::payload::transaction_encoded_len(t.transaction.encode_for_signing().len())
        })
        .collect();
    let read = 8 + 104 + sizes[0] + sizes[1];
    let mut lanes = [0; 25];
    let absorbed = read / 136 * 136;
    crate::keccak::absorb(&mut lanes, &whole.payload[..absorbed]);
    let partial: Vec<u64> = groups_of(&whole.payload[absorbed..read]).collect();
    let expected = BoundaryState {
        block_number: blocks[0].number,
        block_timestamp: blocks[0].timestamp,
        payload_offset: read as u64,
        payload_sponge: protocol::field::to_bytes(&sponge_commitment(&lanes, &partial)),
        transaction_number: 2,
        block_open: true,
        gas_limit: blocks[0].gas_limit,
        base_fee: blocks[0].base_fee,
        coinbase: blocks[0].coinbase,
        prev_randao: blocks[0].prev_randao,
        transactions_left: 1,
        // What the machine says of the state and of the chains is checked by what follows from it.
        state_root: first.state_root,
        gas_used: first.gas_used,
        transactions_hash: first.transactions_hash,
        receipts_hash: first.receipts_hash,
        tip_hash: whole.from.tip_hash,
        ..BoundaryState::default()
    };
    assert_eq!(first, expected);
    assert_eq!(first.gas_used, 21_000 + 21_000 + 10 * (3 + 3 * 4));
    assert_ne!(first.state_root, whole.from.state_root);
    let within = state(&[cut(1, 3)]);
    assert_eq!(within.payload_offset, 112);
    let unabsorbed: Vec<u64> = groups_of(&whole.payload[..112]).collect();
    let none = sponge_commitment(&[0; 25], &unabsorbed);
    assert_eq!(within.payload_sponge, protocol::field::to_bytes(&none));
    assert_eq!(within.gas_used, 0);
}

/// Wherever it is cut, a batch ends in the same state and has the same digest.
#[test]
fn every_cut_leads_to_the_same_end() {
    let m = MainMachine::get();
    for whole in [mixed(), small()] {
        let end = whole.to.unwrap();
        assert_eq!(m.execute(&whole).unwrap().boundary, end);
        assert_eq!(end.payload_sponge, keccak256(&whole.payload));
        let blocks = protocol::Payload::decode(&whole.payload).unwrap().blocks;
        let places: Vec<Cut> = blocks
            .iter()
            .flat_map(|b| {
                (0..=b.transactions.len() as u64)
                    .rev()
                    .map(|n| cut(b.number, n))
            })
            .collect();
        let ends = |cuts: &[Cut]| {
            let mut parts = segments(&whole, cuts);
            let last = parts.pop().unwrap();
            let last = SegmentInput { to: None, ..last };
            let run = m.execute(&last).unwrap();
            (run.boundary, run.state.root_after)
        };
        let expected = ends(&[]);
        for place in &places {
            assert_eq!(ends(&[*place]), expected, "{place:?}");
        }
        assert_eq!(ends(&places), expected);
    }
}

#[test]
fn counted_rows_are_the_filled_ones() {
    let m = MainMachine::get();
    let mut inputs: Vec<_> = super::coverage::inputs()
        .into_iter()
        .map(|(_, input)| input)
        .collect();
    for (_, cuts) in cuts() {
        inputs.extend(segments(&mixed(), &cuts));
    }
    for input in inputs {
        let (measured, filled) = (m.measure(&input).unwrap(), m.fill(&input).unwrap());
        assert_eq!(measured.rows_by_chip, filled.rows_by_chip);
        assert_eq!(measured.rows, filled.rows);
        assert_eq!(measured.next.from, filled.boundary);
    }
}

// NEGATIVE

#[track_caller]
fn refused(input: &SegmentInput, what: &str) {
    let run = MainMachine::get().execute(input).map(|_| ());
    assert!(run.is_err(), "{what}: accepted");
}

/// Refused because the segment hash is another.
#[track_caller]
fn another_statement(input: &SegmentInput, what: &str) {
    match MainMachine::get().execute(input).map(|_| ()) {
        Ok(()) => panic!("{what}: accepted"),
        Err(e) => assert_eq!(e.part, "segment hash is the public input", "{what}: {e}"),
    }
}

type Change = (&'static str, fn(&mut BoundaryState));

/// Each word of a boundary state, changed.
const FIELDS: [Change; 21] = [
    ("state root", |s| s.state_root.0[31] ^= 1),
    ("tip hash", |s| s.tip_hash.0[31] ^= 1),
    ("block number", |s| s.block_number += 1),
    ("timestamp", |s| s.block_timestamp += 1),
    ("queue index", |s| s.queue_index += 1),
    ("queue hash", |s| s.queue_hash.0[31] ^= 1),
    ("withdrawal root", |s| s.withdrawal_root.0[31] ^= 1),
    ("payload sponge", |s| s.payload_sponge.0[31] ^= 1),
    ("payload offset", |s| s.payload_offset += 8),
    ("transaction number", |s| s.transaction_number += 1),
    ("block open", |s| s.block_open ^= true),
    ("gas limit", |s| s.gas_limit += 1),
    ("base fee", |s| s.base_fee += 1),
    ("coinbase", |s| s.coinbase.0[19] ^= 1),
    ("prevrandao", |s| s.prev_randao.0[31] ^= 1),
    ("transactions left", |s| s.transactions_left += 1),
    ("gas used", |s| s.gas_used += 1),
    ("transactions hash", |s| s.transactions_hash.0[31] ^= 1),
    ("receipts hash", |s| s.receipts_hash.0[31] ^= 1),
    ("suspended", |s| s.suspended.0[31] ^= 1),
    ("deferred", |s| s.deferred.0[31] ^= 1),
];

#[test]
fn each_field_of_a_boundary_state_is_bound() {
    let parts = segments(&mixed(), &[cut(1, 2), cut(3, 0)]);
    for (name, change) in FIELDS {
        for part in &parts {
            let mut to = part.clone();
            change(to.to.as_mut().unwrap());
            another_statement(&to, name);
        }
        for part in &parts[..2] {
            let mut from = part.clone();
            change(&mut from.from);
            refused(&from, name);
        }
    }
    // An offset that is no group's, and one beyond the payload.
    for offset in [1, 7, 8_000] {
        let mut part = parts[1].clone();
        part.from.payload_offset += offset;
        refused(&part, "offset");
    }
}

/// The bytes behind the last whole block are read on both sides of a cut: they are the same.
#[test]
fn a_segment_goes_on_over_the_same_bytes() {
    let whole = mixed();
    let [first, second] = &segments(&whole, &[cut(1, 1)])[..] else {
        panic!("two segments")
    };
    let read = second.from.payload_offset as usize;
    let absorbed = read / 136 * 136;
    assert!(absorbed < read && absorbed > 0);
    let flip = |input: &SegmentInput, at: usize| {
        let mut input = input.clone();
        input.payload[at] ^= 1;
        input
    };
    for at in (absorbed..read).step_by(7) {
        another_statement(&flip(second, at), "a byte that is committed to");
    }
    for at in (read..whole.payload.len()).step_by(31) {
        refused(&flip(second, at), "a byte of the segment");
    }
    for at in (0..read).step_by(13) {
        refused(&flip(first, at), "a byte of the first segment");
    }
    // What is absorbed before the cut is the first segment's matter alone, what follows it the second's.
    let m = MainMachine::get();
    m.execute(&flip(first, read)).unwrap();
    // The state that the hash goes on from is committed to: the changed bytes give another one.
    another_statement(&flip(second, 0), "a byte under the sponge's state");
}

/// No two places of a batch have the same boundary state, so nothing is skipped or repeated between neighbours.
#[test]
fn transactions_are_neither_skipped_nor_repeated() {
    let whole = mixed();
    let places = [(1, 3), (1, 2), (1, 1), (1, 0), (2, 0), (3, 1), (3, 0)].map(|(b, l)| cut(b, l));
    let parts = segments(&whole, &places);
    let mut hashes: Vec<B256> = parts.iter().map(|p| p.from.hash()).collect();
    hashes.push(whole.to.unwrap().hash());
    hashes.sort();
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
    // A segment ends where it ends, and nowhere else.
    for (i, part) in parts.iter().enumerate() {
        for (j, other) in parts.iter().enumerate().filter(|(j, _)| *j != i) {
            let to = SegmentInput {
                to: other.to,
                ..part.clone()
            };
            another_statement(&to, &format!("{i} with the end of {j}"));
        }
    }
    // The state is that before the transaction, or the nonce is wrong: the same transaction twice.
    let again = SegmentInput {
        accounts: parts[2].accounts.clone(),
        storage: parts[2].storage.clone(),
        nodes: parts[2].nodes.clone(),
        ..parts[1].clone()
    };
    refused(&again, "executed twice");
}

#[test]
fn a_cut_is_no_end_and_no_beginning() {
    let whole = mixed();
    let parts = segments(&whole, &[cut(1, 1)]);
    let (cut_state, end) = (parts[0].to, whole.to);
    another_statement(
        &SegmentInput {
            to: end,
            ..parts[0].clone()
        },
        "a cut as the end",
    );
    for part in [&whole, &parts[1]] {
        let input = SegmentInput {
            to: cut_state,
            ..part.clone()
        };
        another_statement(&input, "the end as a cut");
    }
    // The whole batch from a state that a block is open in, and the rest of it from the beginning.
    let mut open = whole.clone();
    open.from.block_open = true;
    refused(&open, "an open block at the beginning");
    let mut closed = parts[1].clone();
    closed.from.block_open = false;
    refused(&closed, "no open block in the middle");
    let beginning = SegmentInput {
        from: whole.from,
        ..parts[1].clone()
    };
    refused(&beginning, "the rest from the beginning");
    // A place that is not in the batch is never reached.
    let never = SegmentInput {
        to: end,
        ..whole.until(cut(9, 0))
    };
    MainMachine::get().execute(&never).unwrap();
}

/// The table of a segment serves no other statement.
#[test]
fn a_table_is_of_one_segment() {
    let m = MainMachine::get();
    let parts = segments(&small(), &[cut(1, 1)]);
    let tables: Vec<_> = parts.iter().map(|p| m.fill(p).unwrap().table).collect();
    for (i, j) in [(0, 1), (1, 0)] {
        let mut table = tables[i].clone();
        table.instance = tables[j].instance;
        let failures = checker::check(&m.machine, &table, 5).unwrap_err();
        assert!(failures.iter().any(|f| f.relation.contains("public input")));
    }
}
