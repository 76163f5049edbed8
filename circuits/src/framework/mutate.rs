//! The mutation harness: change one live cell at a time; the checker's relations must notice.

use super::{
    super::Fr,
    BusKind, Cell, Kind, Machine,
    checker::Scratch,
    message::digest,
    table::{LEAD_IN, Table},
};
use ff::{Field, PrimeField};
use std::collections::HashMap;

/// A change that no relation noticed.
#[derive(Clone, Debug, PartialEq)]
pub struct Survivor {
    /// Head row of the logical row.
    pub row: usize,
    /// Kind of the logical row.
    pub kind: String,
    /// The changed cell's name.
    pub cell: String,
    /// Value before.
    pub from: Fr,
    /// Value after.
    pub to: Fr,
}

/// Figures of a mutation run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Changes made to cells that must be bound.
    pub tried: usize,
    /// Changes that were noticed.
    pub killed: usize,
    /// Unnoticed changes of cells that are not listed as free.
    pub survivors: Vec<Survivor>,
    /// Changes to cells listed as free, by (kind, cell) and whether any went unnoticed.
    pub free: Vec<(String, String, bool)>,
}

/// The values that a cell is changed to: plus one, zero, p - 1, out-of-range limbs and a large fixed element.
fn replacements(v: Fr) -> Vec<Fr> {
    let mut to = vec![
        v + Fr::ONE,
        v - Fr::ONE,
        Fr::ZERO,
        -Fr::ONE,
        Fr::from(1 << 13),
        v + Fr::from(1 << 13),
        v.square() * Fr::from(0x9e37_79b9) + Fr::from(0x1234_5678_9abc_def1),
    ];
    to.retain(|t| *t != v);
    to.dedup();
    to
}

/// Mutates every declared cell of up to `per_kind` logical rows of each kind, spread over the table.
///
/// The table must pass the checker. A change is noticed when a constraint, a table look-up or the automaton of a
/// logical row in reach fails, or when the sum of the messages in reach changes.
pub fn mutate(machine: &Machine, table: &Table, per_kind: usize) -> Outcome {
    let heads = (0..machine.kinds.len()).flat_map(|k| {
        let heads = table.heads_of(super::KindId(k));
        let step = heads.len().div_ceil(per_kind.max(1)).max(1);
        heads.into_iter().step_by(step)
    });
    mutate_rows(machine, table, &heads.collect::<Vec<_>>())
}

/// Mutates every declared cell of the logical rows that begin on `heads`; see [`mutate`].
pub fn mutate_rows(machine: &Machine, table: &Table, heads: &[usize]) -> Outcome {
    let mut table = table.clone();
    let mut outcome = Outcome::default();
    let mut scratch = Scratch::default();
    for (k, kind) in machine.kinds.iter().enumerate() {
        let heads = heads
            .iter()
            .filter(|r| usize::from(table.heads[**r]) == k + 1)
            .copied()
            .collect::<Vec<_>>();
        let mut free: HashMap<Cell, bool> = HashMap::new();
        for row in heads {
            for def in &kind.cells {
                let from = table.cell(row, def.cell);
                let reach = readers(machine, &table, row + def.cell.row as usize);
                let before = effect(machine, &table, &reach, &mut scratch);
                for to in replacements(from) {
                    table.set(row, def.cell, to);
                    let noticed = effect(machine, &table, &reach, &mut scratch) != before;
                    table.set(row, def.cell, from);
                    if def.free.is_some() {
                        *free.entry(def.cell).or_insert(false) |= !noticed;
                        continue;
                    }
                    outcome.tried += 1;
                    if noticed {
                        outcome.killed += 1;
                    } else {
                        let (kind, cell) = (kind.name.clone(), def.name.clone());
                        outcome.survivors.push(Survivor {
                            row,
                            kind,
                            cell,
                            from,
                            to,
                        });
                    }
                }
            }
        }
        for def in kind.cells.iter().filter(|c| c.free.is_some()) {
            if let Some(unnoticed) = free.get(&def.cell) {
                outcome
                    .free
                    .push((kind.name.clone(), def.name.clone(), *unnoticed));
            }
        }
    }
    outcome
}

/// Heads of the logical rows whose relations may read physical row `row`.
fn readers(machine: &Machine, table: &Table, row: usize) -> Vec<usize> {
    let first = row.saturating_sub(4).max(LEAD_IN);
    let last = (row + 3).min(table.rows().saturating_sub(1));
    (first..=last)
        .filter(|r| table.heads[*r] != 0)
        .filter(|r| *r <= row + 3 && kind_of(machine, table, *r).is_some())
        .collect()
}

fn kind_of<'m>(machine: &'m Machine, table: &Table, row: usize) -> Option<&'m Kind> {
    usize::from(table.heads[row])
        .checked_sub(1)
        .map(|k| &machine.kinds[k])
}

/// What the relations of some logical rows say: how many fail, what they leave, what they put on each bus.
fn effect(
    machine: &Machine,
    table: &Table,
    heads: &[usize],
    scratch: &mut Scratch,
) -> (usize, Vec<Fr>, Vec<(usize, Fr)>) {
    let (mut failed, mut leaves) = (0, vec![]);
    let mut sums: HashMap<usize, Fr> = HashMap::new();
    for &row in heads {
        let Some(kind) = kind_of(machine, table, row) else {
            continue;
        };
        scratch.evaluate(kind, table, row);
        failed += scratch.outputs[..kind.leave_output()]
            .iter()
            .filter(|v| **v != Fr::ZERO)
            .count();
        let leave = scratch.outputs[kind.leave_output()];
        leaves.push(leave);
        for (cell, t) in &kind.lookups {
            let d = digest(*t, &[table.cell(row, *cell)]);
            // A look-up of another entry changes that entry's multiplicity, which is a cell of its own and committed
            // with the table; an attacker would adjust it. Only leaving the table counts.
            failed += usize::from(machine.entry(&d).is_none());
        }
        for m in kind
            .sent(&scratch.outputs)
            .filter(|m| m.multiplicity != Fr::ZERO)
        {
            if m.kind(machine) == BusKind::Table {
                failed +=
                    usize::from(m.multiplicity != -Fr::ONE || machine.entry(&m.digest()).is_none());
            } else {
                let bus = m.bus.map_or(machine.buses.len(), |b| b.0);
                *sums.entry(bus).or_insert(Fr::ZERO) += m.multiplicity * Fr::from_u128(m.digest());
            }
        }
    }
    // The start row's cells are bound by gates of their own.
    if heads.contains(&LEAD_IN) {
        let wrong = |cell: &Cell, v: Fr| table.cell(LEAD_IN, *cell) != v;
        failed += machine
            .pins
            .iter()
            .filter(|(cell, v)| wrong(cell, *v))
            .count();
        if let Some((_, high, low)) = &machine.instance {
            failed += usize::from(wrong(high, table.instance[0]))
                + usize::from(wrong(low, table.instance[1]));
        }
    }
    let mut sums: Vec<_> = sums.into_iter().filter(|s| s.1 != Fr::ZERO).collect();
    sums.sort_by_key(|s| s.0);
    (failed, leaves, sums)
}
