//! The main machine: all chips on one table, and how a segment's execution fills it.

mod profile;

pub use profile::{Explained, Place, Profile, Spent};

use crate::{
    LAYOUT, arith,
    buses::Buses,
    code,
    cpu::{
        self,
        asm::Program,
        interpreter::{self, Execution, ExecutionError, Options},
        isa::OPCODES_AT,
    },
    framework::{Machine, MachineBuilder, table::Table, trace::Trace},
    hash::{self, Permutations},
    io, keccak, logic, secp,
    tree::{self, Chain},
    witness::{SegmentInput, halves},
};
use protocol::BoundaryState;
use rayon::prelude::*;
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, LazyLock},
};

/// The machine with the handles of its chips.
pub struct MainMachine {
    /// The machine.
    pub machine: Arc<Machine>,
    /// The segment's program.
    pub program: Program,
    cpu: cpu::CpuChip,
    code: code::CodeChip,
    io: io::IoChip,
    arith: arith::ArithChip,
    product: arith::product::ProductChip,
    logic: logic::LogicChip,
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
    /// The boundary state after the segment.
    pub boundary: BoundaryState,
}

/// What a segment needs, and what is left of its batch.
#[derive(Clone, Debug)]
pub struct MeasuredSegment {
    /// Physical rows that the chips will use.
    pub rows: usize,
    /// The same by chip.
    pub rows_by_chip: Vec<(String, usize)>,
    /// The rest of the batch; `next.from` is the boundary state after the segment.
    pub next: SegmentInput,
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
        let code = code::define(&mut b, &buses, cpu.codes);
        let io = io::define(&mut b, &buses);
        let arith = arith::define(&mut b, &buses);
        let product = arith::product::define(&mut b, &buses);
        let logic = logic::define(&mut b, &buses);
        let keccak = keccak::define(&mut b, &buses);
        let hash = hash::define(&mut b, &buses);
        let secp = secp::define(&mut b, &buses);
        let tree = tree::define(&mut b, &buses);
        Self {
            machine: Arc::new(b.build()),
            program,
            cpu,
            code,
            io,
            arith,
            product,
            logic,
            keccak,
            hash,
            secp,
            tree,
        }
    }

    /// The chip that runs the program.
    pub fn cpu(&self) -> &cpu::CpuChip {
        &self.cpu
    }

    /// The chips whose rows the program's run fills.
    pub(crate) fn chips(&self) -> (&cpu::CpuChip, &code::CodeChip) {
        (&self.cpu, &self.code)
    }

    /// Runs the segment's program alone.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn execute(&self, input: &SegmentInput) -> Result<Execution<'_>, ExecutionError> {
        self.run(Trace::new(&self.machine), input, usize::MAX)
    }

    fn run<'m>(
        &'m self,
        trace: Trace<'m>,
        input: &SegmentInput,
        most: usize,
    ) -> Result<Execution<'m>, ExecutionError> {
        let options = Options {
            most,
            ..Options::default()
        };
        interpreter::run(trace, self.chips(), &self.program, input, options)
    }

    /// Whether the EVM's opcode with this byte has microcode.
    pub fn has_opcode(&self, byte: u8) -> bool {
        self.program.index(OPCODES_AT + u64::from(byte)).is_some()
    }

    /// Runs the segment's program and counts the rows of [`Self::fill`] without filling them.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn measure(&self, input: &SegmentInput) -> Result<MeasuredSegment, ExecutionError> {
        self.measure_within(input, usize::MAX)
    }

    /// The same, but it stops after `most` instructions, each of which is a row. Rows of other chips are not bounded.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold, or with [`ExecutionError::too_many`].
    pub fn measure_within(
        &self,
        input: &SegmentInput,
        most: usize,
    ) -> Result<MeasuredSegment, ExecutionError> {
        let mut run = self.run(Trace::counting(&self.machine), input, most)?;
        let permutations = self.tree(&mut run);
        let mut rows_by_chip = run.trace.rows_by_chip();
        let mut add = |chip: &str, rows: usize| {
            let of_chip = rows_by_chip.iter_mut().find(|r| r.0 == chip);
            of_chip.expect("a chip of the machine").1 += rows;
        };
        let requests = &run.requests;
        add("io", requests.words.len() + requests.reads.rows());
        let ariths: HashSet<_> = requests.ariths.iter().collect();
        let products: HashSet<_> = requests.products.iter().collect();
        add(
            "arith",
            ariths.len() + products.len() * arith::product::ROWS,
        );
        add("logic", logic::rows(requests.logics.iter().copied()));
        add("hash", permutations.rows());
        let sponges = distinct(&requests.keccaks).into_iter();
        let sponges = sponges.map(|r| keccak::rows(r.length as usize, r.import, r.export));
        add("keccak", sponges.sum());
        let signatures = distinct(&requests.signatures).len();
        add("secp", signatures * secp::SIGNATURE_ROWS);
        Ok(MeasuredSegment {
            rows: rows_by_chip.iter().map(|r| r.1).sum(),
            rows_by_chip,
            next: input.following(run.boundary, &run.state),
        })
    }

    /// Runs the segment's program and fills the table.
    ///
    /// # Errors
    /// [`ExecutionError`] for the first rule that does not hold: the segment cannot be proven.
    pub fn fill(&self, input: &SegmentInput) -> Result<FilledSegment, ExecutionError> {
        let mut run = self.execute(input)?;
        let permutations = self.tree(&mut run);
        let Execution {
            mut trace,
            requests,
            boundary,
            public,
            executed,
            ..
        } = run;
        self.hash.fill(&mut trace, &permutations);
        self.io
            .groups
            .trace_words(&mut trace, requests.words.iter().copied());
        self.io.trace_reads(&mut trace, &requests.reads);
        self.arith
            .trace(&mut trace, requests.ariths.iter().copied());
        self.product
            .trace(&mut trace, requests.products.iter().copied());
        self.logic
            .trace(&mut trace, requests.logics.iter().copied());

        let runs = distinct(&requests.keccaks);
        for part in self.parts(runs, |part, request| {
            let run = requests.keccak(&input.payload, request)?;
            self.keccak.hash(part, request, &run);
            Ok(())
        }) {
            trace.append(part?);
        }
        let signatures = distinct(&requests.signatures);
        for part in self.parts(signatures, |part, signature| {
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
            instructions: executed.iter().sum::<u64>() as usize,
            boundary,
        })
    }

    /// Appends the rows of the state keys; the permutations that they and the program require.
    fn tree(&self, run: &mut Execution<'_>) -> Permutations {
        let mut permutations = Permutations::default();
        self.tree.fill(
            &mut run.trace,
            &mut permutations,
            Chain::start(run.state.root_before),
            &run.state.steps,
        );
        for p in &run.requests.permutations {
            permutations.permute(*p);
        }
        permutations
    }

    /// One trace for each request, made on all cores, in the order of the requests.
    fn parts<'a, T: Sync>(
        &'a self,
        requests: Vec<&T>,
        fill: impl Fn(&mut Trace<'a>, &T) -> Result<(), String> + Sync,
    ) -> Vec<Result<Trace<'a>, ExecutionError>> {
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

/// The requests, each once, in increasing order.
fn distinct<T: Ord>(requests: &[T]) -> Vec<&T> {
    let distinct: BTreeSet<&T> = requests.iter().collect();
    distinct.into_iter().collect()
}

#[cfg(test)]
mod tests;
