//! The main machine: all chips on one table, and how a segment's execution fills it.

use crate::{
    LAYOUT, arith,
    buses::Buses,
    cpu::{
        self,
        asm::Program,
        interpreter::{self, Execution, ExecutionError},
    },
    framework::{Machine, MachineBuilder, table::Table, trace::Trace},
    hash::{self, Permutations},
    io, keccak, secp,
    tree::{self, Chain},
    witness::{SegmentInput, halves},
};
use rayon::prelude::*;
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// The machine with the handles of its chips.
pub struct MainMachine {
    /// The machine.
    pub machine: Arc<Machine>,
    /// The segment's program.
    pub program: Program,
    cpu: cpu::CpuChip,
    io: io::IoChip,
    arith: arith::ArithChip,
    keccak: keccak::KeccakChip,
    hash: hash::HashChip,
    secp: secp::SecpChip,
    tree: tree::TreeChip,
}

/// A segment's filled table.
#[derive(Clone, Debug)]
pub struct FilledSegment {
    /// The table.
    pub table: Table,
    /// Physical rows that the chips use.
    pub rows: usize,
    /// The same by chip.
    pub rows_by_chip: Vec<(String, usize)>,
    /// Micro-instructions executed.
    pub instructions: usize,
}

static MACHINE: LazyLock<MainMachine> = LazyLock::new(MainMachine::new);

impl MainMachine {
    /// The machine, built once in a process.
    pub fn get() -> &'static Self {
        &MACHINE
    }

    fn new() -> Self {
        let mut b = MachineBuilder::new(LAYOUT);
        let buses = Buses::declare(&mut b);
        let program = cpu::program::build();
        let cpu = cpu::define(&mut b, &buses, &program);
        let io = io::define(&mut b, &buses);
        let arith = arith::define(&mut b, &buses);
        let keccak = keccak::define(&mut b, &buses);
        let hash = hash::define(&mut b, &buses);
        let secp = secp::define(&mut b, &buses);
        let tree = tree::define(&mut b, &buses);
        Self {
            machine: Arc::new(b.build()),
            program,
            cpu,
            io,
            arith,
            keccak,
            hash,
            secp,
            tree,
        }
    }

    /// Runs the segment's program alone.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn execute(&self, input: &SegmentInput) -> Result<Execution<'_>, ExecutionError> {
        interpreter::run(Trace::new(&self.machine), &self.cpu, &self.program, input)
    }

    /// Runs the segment's program and fills the table.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn fill(&self, input: &SegmentInput) -> Result<FilledSegment, ExecutionError> {
        let Execution {
            mut trace,
            requests,
            records,
            public,
            instructions,
        } = self.execute(input)?;
        self.io.groups.trace_payload(&mut trace, 0, &input.payload);
        self.io
            .groups
            .trace_words(&mut trace, requests.words.iter().copied());
        self.io.trace_reads(&mut trace, &requests.reads);
        self.arith
            .trace(&mut trace, requests.ariths.iter().copied());

        let steps = records
            .openings()
            .map_err(|e| ExecutionError::of_part("state tree", e))?;
        let mut permutations = Permutations::default();
        self.tree.fill(
            &mut trace,
            &mut permutations,
            Chain::start(records.root_before()),
            &steps,
        );
        for p in &requests.permutations {
            permutations.permute(*p);
        }
        self.hash.fill(&mut trace, &permutations);

        let digests: BTreeSet<_> = requests.keccaks.iter().copied().collect();
        for part in self.parts(&digests, |part, request| {
            let run = requests.keccak(&input.payload, request)?;
            self.keccak.hash(part, request, &run);
            Ok(())
        }) {
            trace.append(part?);
        }
        let signatures: BTreeSet<_> = requests.signatures.iter().copied().collect();
        for part in self.parts(&signatures, |part, signature| {
            self.secp
                .recover(part, signature)
                .map(|_| ())
                .map_err(|e| e.to_string())
        }) {
            trace.append(part?);
        }

        let rows = trace.rows();
        let table = trace.finish(halves(public));
        let rows_by_chip = table.rows_by_chip(&self.machine);
        Ok(FilledSegment {
            table,
            rows,
            rows_by_chip,
            instructions,
        })
    }

    /// One trace for each request, made on all cores, in the order of the requests.
    fn parts<'a, T: Ord + Sync>(
        &'a self,
        requests: &BTreeSet<T>,
        fill: impl Fn(&mut Trace<'a>, &T) -> Result<(), String> + Sync,
    ) -> Vec<Result<Trace<'a>, ExecutionError>> {
        let requests: Vec<&T> = requests.iter().collect();
        requests
            .into_par_iter()
            .map(|request| {
                let mut part = Trace::new(&self.machine);
                fill(&mut part, request).map_err(|e| ExecutionError::of_part("witness", e))?;
                Ok(part)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
