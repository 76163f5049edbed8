//! Filling the table: chips push logical rows; the framework derives the automaton's columns and every counted multiplicity.

use super::{
    super::Fr,
    BusKind, Cell, KindId, Machine, State,
    message::{Digest, digest},
    table::{LEAD_IN, Table, rows_by_chip},
};
use ff::Field;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Logical rows in the order of the table, without lead-in.
#[derive(Clone, Debug)]
pub struct Trace<'m> {
    machine: &'m Machine,
    heads: Vec<u8>,
    data: Vec<Fr>,
    /// Only the heads are kept: every logical row is written over the one before.
    counting: bool,
}

/// A logical row being filled.
pub struct Row<'t> {
    data: &'t mut [Fr],
    width: usize,
    counted: bool,
}

impl Row<'_> {
    /// Whether the trace only counts: what is written here is forgotten.
    pub fn is_counted(&self) -> bool {
        self.counted
    }
    /// Writes a cell of this logical row.
    ///
    /// # Panics
    /// If the cell is not on this logical row.
    pub fn set(&mut self, cell: Cell, value: impl Into<Fr>) -> &mut Self {
        self.data[cell.row as usize * self.width + usize::from(cell.column)] = value.into();
        self
    }
    /// Writes several cells.
    pub fn set_all<V: Into<Fr>>(
        &mut self,
        cells: &[Cell],
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        for (c, v) in cells.iter().zip(values) {
            self.set(*c, v);
        }
        self
    }
}

impl<'m> Trace<'m> {
    /// An empty trace of `machine`.
    pub fn new(machine: &'m Machine) -> Self {
        Self {
            machine,
            heads: vec![],
            data: vec![],
            counting: false,
        }
    }
    /// An empty trace that counts rows and forgets what is in them. It cannot be finished.
    pub fn counting(machine: &'m Machine) -> Self {
        let longest = machine.kinds.iter().map(|k| k.rows).max().unwrap_or(0);
        Self {
            data: vec![Fr::ZERO; longest * machine.layout.data()],
            counting: true,
            ..Self::new(machine)
        }
    }
    /// An empty trace of the same machine, which counts if this one does.
    pub fn of_same_machine(&self) -> Self {
        match self.counting {
            true => Self::counting(self.machine),
            false => Self::new(self.machine),
        }
    }
    /// The machine it belongs to.
    pub fn machine(&self) -> &'m Machine {
        self.machine
    }
    /// Physical rows so far.
    pub fn rows(&self) -> usize {
        self.heads.len()
    }
    /// The same by chip name, in the order of the machine's kinds.
    pub fn rows_by_chip(&self) -> Vec<(String, usize)> {
        rows_by_chip(self.machine, &self.heads)
    }
    /// Appends a logical row with all cells zero.
    pub fn push(&mut self, kind: KindId) -> Row<'_> {
        let (rows, width) = (self.machine.kinds[kind.0].rows, self.machine.layout.data());
        self.heads.push(kind.0 as u8 + 1);
        self.heads.resize(self.heads.len() + rows - 1, 0);
        let mut from = 0;
        if !self.counting {
            from = self.data.len();
            self.data.resize(from + rows * width, Fr::ZERO);
        }
        Row {
            data: &mut self.data[from..],
            width,
            counted: self.counting,
        }
    }
    /// The logical row that begins on physical row `head` of this trace, to be changed.
    pub fn row_mut(&mut self, head: usize) -> Row<'_> {
        let width = self.machine.layout.data();
        let from = if self.counting { 0 } else { head * width };
        Row {
            data: &mut self.data[from..],
            width,
            counted: self.counting,
        }
    }
    /// Value of a cell of the logical row that begins on physical row `head` of this trace.
    pub fn get(&self, head: usize, cell: Cell) -> Fr {
        self.data[(head as isize + isize::from(cell.row)) as usize * self.machine.layout.data()
            + usize::from(cell.column)]
    }
    /// Appends another trace of the same machine.
    pub fn append(&mut self, mut other: Self) {
        self.heads.append(&mut other.heads);
        self.data.append(&mut other.data);
    }

    /// Adds the lead-in, the automaton's columns, the multiplicities of facts and of fixed tables.
    ///
    /// What does not balance is left to the checker, which says where.
    ///
    /// # Panics
    /// If the trace only counts.
    pub fn finish(self, instance: [Fr; 2]) -> Table {
        let Self {
            machine,
            heads: body_heads,
            data: body,
            counting,
        } = self;
        assert!(!counting, "a trace that only counts has no rows");
        let width = machine.layout.data();
        let mut heads = vec![0; LEAD_IN];
        heads.extend(body_heads);
        let mut data = vec![Fr::ZERO; LEAD_IN * width];
        data.extend(body);
        let starts: Vec<usize> = (LEAD_IN..heads.len()).filter(|r| heads[*r] != 0).collect();

        let scans: Vec<Scan> = starts
            .par_chunks(1024)
            .map(|rows| Scan::of(machine, &heads, &data, width, rows))
            .collect();
        let mut multiplicities = vec![0u64; machine.entries.len()];
        let mut wanted: HashMap<Digest, u64> = HashMap::new();
        let mut provided = vec![];
        let mut leaves = Vec::with_capacity(starts.len());
        for s in scans {
            s.entries.into_iter().for_each(|e| multiplicities[e] += 1);
            s.wanted
                .into_iter()
                .for_each(|d| *wanted.entry(d).or_default() += 1);
            provided.extend(s.provided);
            leaves.extend(s.leaves);
        }
        for (at, d) in provided {
            data[at] = Fr::from(wanted.remove(&d).unwrap_or(0));
        }

        let mut state = vec![State::START.element(); LEAD_IN];
        for (row, leave) in starts.iter().zip(leaves) {
            let n = machine.kinds[usize::from(heads[*row]) - 1].rows;
            let to_come = (0..n).rev().map(State::rows_to_come);
            state.extend(to_come.map(|rows| leave + rows));
        }
        let multiplicities = multiplicities.into_iter().map(Fr::from).collect();
        Table {
            width,
            heads,
            flag_overrides: BTreeMap::new(),
            state,
            data,
            multiplicities,
            instance,
        }
    }
}

