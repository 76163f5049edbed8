//! Checks a filled table without proving: every relation of every logical row, the cover, the automaton, every bus.
//!
//! It evaluates only the active kind's relations, and names chip, relation, row and values of what fails.

use super::{
    super::Fr,
    Bus, BusKind, Cell, Expr, Kind, Machine, State,
    builder::BITS,
    message::{Digest, DigestMap, digest},
    table::{LEAD_IN, Table},
};
use ff::{Field, PrimeField};
use std::fmt;

/// One relation that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Physical row of the logical row's head, or of the offending row for the cover.
    pub row: usize,
    /// The kind, `chip.kind`; `machine` for cover, automaton and buses as a whole.
    pub kind: String,
    /// The relation's name.
    pub relation: String,
    /// What was expected and what was found.
    pub detail: String,
    /// The cells the relation reads.
    pub values: Vec<(String, Fr)>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "row {}, {}: {}: {}",
            self.row, self.kind, self.relation, self.detail
        )?;
        for (name, v) in &self.values {
            write!(f, "\n    {name} = {}", show(v))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// A field element as a reader likes it: small numbers in decimal, small negatives with a sign, others in hex.
pub fn show(v: &Fr) -> String {
    let small = |v: &Fr| {
        let b = v.to_bytes();
        b[8..]
            .iter()
            .all(|x| *x == 0)
            .then(|| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
    };
    match (small(v), small(&-v)) {
        (Some(n), _) => n.to_string(),
        (_, Some(n)) => format!("-{n}"),
        _ => {
            let hex: String = v
                .to_bytes()
                .iter()
                .rev()
                .map(|b| format!("{b:02x}"))
                .collect();
            format!("0x{}", hex.trim_start_matches('0'))
        }
    }
}

/// Figures of a table that holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Physical rows checked, the lead-in not counted.
    pub rows: usize,
    /// Per kind, how many logical rows were active.
    pub active: Vec<usize>,
    /// Per kind and message, how many times it had a multiplicity other than 0.
    pub messages: Vec<Vec<usize>>,
}

/// Checks everything; stops collecting after `limit` failures.
pub fn check(machine: &Machine, table: &Table, limit: usize) -> Result<Report, Vec<Failure>> {
    let mut failures = vec![];
    check_cover(machine, table, &mut failures, limit);
    if !failures.is_empty() {
        return Err(failures);
    }
    let mut buses = Balances::new(machine);
    let mut report = Report {
        rows: table.rows() - LEAD_IN,
        active: vec![0; machine.kinds.len()],
        messages: machine
            .kinds
            .iter()
            .map(|k| vec![0; k.messages.len()])
            .collect(),
    };
    let mut scratch = Scratch::default();
    for row in LEAD_IN..table.rows() {
        let Some(k) = usize::from(table.heads[row]).checked_sub(1) else {
            continue;
        };
        report.active[k] += 1;
        let kind = &machine.kinds[k];
        scratch.evaluate(kind, table, row);
        for (i, (name, e)) in kind.constraints.iter().enumerate() {
            if scratch.outputs[i] != Fr::ZERO && failures.len() < limit {
                failures.push(failed_constraint(
                    kind,
                    table,
                    row,
                    name,
                    e,
                    scratch.outputs[i],
                ));
            }
        }
        for (cell, t) in &kind.lookups {
            let v = table.cell(row, *cell);
            match machine.entry(&digest(*t, &[v])) {
                Some(e) => buses.counts[e] += 1,
                None if failures.len() < limit => failures.push(Failure {
                    row,
                    kind: kind.name.clone(),
                    relation: match machine.buses[t.0].name.as_str() {
                        BITS => format!("{} is boolean", name_of(kind, *cell)),
                        table => format!("{} in table {table}", name_of(kind, *cell)),
                    },
                    detail: format!("{} is not in the table", show(&v)),
                    values: vec![],
                }),
                None => {}
            }
        }
        for m in kind
            .sent(&scratch.outputs)
            .filter(|m| m.multiplicity != Fr::ZERO)
        {
            report.messages[k][m.index] += 1;
            let d = m.digest();
            if m.kind(machine) != BusKind::Table {
                buses.add(
                    m.bus.map_or(machine.buses.len(), |b| b.0),
                    d,
                    m.multiplicity,
                );
            } else if let (Some(e), true) = (machine.entry(&d), m.multiplicity == -Fr::ONE) {
                buses.counts[e] += 1;
            } else if failures.len() < limit {
                failures.push(Failure {
                    row,
                    kind: kind.name.clone(),
                    relation: format!("message {} in table {}", m.index, bus_name(machine, m.bus)),
                    detail: format!("({}) is not in the table", list(m.values)),
                    values: cells_of(kind, table, row, m.message.values.iter()),
                });
            }
        }
    }
    buses.finish(machine, table, &mut failures, limit);
    if failures.is_empty() {
        Ok(report)
    } else {
        Err(failures)
    }
}

/// Digests of the messages of the logical row on this physical row that other rows may share; none if no logical row begins there.
pub(crate) fn messages(machine: &Machine, table: &Table, row: usize) -> Vec<Digest> {
    let head = table.heads.get(row).copied().unwrap_or(0);
    let Some(kind) = usize::from(head)
        .checked_sub(1)
        .and_then(|k| machine.kinds.get(k))
    else {
        return vec![];
    };
    let mut scratch = Scratch::default();
    scratch.evaluate(kind, table, row);
    let sent = kind.sent(&scratch.outputs);
    let shared = sent.filter(|m| m.multiplicity != Fr::ZERO && m.kind(machine) != BusKind::Table);
    shared.map(|m| m.digest()).collect()
}

/// Outputs of one logical row's program, with the memory to compute them.
#[derive(Default)]
pub(crate) struct Scratch {
    registers: Vec<Fr>,
    pub(crate) outputs: Vec<Fr>,
}

impl Scratch {
    pub(crate) fn evaluate(&mut self, kind: &Kind, table: &Table, row: usize) {
        self.outputs.clear();
        let outputs = &mut self.outputs;
        kind.program.run(
            &table.data,
            table.width,
            row,
            &mut self.registers,
            |_, v| outputs.push(v),
        );
    }
}

fn bus_name(machine: &Machine, bus: Option<Bus>) -> &str {
    bus.map_or("of no known number", |b| &machine.buses[b.0].name)
}

fn list(values: &[Fr]) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn name_of(kind: &Kind, cell: Cell) -> String {
    match kind.cell_name(cell) {
        Some(n) => n.into(),
        None => format!("column {} at row {:+}", cell.column, cell.row),
    }
}

fn cells_of<'a>(
    kind: &Kind,
    table: &Table,
    row: usize,
    exprs: impl Iterator<Item = &'a Expr>,
) -> Vec<(String, Fr)> {
    let mut seen = std::collections::BTreeSet::new();
    exprs.for_each(|e| e.visit(&mut |c| _ = seen.insert(c)));
    seen.into_iter()
        .map(|c| (name_of(kind, c), table.cell(row, c)))
        .collect()
}

