//! From a batch to proofs: witness, segments, tables, keys, proofs.
//!
//! The functions that make keys and proofs are not generic: the proving library is compiled once, here.

use crate::l1::SegmentProof;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use circuits::{
    framework::{checker, circuit::MachineCircuit, table::Table},
    machine::{Explained, MainMachine, Spent},
    witness::{SegmentInput, halves},
};
use eyre::{Result, WrapErr, eyre};
use prover::{
    Budget, Progress, ProofFile, ProvableCircuit, ProvingKey, SegmentId, VerifyingKey,
    contract_key,
    segments::{ProvenSegment, Prover, Segment},
};
use sequencer::BatchWitness;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock},
};

/// The smallest and the largest shape: rows as powers of two.
pub const SHAPES: std::ops::RangeInclusive<u32> = 15..=20;

/// One segment of a batch, with the shape that holds it.
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
    /// The public values.
    pub public: [circuits::Fr; 2],
    /// What its table is made from.
    pub input: Arc<SegmentInput>,
}

impl PlannedSegment {
    /// The filled table.
    ///
    /// # Errors
    /// A sentence when the segment breaks a rule; a planned one does not.
    pub fn table(&self) -> Result<Table, String> {
        let filled = MainMachine::get().fill(&self.input);
        filled.map(|f| f.table).map_err(|e| e.to_string())
    }
}

/// The batch's input in one segment.
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
        (witness.codes.iter())
            .map(|code| (keccak256(code), code.clone()))
            .collect(),
        witness.tree()?,
    ))
}

/// Rows that the chips may fill in a table of 2^`k` rows.
pub fn capacity(k: u32) -> usize {
    MainMachine::get().machine.capacity(k)
}

/// The largest shape to prove in: the setting, or without one the largest whose estimated memory is free.
pub fn largest_shape(prover: &Prover, setting: Option<u32>) -> u32 {
    let fits = |k: &u32| prover.budget(&blank(*k)).check().is_ok();
    setting
        .or_else(|| SHAPES.rev().find(fits))
        .unwrap_or(*SHAPES.start())
}

/// Rows of the batch in one segment, which may be more than any shape holds.
///
/// # Errors
/// When the batch breaks a rule.
pub fn whole_rows(witness: &BatchWitness) -> Result<usize> {
    let measured = MainMachine::get().measure(&segment_input(witness)?);
    Ok(measured.map_err(|e| eyre!("{e}"))?.rows)
}

/// What each transaction of a batch costs, by number from 1, and what it is spent on: opcodes and parts of the program.
///
/// # Errors
/// When the batch breaks a rule.
pub fn profile(witness: &BatchWitness) -> Result<BTreeMap<u64, Vec<Cost>>> {
    let machine = MainMachine::get();
    let profile = machine.profile(&segment_input(witness)?);
    let mut costs: BTreeMap<u64, Vec<Cost>> = BTreeMap::new();
    for ((transaction, activity), spent) in profile.map_err(|e| eyre!("{e}"))? {
        if let Some(n) = transaction {
            let name = activity.name(&machine.program);
            costs.entry(n).or_default().push(Cost { name, spent });
        }
    }
    for of_transaction in costs.values_mut() {
        of_transaction.sort_by_key(|c| std::cmp::Reverse(c.spent.rows()));
    }
    Ok(costs)
}

/// What one opcode, or one part of the program outside of contracts, costs in a transaction.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The opcode's name, or what the part is for.
    pub name: String,
    /// How often it was done, and its rows.
    pub spent: Spent,
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

/// The plan in a line.
pub fn describe(segments: &[PlannedSegment]) -> String {
    let each: Vec<_> = segments
        .iter()
        .map(|s| format!("{} rows in 2^{}", s.rows, s.k))
        .collect();
    let s = if segments.len() == 1 { "" } else { "s" };
    format!("{} segment{s}: {}", segments.len(), each.join(", "))
}

/// What the checker says of a batch's tables.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What does not hold, ten failures a segment at most.
    pub failures: Vec<Explained>,
    /// Seconds that the checker took, without filling the tables.
    pub seconds: f64,
}

/// Checks every relation and bus of the segments' tables without a proof, one after the other.
///
/// # Errors
/// When a table cannot be filled.
pub fn check(segments: &[PlannedSegment]) -> Result<Checked> {
    let machine = &MainMachine::get().machine;
    let mut checked = Checked::default();
    for s in segments {
        let table = s.table().map_err(|e| eyre!(e))?;
        let started = std::time::Instant::now();
        let failures = checker::check(machine, &table, 10).err();
        checked.seconds += started.elapsed().as_secs_f64();
        let failures = failures.unwrap_or_default();
        let explained = MainMachine::get().explain(&table, failures);
        checked.failures.extend(explained);
    }
    Ok(checked)
}

/// The circuit of 2^`k` rows without a witness.
pub fn blank(k: u32) -> MachineCircuit {
    MachineCircuit::new(MainMachine::get().machine.clone(), k)
}

/// What a proof of 2^`k` rows costs, by what was measured in the prover's directory before.
pub fn budget(prover: &Prover, k: u32) -> Budget {
    let mut budget = prover.budget(&blank(k));
    budget.l1_gas = *L1_GAS;
    budget
}

/// Gas of a transaction that proves a batch of one segment: the constraint program's exactly, 16 for a byte of calldata,
/// the group operations' by EIP-1108, and a part measured on the contract that does not depend on the machine.
static L1_GAS: LazyLock<Option<u64>> = LazyLock::new(|| {
    const FIXED: u64 = 304_000;
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
});

/// The keys of the shape 2^`k`, from the prover's directory or made.
///
/// # Errors
/// When they cannot be made, read or written.
pub fn load(prover: &Prover, k: u32, progress: &dyn Progress) -> Result<Arc<ProvingKey>> {
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
    announce: &dyn Fn(SegmentId, &Budget),
    progress: &dyn Progress,
) -> Result<Vec<ProvenSegment>> {
    let batch = witness.statement.batch_number;
    let count = u32::try_from(segments.len())?;
    let jobs = segments
        .iter()
        .zip(0u32..)
        .map(|(s, index)| {
            let (segment, k) = (s.clone(), s.k);
            Segment {
                id: SegmentId {
                    batch,
                    index,
                    count,
                },
                blank: blank(k),
                public: s.public.to_vec(),
                metadata: s.end.to_vec(),
                rows_used: Some(s.rows as u64),
                build: Box::new(move || {
                    let machine = MainMachine::get().machine.clone();
                    let table = Arc::new(segment.table()?);
                    Ok(MachineCircuit::with_table(machine, k, table))
                }),
            }
        })
        .collect();
    let announce = |id: SegmentId, budget: &Budget| {
        let mut budget = budget.clone();
        budget.l1_gas = *L1_GAS;
        announce(id, &budget);
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
