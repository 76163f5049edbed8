//! From a batch to proofs: witness, table, shape, keys, proofs.
//!
//! The functions that make keys and proofs are not generic: the proving library is compiled once, here.

use crate::l1::SegmentProof;
use alloy_primitives::{B256, Bytes, U256};
use circuits::{
    framework::{
        checker::{self, Failure},
        circuit::MachineCircuit,
        table::Table,
    },
    machine::MainMachine,
    witness::{SegmentInput, halves},
};
use eyre::{Result, WrapErr, eyre};
use prover::{
    Budget, Progress, ProofFile, ProvableCircuit, SegmentId, VerifyingKey, contract_key,
    segments::{Loaded, ProvenSegment, Prover, Segment},
};
use sequencer::{BatchWitness, TransfersOnly};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The smallest and the largest shape: rows as powers of two.
pub const SHAPES: std::ops::RangeInclusive<u32> = 15..=20;

/// One segment of a batch, filled, with the shape that holds it.
#[derive(Clone, Debug)]
pub struct PlannedSegment {
    /// The shape has 2^k rows.
    pub k: u32,
    /// Hash of the boundary state after the segment.
    pub end: B256,
    /// Rows that the chips use.
    pub rows: usize,
    /// The same by chip.
    pub rows_by_chip: Vec<(String, usize)>,
    /// The filled table.
    pub table: Arc<Table>,
}

/// Input of the batch's only segment.
///
/// # Errors
/// When a tree node of the witness is damaged.
pub fn segment_input(witness: &BatchWitness) -> Result<SegmentInput> {
    Ok(SegmentInput::whole_batch(
        &witness.statement,
        witness.parent,
        witness.payload.to_vec(),
        witness.accounts.iter().copied().collect(),
        witness
            .storage
            .iter()
            .map(|(a, slot, word)| ((*a, *slot), *word))
            .collect(),
        witness.tree()?,
    ))
}

/// Executes the batch in the machine and chooses the smallest shape that holds it.
///
/// # Errors
/// When the batch breaks a rule (it says which), or needs more rows than the largest shape has.
pub fn plan(witness: &BatchWitness) -> Result<Vec<PlannedSegment>> {
    witness.check()?;
    let number = witness.statement.batch_number;
    let input = segment_input(witness)?;
    let machine = MainMachine::get();
    let filled = machine
        .fill(&input)
        .map_err(|e| eyre!("batch {number} cannot be proven: {e}"))?;
    let k = shape(filled.rows).ok_or_else(|| {
        eyre!(
            "batch {number} needs {} rows, and the largest shape, 2^{}, holds {}: seal smaller batches",
            filled.rows,
            SHAPES.end(),
            capacity(*SHAPES.end())
        )
    })?;
    Ok(vec![PlannedSegment {
        k,
        end: input.to.hash(),
        rows: filled.rows,
        rows_by_chip: filled.rows_by_chip,
        table: Arc::new(filled.table),
    }])
}

/// Rows that the chips may fill in a table of 2^`k` rows.
pub fn capacity(k: u32) -> usize {
    MainMachine::get().machine.capacity(k)
}

/// What the sequencer lets in, and upper bounds of the rows that it costs. A test holds them against the machine.
pub fn provability() -> TransfersOnly {
    TransfersOnly {
        // Signature, hashing of the shortest transaction, and the paths of two accounts 50 levels deep.
        transaction_rows: 6_600,
        // Two Keccak hashes take 546 rows for 136 bytes each; the rest is for reading access lists.
        rows_per_byte: 12,
        block_rows: 4_000,
        batch_rows: 10_500,
    }
}

/// The smallest shape that holds `rows` rows.
pub fn shape(rows: usize) -> Option<u32> {
    SHAPES.clone().find(|k| capacity(*k) >= rows)
}

/// Rows of all segments.
pub fn rows(segments: &[PlannedSegment]) -> usize {
    segments.iter().map(|s| s.rows).sum()
}

/// Rows of all segments by chip.
pub fn rows_by_chip(segments: &[PlannedSegment]) -> BTreeMap<String, usize> {
    let mut sums = BTreeMap::new();
    for (chip, rows) in segments.iter().flat_map(|s| &s.rows_by_chip) {
        *sums.entry(chip.clone()).or_insert(0) += rows;
    }
    sums
}