fn failed_constraint(
    kind: &Kind,
    table: &Table,
    row: usize,
    name: &str,
    e: &Expr,
    residue: Fr,
) -> Failure {
    Failure {
        row,
        kind: kind.name.clone(),
        relation: name.into(),
        detail: format!("is {} instead of 0", show(&residue)),
        values: cells_of(kind, table, row, std::iter::once(e)),
    }
}

/// Flags boolean and exclusive, logical rows whole, the automaton's transitions, lead-in, instance.
fn check_cover(machine: &Machine, table: &Table, failures: &mut Vec<Failure>, limit: usize) {
    let mut fail = |row: usize, relation: &str, detail: String| {
        if failures.len() < limit {
            failures.push(Failure {
                row,
                kind: "machine".into(),
                relation: relation.into(),
                detail,
                values: vec![],
            });
        }
    };
    for ((row, kind), v) in &table.flag_overrides {
        let head = table.heads.get(*row).copied().unwrap_or(1);
        let honest = if usize::from(head) == kind + 1 {
            Fr::ONE
        } else {
            Fr::ZERO
        };
        if *v != honest {
            let sum: Fr = (0..machine.kinds.len()).map(|k| table.flag(*row, k)).sum();
            if *v != Fr::ZERO && *v != Fr::ONE {
                fail(
                    *row,
                    "flag is boolean",
                    format!("flag of {} is {}", machine.kinds[*kind].name, show(v)),
                );
            } else if sum != Fr::ZERO && sum != Fr::ONE {
                fail(
                    *row,
                    "one flag a row",
                    format!("the flags add up to {}", show(&sum)),
                );
            } else {
                fail(
                    *row,
                    "cover",
                    "the flags differ from the logical rows".into(),
                );
            }
        }
    }
    let at = |v: &[Fr], row: usize| v.get(row).copied().unwrap_or(Fr::ZERO);
    for row in 0..LEAD_IN {
        let idle = table.heads.get(row).copied().unwrap_or(0) == 0;
        if !idle || at(&table.state, row) != State::START.element() {
            fail(
                row,
                "lead-in",
                "a lead-in row has a flag, or another state than start".into(),
            );
        }
    }
    let mut scratch = Scratch::default();
    for row in LEAD_IN..=table.rows() {
        let head = table.heads.get(row).copied().unwrap_or(1);
        let (before, state) = (at(&table.state, row - 1), at(&table.state, row));
        match usize::from(head).checked_sub(1) {
            None => {
                if state != before - State::rows_to_come(1) {
                    fail(
                        row,
                        "continuation",
                        format!("state {} below {}", show(&state), show(&before)),
                    );
                }
            }
            Some(k) => {
                let kind = &machine.kinds[k];
                if !kind.enter.iter().any(|s| s.element() == before) {
                    fail(
                        row,
                        "run",
                        format!("{} may not follow state {}", kind.name, show(&before)),
                    );
                }
                if row < table.rows() {
                    scratch.evaluate(kind, table, row);
                    let to_come = State::rows_to_come(kind.rows - 1);
                    if scratch.outputs[kind.leave_output()] + to_come != state {
                        fail(
                            row,
                            "state",
                            format!("{} leaves another state than {}", kind.name, show(&state)),
                        );
                    }
                }
            }
        }
    }
    for (cell, value) in &machine.pins {
        if table.cell(LEAD_IN, *cell) != *value {
            fail(
                LEAD_IN,
                "start",
                format!(
                    "a pinned cell of the start row is {}",
                    show(&table.cell(LEAD_IN, *cell))
                ),
            );
        }
    }
    if let Some((_, high, low)) = machine.instance
        && [table.cell(LEAD_IN, high), table.cell(LEAD_IN, low)] != table.instance
    {
        fail(
            LEAD_IN,
            "public input",
            "the start row's cells are not the public values".into(),
        );
    }
}

