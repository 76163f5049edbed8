//! Which relations are needed: for each, a forged logical row that this relation alone stops.
//!
//! A logical row of an honest table is a solution of its relations. For a relation `R` the search looks for other values of
//! the row's cells that satisfy everything else and break `R`: it moves a cell or `R` itself and solves the rest, keeping
//! looked-up cells in their tables. The checker's own evaluation has the last word. What counts as "everything else" gives
//! the [`Strength`] of the evidence.

mod search;

use super::{
    super::Fr,
    BusKind, Cell, Expr, Kind, KindId, Machine, TableId,
    checker::{self, Scratch},
    message::{Sent, digest},
    table::{LEAD_IN, Table},
};
use ff::Field;
use search::{Forgery, Site, apply};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What still holds in the forged table when a relation alone is broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Strength {
    /// Everything: without the relation the whole table would be accepted.
    Alone,
    /// All that the row demands: its constraints and look-ups, and the messages that it takes. What it makes for others
    /// (messages, state, cells that other rows read) is wrong.
    Demands,
    /// The row's constraints and look-ups. The messages that it takes and the cells that it reads of other rows differ too.
    Local,
}

const STRENGTHS: [Strength; 3] = [Strength::Alone, Strength::Demands, Strength::Local];

/// Rows of a kind that are looked at in each table for what new modes have not shown.
const OTHERS: usize = 12;

/// A relation of a kind that could be left out, by index into the kind's or the machine's lists.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Relation {
    Constraint(usize),
    Lookup(usize),
    /// A message that the row takes: a fixed table's entry, a fact, a token.
    Message(usize),
    Pin(usize),
    Public(usize),
}

/// Values that may stand where they stand.
#[derive(Clone, PartialEq, Debug)]
enum Set {
    /// Only those of the honest table.
    Honest,
    /// Entries of a fixed table.
    Table(TableId),
    /// The roots of a constraint on one cell.
    Roots(Vec<Fr>),
}

impl Set {
    fn contains(&self, machine: &Machine, honest: &[Fr], values: &[Fr]) -> bool {
        match self {
            Self::Honest => values == honest,
            Self::Table(t) => machine.entry(&digest(*t, values)).is_some(),
            Self::Roots(roots) => roots.contains(&values[0]),
        }
    }
}

/// The small roots of a constraint on one cell, if it has no others.
fn roots(e: &Expr) -> Option<(Cell, Vec<Fr>)> {
    let mut cells = BTreeSet::new();
    e.visit(&mut |c| _ = cells.insert(c));
    let (1, Some(cell), degree @ 2..) = (cells.len(), cells.first(), e.degree()) else {
        return None;
    };
    let roots = (0..16).map(Fr::from);
    let roots: Vec<Fr> = roots.filter(|v| e.eval(&|_| *v) == Fr::ZERO).collect();
    (roots.len() == degree).then_some((*cell, roots))
}

/// The strongest evidence for the relations of each kind, by name, over any number of machines and tables.
#[derive(Default)]
pub(crate) struct Evidence {
    kinds: BTreeMap<String, BTreeMap<String, Option<Strength>>>,
    /// Modes of rows that have been looked at, by kind.
    seen: BTreeMap<String, BTreeSet<(usize, [u8; 32])>>,
}

impl Evidence {
    /// Looks for evidence in an honest table, for those of its kinds that `wanted` accepts.
    pub(crate) fn add(&mut self, machine: &Machine, table: &Table, wanted: impl Fn(&Kind) -> bool) {
        let mut table = table.clone();
        for (k, kind) in machine.kinds.iter().enumerate() {
            if !wanted(kind) {
                continue;
            }
            let seen = self.seen.entry(kind.name.clone()).or_default();
            let rows = samples(machine, &table, KindId(k), seen);
            let found = self.kinds.entry(kind.name.clone()).or_default();
            let mut checked = false;
            for (row, new) in rows {
                if !new && found.values().all(Option::is_some) {
                    break;
                }
                let mut site = Site::new(machine, &mut table, row);
                for (name, relation) in relations(machine, kind, site.table, row) {
                    let best = found.entry(name.clone()).or_default();
                    let better = STRENGTHS
                        .into_iter()
                        .filter(|s| best.is_none_or(|b| new && *s < b));
                    let forgeries = better
                        .into_iter()
                        .find_map(|s| Some((s, site.forge(relation, s)?)));
                    let Some((strength, forgery)) = forgeries else {
                        continue;
                    };
                    *best = Some(strength);
                    let constraint = matches!(relation, Relation::Constraint(_));
                    if strength == Strength::Alone && constraint && !checked {
                        checked = true;
                        assert_stopped(machine, site.table, row, &forgery, name);
                    }
                }
            }
        }
    }

    /// Relations that nothing shows to be needed, as `kind: relation`.
    pub(crate) fn not_shown(&self) -> Vec<String> {
        let all = self
            .kinds
            .iter()
            .flat_map(|(k, r)| r.iter().map(move |r| (k, r)));
        all.filter(|(_, (_, strength))| strength.is_none())
            .map(|(kind, (name, _))| format!("{kind}: {name}"))
            .collect()
    }

