//! What a segment's rows are for, by transaction, opcode and chip; and where in a transaction a row of the table belongs.

use super::MainMachine;
use crate::{
    Fr, arith,
    cpu::{
        asm::Program,
        interpreter::{self, Execution, ExecutionError, Options},
        isa::Op,
        opcodes,
        profile::{Activity, Asked, Mark},
    },
    framework::{
        checker::{Failure, messages},
        table::Table,
        trace::Trace,
    },
    hash::{self, Permutations},
    keccak, logic, secp,
    tree::Chain,
    witness::SegmentInput,
};
use ff::PrimeField;
use protocol::field;
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

/// What was spent on one activity of one transaction, or outside of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How many times the activity began.
    pub times: usize,
    /// Micro-instructions.
    pub instructions: usize,
    /// Physical rows by chip. What several ask for is counted where it was asked for first.
    pub rows_by_chip: BTreeMap<&'static str, usize>,
}

impl Spent {
    /// Rows of all chips.
    pub fn rows(&self) -> usize {
        self.rows_by_chip.values().sum()
    }
    fn add(&mut self, chip: &'static str, rows: usize) {
        if rows > 0 {
            *self.rows_by_chip.entry(chip).or_default() += rows;
        }
    }
}

/// What was spent, by transaction (from 1, none outside) and activity.
pub type Profile = BTreeMap<(Option<u64>, Activity), Spent>;

impl MainMachine {
    /// Runs the segment's program and tells what its rows are for. A state key's path counts where the key is used first. The rows
    /// that begin and end words, and those of the codes' bytes, are not counted.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn profile(&self, input: &SegmentInput) -> Result<Profile, ExecutionError> {
        let options = Options {
            marked: true,
            ..Options::default()
        };
        let trace = Trace::counting(&self.machine);
        let run = interpreter::run(trace, self.chips(), &self.program, input, options)?;
        let end = Asked {
            accesses: run.keys.len(),
            ..run.requests.asked()
        };
        let total = run.executed.iter().sum::<u64>() as usize;
        let mut seen = Seen::default();
        let mut profile = Profile::new();
        for (i, mark) in run.marks.iter().enumerate() {
            let (to, instructions) = match run.marks.get(i + 1) {
                Some(next) => (next.asked, next.instructions),
                None => (end, total),
            };
            let spent = profile
                .entry((mark.transaction, mark.activity))
                .or_default();
            spent.times += 1;
            spent.instructions += instructions - mark.instructions;
            spent.add("cpu", 2 * (instructions - mark.instructions));
            self.asked(&run, mark, to, &mut seen, spent);
        }
        Ok(profile)
    }

    fn asked<'r>(
        &self,
        run: &'r Execution<'_>,
        mark: &Mark,
        to: Asked,
        seen: &mut Seen<'r>,
        spent: &mut Spent,
    ) {
        let (r, from) = (&run.requests, mark.asked);
        spent.add("cpu", to.accesses - from.accesses);
        let ariths = r.ariths.get(from.ariths..to.ariths).unwrap_or_default();
        let new = ariths.iter().filter(|a| seen.ariths.insert(a)).count();
        spent.add("arith", new);
        let products = r.products.get(from.products..to.products);
        let products = products.unwrap_or_default().iter();
        let new = products.filter(|p| seen.products.insert(p)).count();
        spent.add("arith", new * arith::product::ROWS);
        let logics = r.logics.get(from.logics..to.logics).unwrap_or_default();
        let new = logics.iter().filter(|l| seen.logics.insert(l));
        spent.add("logic", logic::rows(new.copied()));
        spent.add("io", to.words - from.words + to.reads - from.reads);
        let keccaks = r.keccaks.get(from.keccaks..to.keccaks).unwrap_or_default();
        let new = keccaks.iter().filter(|k| seen.keccaks.insert(k));
        let rows = new.map(|r| keccak::rows(r.length as usize, r.import, r.export));
        spent.add("keccak", rows.sum());
        let signatures = r.signatures.get(from.signatures..to.signatures);
        let signatures = signatures.unwrap_or_default().iter();
        let new = signatures.filter(|s| seen.signatures.insert(s)).count();
        spent.add("secp", new * secp::SIGNATURE_ROWS);
        let mut hashed =
            |input: &[Fr; 3]| match seen.permutations.insert(input.map(|x| x.to_repr())) {
                true => hash::ROWS,
                false => 0,
            };
        let asked = r.permutations.get(from.permutations..to.permutations);
        let mut rows: usize = asked.unwrap_or_default().iter().map(&mut hashed).sum();
        let mut tree = 0;
        for key in run.keys.get(from.accesses..to.accesses).unwrap_or_default() {
            let step = run.state.steps.iter().find(|s| s.access.key == *key);
            let Some(step) = step.filter(|_| seen.keys.insert(key.to_repr())) else {
                continue;
            };
            let (mut trace, mut permutations) =
                (Trace::counting(&self.machine), Permutations::default());
            let steps = std::slice::from_ref(step);
            let start = Chain::start(run.state.root_before);
            self.tree.fill(&mut trace, &mut permutations, start, steps);
            tree += trace.rows();
            rows += permutations.inputs().map(&mut hashed).sum::<usize>();
        }
        spent.add("tree", tree);
        spent.add("hash", rows);
    }
}

