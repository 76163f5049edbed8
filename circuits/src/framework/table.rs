//! A filled physical table: phase-1 contents, as the prover commits them.

use super::{super::Fr, Cell, Machine};
use ff::Field;
use std::collections::BTreeMap;

/// Rows above the start row; see the framework's documentation.
pub const LEAD_IN: usize = 3;
/// Active rows at the end that must be idle.
pub const TAIL: usize = 4;

/// Phase-1 contents of the physical table, row 0 to row `rows - 1`; rows further down are idle.
///
/// Everything an attacker may choose before the challenges is here, so that tests can set any of it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Number of data columns.
    pub width: usize,
    /// Per physical row: 0 for a continuation row, otherwise one more than the kind whose flag is 1.
    pub heads: Vec<u8>,
    /// Flags that differ from what `heads` says: (row, kind) to value. Empty in honest tables.
    pub flag_overrides: BTreeMap<(usize, usize), Fr>,
    /// Per row: the automaton's state, and [`State::rows_to_come`](super::State::rows_to_come) for the rows of the
    /// logical row that are still to come.
    pub state: Vec<Fr>,
    /// Data cells, row-major.
    pub data: Vec<Fr>,
    /// Multiplicity of each fixed-table entry.
    pub multiplicities: Vec<Fr>,
    /// The two public values (high, low).
    pub instance: [Fr; 2],
}

impl Table {
    /// Physical rows held, lead-in included.
    pub fn rows(&self) -> usize {
        self.heads.len()
    }
    /// Value of kind `kind`'s flag on physical row `row`; rows past the end are idle.
    pub fn flag(&self, row: usize, kind: usize) -> Fr {
        if let Some(v) = self.flag_overrides.get(&(row, kind)) {
            return *v;
        }
        let head = self.heads.get(row).copied().unwrap_or(1);
        if usize::from(head) == kind + 1 {
            Fr::ONE
        } else {
            Fr::ZERO
        }
    }
    /// Value of a data cell by physical row; zero past the end.
    pub fn get(&self, row: usize, column: usize) -> Fr {
        self.data
            .get(row * self.width + column)
            .copied()
            .unwrap_or(Fr::ZERO)
    }
    /// Value of `cell` of the logical row that begins on physical row `head`.
    pub fn cell(&self, head: usize, cell: Cell) -> Fr {
        match usize::try_from(head as isize + isize::from(cell.row)) {
            Ok(row) => self.get(row, usize::from(cell.column)),
            Err(_) => Fr::ZERO,
        }
    }
    /// Overwrites `cell` of the logical row that begins on physical row `head`.
    ///
    /// # Panics
    /// If the cell lies outside the table.
    pub fn set(&mut self, head: usize, cell: Cell, value: Fr) {
        let row =
            usize::try_from(head as isize + isize::from(cell.row)).expect("a row of the table");
        self.data[row * self.width + usize::from(cell.column)] = value;
    }
    /// Head rows of kind `kind`, top to bottom.
    pub fn heads_of(&self, kind: super::KindId) -> Vec<usize> {
        (0..self.rows())
            .filter(|r| usize::from(self.heads[*r]) == kind.0 + 1)
            .collect()
    }
    /// Rows used, the lead-in not counted, by chip name, in the order of the machine's kinds.
    pub fn rows_by_chip(&self, machine: &Machine) -> Vec<(String, usize)> {
        rows_by_chip(machine, &self.heads)
    }
}

/// Rows by chip name, in the order of the machine's kinds; `heads` holds a kind's number plus 1 on each head row.
pub(super) fn rows_by_chip(machine: &Machine, heads: &[u8]) -> Vec<(String, usize)> {
    let mut of_kind = vec![0; machine.kinds.len() + 1];
    for head in heads {
        of_kind[usize::from(*head)] += 1;
    }
    let mut rows: Vec<(String, usize)> = vec![];
    for (k, n) in machine.kinds.iter().zip(&of_kind[1..]).skip(1) {
        let n = n * k.rows;
        match rows.iter_mut().find(|r| r.0 == k.chip()) {
            Some(r) => r.1 += n,
            None => rows.push((k.chip().into(), n)),
        }
    }
    rows
}