/// Checks every relation and bus of the filled tables without a proof; what does not hold, ten failures a segment at most.
pub fn check(segments: &[PlannedSegment]) -> Vec<Failure> {
    let machine = &MainMachine::get().machine;
    segments
        .iter()
        .filter_map(|s| checker::check(machine, &s.table, 10).err())
        .flatten()
        .collect()
}

/// The circuit of 2^`k` rows without a witness.
pub fn blank(k: u32) -> MachineCircuit {
    MachineCircuit::new(MainMachine::get().machine.clone(), k)
}

/// What a proof of 2^`k` rows costs, by what was measured in the prover's directory before.
pub fn budget(prover: &Prover, k: u32) -> Budget {
    let mut budget = prover.budget(&blank(k));
    budget.l1_gas = l1_gas();
    budget
}

/// Gas of a transaction that proves a batch of one segment: the constraint program's exactly, 16 for a byte of calldata,
/// the group operations' by EIP-1108, and a part measured on the contract that does not depend on the machine.
fn l1_gas() -> Option<u64> {
    const FIXED: u64 = 280_000;
    const PER_BYTE: u64 = 16;
    const PER_MULTIPLICATION: u64 = 6_000 + 150;
    let cs = MainMachine::get().machine.constraint_system();
    let key = contract_key::figures(&cs, MachineCircuit::PUBLIC_VALUES).ok()?;
    Some(
        FIXED
            + PER_BYTE * key.proof_bytes as u64
            + PER_MULTIPLICATION * key.scalar_multiplications as u64
            + key.program_gas,
    )
}

/// Reference string and keys of the shape 2^`k`, from the prover's directory or made.
///
/// # Errors
/// When they cannot be made, read or written.
pub fn load(prover: &Prover, k: u32, progress: &dyn Progress) -> Result<Loaded> {
    prover
        .load(&blank(k), progress)
        .wrap_err_with(|| format!("the keys of 2^{k} rows"))
}

/// The verifying key of the shape 2^`k`, from the prover's directory or made.
///
/// # Errors
/// When it cannot be made, read or written.
pub fn verifying_key(
    prover: &Prover,
    k: u32,
    progress: &dyn Progress,
) -> Result<Arc<VerifyingKey>> {
    prover
        .verifying_key(&blank(k), progress)
        .wrap_err_with(|| format!("the verifying key of 2^{k} rows"))
}

/// Proves the segments of a batch. `announce` gets each proof's budget before it starts; finished proofs in `store`
/// are taken from there.
///
/// # Errors
/// The first failure; proofs that were finished before it stay in `store`.
pub fn prove(
    prover: &Prover,
    witness: &BatchWitness,
    segments: &[PlannedSegment],
    store: &Path,
    announce: &dyn Fn(&Budget),
    progress: &dyn Progress,
) -> Result<Vec<ProvenSegment>> {
    let batch = witness.statement.batch_number;
    let count = u32::try_from(segments.len())?;
    let jobs = segments
        .iter()
        .zip(0u32..)
        .map(|(s, index)| {
            let (table, k) = (s.table.clone(), s.k);
            Segment {
                id: SegmentId {
                    batch,
                    index,
                    count,
                },
                blank: blank(k),
                public: table.instance.to_vec(),
                metadata: s.end.to_vec(),
                rows_used: Some(s.rows as u64),
                build: Box::new(move || {
                    let machine = MainMachine::get().machine.clone();
                    Ok(MachineCircuit::with_table(machine, k, table))
                }),
            }
        })
        .collect();
    let announce = |_: SegmentId, budget: &Budget| {
        let mut budget = budget.clone();
        budget.l1_gas = l1_gas();
        announce(&budget);
    };
    prover
        .prove_segments(jobs, store, &announce, progress)
        .wrap_err_with(|| format!("batch {batch}"))
}

/// The public values of a batch of one segment.
pub fn public_values(witness: &BatchWitness) -> [circuits::Fr; 2] {
    let statement = &witness.statement;
    let from = statement.start(witness.parent.timestamp);
    let hash = statement.segment_hash(&from, &statement.end());
    halves(U256::from_be_bytes(hash.0))
}

/// A segment's proof as the contract takes it.
///
/// # Errors
/// When the proof file does not say where its segment ends.
pub fn for_l1(file: &ProofFile) -> Result<SegmentProof> {
    let end = B256::try_from(file.metadata.as_slice()).map_err(|_| {
        eyre!("the proof file does not say where its segment ends; make it again with `hallmark prove`")
    })?;
    Ok(SegmentProof {
        k: file.k,
        end,
        proof: Bytes::from(file.proof.clone()),
    })
}