    /// Per kind how many relations have which evidence, and by name those without.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![];
        for (kind, relations) in self.kinds.iter().filter(|k| !k.1.is_empty()) {
            let [alone, demands, local] =
                STRENGTHS.map(|s| relations.values().filter(|v| **v == Some(s)).count());
            lines.push(format!(
                "{kind}: {} of {} needed: {alone} alone, {demands} for what the row demands, {local} locally",
                alone + demands + local,
                relations.len()
            ));
            let missing = relations.iter().filter(|r| r.1.is_none());
            lines.extend(missing.map(|(name, _)| format!("    not shown: {name}")));
        }
        lines
    }
}

/// Panics unless the whole checker stops the forged table by this constraint alone. A forger would count look-ups anew.
fn assert_stopped(
    machine: &Machine,
    table: &mut Table,
    row: usize,
    forgery: &Forgery,
    name: String,
) {
    let honest = apply(table, row, forgery);
    let mut failures = checker::check(machine, table, usize::MAX).expect_err("a forged table");
    apply(table, row, &honest);
    failures.retain(|f| !f.relation.starts_with("multiplicity in table"));
    let [failure] = &failures[..] else {
        panic!("{name}: {failures:#?}");
    };
    assert!(
        failure.row == row && name.starts_with(&failure.relation),
        "{name}: {failure}"
    );
}

/// The relations of a logical row with their names. What a row offers to others is none: nobody is stopped by an offer.
fn relations(machine: &Machine, kind: &Kind, table: &Table, row: usize) -> Vec<(String, Relation)> {
    let mut all = vec![];
    let constraints = kind.constraints.iter().enumerate();
    all.extend(constraints.map(|(i, (name, _))| (name.clone(), Relation::Constraint(i))));
    for (i, (cell, t)) in kind.lookups.iter().enumerate() {
        let cell = kind.cell_name(*cell).unwrap_or("a cell without name");
        let name = format!("{cell} in table {}", machine.buses[t.0].name);
        all.push((name, Relation::Lookup(i)));
    }
    let mut scratch = Scratch::default();
    scratch.evaluate(kind, table, row);
    for m in kind.sent(&scratch.outputs) {
        if let (Some(bus), true) = (
            m.bus,
            m.multiplicity == -Fr::ONE && m.message.counted.is_none(),
        ) {
            let name = format!("message {} on {}", m.index, machine.buses[bus.0].name);
            all.push((name, Relation::Message(m.index)));
        }
    }
    if row == LEAD_IN {
        for (i, (cell, _)) in machine.pins.iter().enumerate() {
            let cell = kind.cell_name(*cell).unwrap_or("a cell without name");
            all.push((format!("{cell} is pinned"), Relation::Pin(i)));
        }
        let public = ["high", "low"].into_iter().enumerate();
        all.extend(public.map(|(i, n)| (format!("public value {n}"), Relation::Public(i))));
    }
    let mut names: HashMap<String, usize> = HashMap::new();
    for (name, _) in &mut all {
        let n = names.entry(name.clone()).or_default();
        *n += 1;
        if *n > 1 {
            *name = format!("{name} #{n}");
        }
    }
    all
}

/// Rows of a kind to look at: one for each value of a switch, a small look-up or a message's multiplicity and bus that was not
/// seen before, rare ones first; then, marked false, some others, the first and the last one among them.
fn samples(
    machine: &Machine,
    table: &Table,
    kind: KindId,
    seen: &mut BTreeSet<(usize, [u8; 32])>,
) -> Vec<(usize, bool)> {
    let heads = table.heads_of(kind);
    let kind = &machine.kinds[kind.0];
    let size = |t: &TableId| machine.entries.iter().filter(|e| e.table == *t).count();
    let small: Vec<Cell> = kind
        .lookups
        .iter()
        .filter(|l| size(&l.1) <= 16)
        .map(|l| l.0)
        .collect();
    let booleans = kind
        .constraints
        .iter()
        .filter_map(|(_, e)| roots(e))
        .map(|r| r.0);
    let switches: Vec<Cell> = booleans.chain(small).collect();
    let mut modes: BTreeMap<(usize, [u8; 32]), Vec<usize>> = BTreeMap::new();
    let mut scratch = Scratch::default();
    for &row in &heads {
        scratch.evaluate(kind, table, row);
        let messages = kind
            .sent(&scratch.outputs)
            .flat_map(|m| match m.message.counted {
                Some(_) => [Fr::from(u64::from(m.multiplicity != Fr::ZERO)), Fr::ZERO],
                None => [m.multiplicity, m.number],
            });
        let switches = switches.iter().map(|c| table.cell(row, *c));
        for (i, v) in switches.chain(messages).enumerate() {
            modes.entry((i, v.to_bytes())).or_default().push(row);
        }
    }
    let mut new: Vec<Vec<usize>> = modes
        .into_iter()
        .filter(|m| seen.insert(m.0))
        .map(|m| m.1)
        .collect();
    new.sort_by_key(|rows| (rows.len(), rows[0]));
    let mut rows: Vec<usize> = vec![];
    for mode in new {
        if !mode.iter().any(|r| rows.contains(r)) {
            rows.push(mode[mode.len() / 2]);
        }
    }
    let step = heads.len().div_ceil(OTHERS).max(1);
    let others = heads
        .first()
        .into_iter()
        .chain(heads[1.min(heads.len())..].iter().rev().step_by(step));
    let others: Vec<usize> = others.copied().filter(|r| !rows.contains(r)).collect();
    let new = rows.into_iter().map(|r| (r, true));
    new.chain(others.into_iter().map(|r| (r, false))).collect()
}