/// Sums of multiplicity times digest per bus: zero exactly when the bus balances, but for digest collisions.
pub(crate) struct Balances {
    sums: Vec<Fr>,
    counts: Vec<u64>,
}

impl Balances {
    fn new(machine: &Machine) -> Self {
        Self {
            sums: vec![Fr::ZERO; machine.buses.len() + 1],
            counts: vec![0; machine.entries.len()],
        }
    }
    fn add(&mut self, bus: usize, d: Digest, multiplicity: Fr) {
        let d = Fr::from_u128(d);
        self.sums[bus] += match multiplicity {
            m if m == Fr::ONE => d,
            m if m == -Fr::ONE => -d,
            m => m * d,
        };
    }
    fn finish(self, machine: &Machine, table: &Table, failures: &mut Vec<Failure>, limit: usize) {
        for (i, (count, m)) in self.counts.iter().zip(&table.multiplicities).enumerate() {
            if Fr::from(*count) != *m && failures.len() < limit {
                failures.push(Failure {
                    row: LEAD_IN + i,
                    kind: "machine".into(),
                    relation: format!(
                        "multiplicity in table {}",
                        machine.buses[machine.entries[i].table.0].name
                    ),
                    detail: format!("is {}, but the entry is looked up {count} times", show(m)),
                    values: vec![],
                });
            }
        }
        for (bus, sum) in self.sums.iter().enumerate() {
            if *sum != Fr::ZERO {
                unbalanced(machine, table, bus, failures, limit);
            }
        }
    }
}

/// Names the messages of a bus that do not cancel.
fn unbalanced(
    machine: &Machine,
    table: &Table,
    bus: usize,
    failures: &mut Vec<Failure>,
    limit: usize,
) {
    let mut open: DigestMap<(Fr, usize, usize, Vec<Fr>)> = DigestMap::default();
    let mut scratch = Scratch::default();
    for row in LEAD_IN..table.rows() {
        let Some(k) = usize::from(table.heads[row]).checked_sub(1) else {
            continue;
        };
        let kind = &machine.kinds[k];
        scratch.evaluate(kind, table, row);
        for m in kind.sent(&scratch.outputs) {
            if m.bus.map_or(machine.buses.len(), |b| b.0) == bus && m.multiplicity != Fr::ZERO {
                open.entry(m.digest())
                    .or_insert((Fr::ZERO, row, k, m.values.to_vec()))
                    .0 += m.multiplicity;
            }
        }
    }
    let mut open: Vec<_> = open.into_values().filter(|o| o.0 != Fr::ZERO).collect();
    open.sort_by_key(|o| o.1);
    for (sum, row, k, values) in open {
        if failures.len() >= limit {
            return;
        }
        failures.push(Failure {
            row,
            kind: machine.kinds[k].name.clone(),
            relation: format!(
                "bus {}",
                machine
                    .buses
                    .get(bus)
                    .map_or("of no known number", |b| &b.name)
            ),
            detail: format!(
                "message ({}) occurs {} times too often",
                list(&values),
                show(&sum)
            ),
            values: vec![],
        });
    }
}