/// What a stretch of logical rows asks of tables and facts.
#[derive(Default)]
struct Scan {
    leaves: Vec<Fr>,
    entries: Vec<usize>,
    wanted: Vec<Digest>,
    provided: Vec<(usize, Digest)>,
}

impl Scan {
    fn of(machine: &Machine, heads: &[u8], data: &[Fr], width: usize, rows: &[usize]) -> Self {
        let mut scan = Self::default();
        let (mut registers, mut outputs) = (vec![], vec![]);
        for &row in rows {
            let kind = &machine.kinds[usize::from(heads[row]) - 1];
            outputs.clear();
            kind.program
                .run(data, width, row, &mut registers, |_, v| outputs.push(v));
            scan.leaves.push(outputs[kind.leave_output()]);
            for (cell, table) in &kind.lookups {
                let at = (row + cell.row as usize) * width + usize::from(cell.column);
                scan.entries
                    .extend(machine.entry(&digest(*table, &data[at..=at])));
            }
            for m in kind.sent(&outputs) {
                if let Some(c) = m.message.counted {
                    scan.provided.push((
                        (row + c.row as usize) * width + usize::from(c.column),
                        m.digest(),
                    ));
                } else if m.multiplicity == -Fr::ONE {
                    match m.kind(machine) {
                        BusKind::Table => scan.entries.extend(machine.entry(&m.digest())),
                        BusKind::Fact => scan.wanted.push(m.digest()),
                        BusKind::Token => {}
                    }
                }
            }
        }
        scan
    }
}