/// What was counted before.
#[derive(Default)]
struct Seen<'r> {
    ariths: HashSet<&'r arith::Operation>,
    products: HashSet<&'r arith::product::Product>,
    logics: HashSet<&'r logic::Operation>,
    keccaks: std::collections::BTreeSet<&'r keccak::Request>,
    signatures: std::collections::BTreeSet<&'r secp::Signature>,
    permutations: HashSet<[[u8; 32]; 3]>,
    keys: HashSet<[u8; 32]>,
}

/// Where in the execution a row belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the transaction in the segment, from 1, if one was being executed.
    pub transaction: Option<u64>,
    /// Program counter and opcode, inside a contract.
    pub opcode: Option<(u64, u8)>,
    /// Address of the micro-instruction.
    pub upc: u64,
    /// The part of the program that it belongs to.
    pub part: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(n) = self.transaction {
            write!(f, "transaction {n}, ")?;
        }
        if let Some((pc, byte)) = self.opcode {
            write!(f, "pc {pc}, {}, ", opcodes::name(byte))?;
        }
        write!(f, "micro-instruction {} ({})", self.upc, self.part)
    }
}

/// A relation that does not hold, and where in the execution.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What the checker found.
    pub failure: Failure,
    /// The instruction whose row it is, or that asked for what the row proves; none where no instruction did.
    pub place: Option<Place>,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}\n  {}", self.failure),
            None => write!(f, "{}", self.failure),
        }
    }
}

impl MainMachine {
    /// The failures with their places in the execution.
    pub fn explain(&self, table: &Table, failures: Vec<Failure>) -> Vec<Explained> {
        let ops = table.heads_of(self.cpu.op);
        let explained = failures.into_iter().map(|failure| Explained {
            place: self.instruction(table, &ops, failure.row),
            failure,
        });
        explained.collect()
    }

    /// The place of the instruction on this row, or of the first one that shares a message with it.
    fn instruction(&self, table: &Table, ops: &[usize], row: usize) -> Option<Place> {
        if let Ok(i) = ops.binary_search(&row) {
            return self.place(table, ops, i);
        }
        let sent: HashSet<_> = messages(&self.machine, table, row).into_iter().collect();
        let shares = |op: &usize| {
            messages(&self.machine, table, *op)
                .iter()
                .any(|m| sent.contains(m))
        };
        self.place(table, ops, ops.iter().position(shares)?)
    }

    fn place(&self, table: &Table, ops: &[usize], i: usize) -> Option<Place> {
        let (program, cells): (&Program, _) = (&self.program, &self.cpu.op_cells);
        let index = |op: usize| {
            let upc: u64 = field::to_word(&table.cell(op, cells.upc)).saturating_to();
            (upc, program.index(upc))
        };
        let (upc, here) = index(*ops.get(i)?);
        let here = here?;
        let before = || ops.iter().take(i + 1);
        let begun = before().filter(|op| index(**op).1 == Some(program.transaction.start));
        let transaction = program
            .transaction
            .contains(&here)
            .then(|| begun.count() as u64);
        let mut opcode = None;
        if program.opcodes.contains(&here) {
            let fetches = |op: usize| {
                let on = |o| table.cell(op, cells.on(o)) == Fr::from(1);
                on(Op::Fetch) && !on(Op::Take)
            };
            let last = (1..=i).rev().find_map(|j| {
                if !fetches(*ops.get(j - 1)?) {
                    return None;
                }
                let activity = index(*ops.get(j)?).1.and_then(|i| Activity::of(program, i));
                activity.map(|a| (j, a))
            });
            // The instruction before read the opcode.
            let fetch = last.and_then(|(j, _)| ops.get(j.checked_sub(1)?));
            if let (Some(fetch), Some((_, Activity::Opcode(byte)))) = (fetch, last) {
                let pc = field::to_word(&table.cell(*fetch, cells.at_old));
                opcode = Some((pc.saturating_to(), byte));
            }
        }
        Some(Place {
            transaction,
            opcode,
            upc,
            part: program.part(here).to_owned(),
        })
    }
}
