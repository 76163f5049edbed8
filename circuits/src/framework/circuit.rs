//! The machine as a halo2 circuit: factors, cover, automaton and the bus argument around the kinds' relations.

use super::{
    super::Fr,
    Cell, Expr, Machine, State,
    checker::Scratch,
    table::{LEAD_IN, TAIL, Table},
};
use ff::{BatchInvert, Field};
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, VirtualCells,
    },
    poly::Rotation,
};
use rayon::prelude::*;
use std::{collections::BTreeSet, sync::Arc};

/// Degree of every gate at most; five keeps the quotient at four pieces.
pub const DEGREE: usize = 5;

/// A source of bus terms on each physical row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The narrow slot of a data column.
    Narrow(usize),
    /// A wide slot.
    Wide(usize),
    /// The stacked fixed tables.
    Table,
}

/// Which slots share a helper column: a wide one (degree 2) with a narrow one, three of degree 1 otherwise.
pub(crate) fn helper_groups(machine: &Machine) -> Vec<Vec<Slot>> {
    let mut light: Vec<Slot> = (0..machine.layout.narrow)
        .map(Slot::Narrow)
        .chain([Slot::Table])
        .collect();
    let mut groups = vec![];
    for w in 0..machine.layout.wide {
        groups.push(std::iter::once(Slot::Wide(w)).chain(light.pop()).collect());
    }
    groups.extend(light.chunks(3).map(<[Slot]>::to_vec));
    groups
}

/// The physical columns.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    flags: Vec<Column<Advice>>,
    state: Column<Advice>,
    left: Column<Advice>,
    mult: Column<Advice>,
    data: Vec<Column<Advice>>,
    helpers: Vec<Column<Advice>>,
    sum: Column<Advice>,
    q_active: Column<Fixed>,
    q_lead: Column<Fixed>,
    q_start: Column<Fixed>,
    q_tail: Column<Fixed>,
    q_last: Column<Fixed>,
    table: Vec<Column<Fixed>>,
    instance: Column<Instance>,
    alpha: Challenge,
    betas: Vec<Challenge>,
    unusable: usize,
}

/// One shape of a machine, with or without a witness.
#[derive(Clone, Debug)]
pub struct MachineCircuit {
    machine: Arc<Machine>,
    k: u32,
    table: Option<Arc<Table>>,
}

impl MachineCircuit {
    /// The circuit of 2^`k` rows without a witness, for keys.
    pub fn new(machine: Arc<Machine>, k: u32) -> Self {
        Self {
            machine,
            k,
            table: None,
        }
    }
    /// The circuit with a filled table to prove.
    pub fn with_table(machine: Arc<Machine>, k: u32, table: Arc<Table>) -> Self {
        Self {
            machine,
            k,
            table: Some(table),
        }
    }
    /// The machine.
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }
    /// log2 of the rows.
    pub fn k(&self) -> u32 {
        self.k
    }
    /// The public values of the filled table.
    pub fn instance(&self) -> Option<[Fr; 2]> {
        self.table.as_ref().map(|t| t.instance)
    }
}

impl Machine {
    /// The machine's constraint system, configured once to ask about it.
    pub fn constraint_system(self: &Arc<Self>) -> ConstraintSystem<Fr> {
        let mut cs = ConstraintSystem::default();
        let _ = MachineCircuit::configure_with_params(&mut cs, Some(self.clone()));
        cs
    }
    /// Physical rows that chips may fill in a table of 2^`k` rows.
    pub fn capacity(self: &Arc<Self>, k: u32) -> usize {
        capacity(k, self.constraint_system().blinding_factors() + 1)
    }
}

fn capacity(k: u32, unusable: usize) -> usize {
    (1usize << k).saturating_sub(unusable + 1 + LEAD_IN + TAIL)
}

/// Queries by column, with the rotation relative to the physical row of the gate.
struct View<'a, 'b> {
    cells: &'a mut VirtualCells<'b, Fr>,
    config: &'a MachineConfig,
}

impl View<'_, '_> {
    fn advice(&mut self, column: Column<Advice>, rotation: i32) -> Expression<Fr> {
        self.cells.query_advice(column, Rotation(rotation))
    }
    fn fixed(&mut self, column: Column<Fixed>) -> Expression<Fr> {
        self.cells.query_fixed(column, Rotation::cur())
    }
    fn challenge(&mut self, c: Challenge) -> Expression<Fr> {
        self.cells.query_challenge(c)
    }
    fn flag(&mut self, kind: usize, rotation: i32) -> Expression<Fr> {
        self.advice(self.config.flags[kind], rotation)
    }
    /// `e` of a logical row, as seen from `shift` rows below its head.
    fn expr(&mut self, e: &Expr, shift: i32) -> Expression<Fr> {
        match e {
            Expr::Const(c) => Expression::Constant(*c),
            Expr::Cell(Cell { column, row }) => self.advice(
                self.config.data[usize::from(*column)],
                i32::from(*row) - shift,
            ),
            Expr::Add(ab) => self.expr(&ab.0, shift) + self.expr(&ab.1, shift),
            Expr::Mul(ab) => self.expr(&ab.0, shift) * self.expr(&ab.1, shift),
            Expr::Scale(a, c) => self.expr(a, shift) * *c,
        }
    }
    /// Fingerprint and multiplicity of a slot.
    fn slot(&mut self, machine: &Machine, slot: Slot) -> (Expression<Fr>, Expression<Fr>) {
        match slot {
            Slot::Table => {
                let id = self.fixed(self.config.table[0]);
                let columns = self.config.table[1..].to_vec();
                let f = columns.iter().enumerate().fold(id, |f, (i, c)| {
                    f + self.challenge(self.config.betas[i]) * self.fixed(*c)
                });
                (f, self.advice(self.config.mult, 0))
            }
            Slot::Narrow(column) => {
                let users = narrow_users(machine, column);
                let (mut bus, mut mult) = (zero(), zero());
                for (kind, row, number) in users {
                    let flag = self.flag(kind, -(row as i32));
                    bus = sum(bus, flag.clone() * Fr::from(number));
                    mult = sum(mult, flag);
                }
                let value = self.advice(self.config.data[column], 0);
                (
                    sum(bus, self.challenge(self.config.betas[0]) * value),
                    -mult,
                )
            }
            Slot::Wide(wide) => {
                let (mut f, mut mult) = (zero(), zero());
                for (k, kind) in machine.kinds.iter().enumerate() {
                    for m in kind.messages.iter().filter(|m| m.slot == wide) {
                        let shift = i32::from(m.row);
                        let flag = self.flag(k, -shift);
                        let mut g = self.expr(&m.number, shift);
                        for (i, v) in m.values.iter().enumerate() {
                            if *v != Expr::zero() {
                                g = g + self.challenge(self.config.betas[i]) * self.expr(v, shift);
                            }
                        }
                        f = sum(f, flag.clone() * g);
                        mult = sum(mult, flag * self.expr(&m.multiplicity, shift));
                    }
                }
                (f, mult)
            }
        }
    }
}

fn zero() -> Expression<Fr> {
    Expression::Constant(Fr::ZERO)
}

fn sum(a: Expression<Fr>, b: Expression<Fr>) -> Expression<Fr> {
    match a {
        Expression::Constant(c) if c == Fr::ZERO => b,
        a => a + b,
    }
}

/// (kind, row, table number) of the look-ups in a column's slot; kinds with more look-ups first, so that the sums of
/// neighbouring slots share a prefix.
fn narrow_users(machine: &Machine, column: usize) -> Vec<(usize, usize, u64)> {
    let mut users = vec![];
    for (k, kind) in machine.kinds.iter().enumerate() {
        for row in 0..kind.rows {
            let on_row = || {
                kind.lookups
                    .iter()
                    .filter(move |(c, _)| c.row as usize == row)
            };
            if let Some((_, t)) = on_row().find(|(c, _)| usize::from(c.column) == column) {
                users.push((on_row().count(), (k, row, t.number())));
            }
        }
    }
    users.sort_by_key(|(n, (k, row, _))| (std::cmp::Reverse(*n), *k, *row));
    users.into_iter().map(|(_, u)| u).collect()
}

impl Circuit<Fr> for MachineCircuit {
    type Config = MachineConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Option<Arc<Machine>>;

    fn params(&self) -> Self::Params {
        Some(self.machine.clone())
    }

    fn without_witnesses(&self) -> Self {
        Self {
            table: None,
            ..self.clone()
        }
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> Self::Config {
        unreachable!("the machine is configured with its parameters")
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, params: Self::Params) -> Self::Config {
        let machine = params.expect("a machine circuit always has its machine");
        let config = columns(cs, &machine);
        cs.set_minimum_degree(DEGREE);
        cover_gates(cs, &machine, &config);
        kind_gates(cs, &machine, &config);
        bus_gates(cs, &machine, &config);
        for gate in cs.gates() {
            for p in gate.polynomials() {
                assert!(
                    p.degree() <= DEGREE,
                    "gate {} has degree {}",
                    gate.name(),
                    p.degree()
                );
            }
        }
        MachineConfig {
            unusable: cs.blinding_factors() + 1,
            ..config
        }
    }

    fn synthesize(
        &self,
        config: Self::Config,
        mut layouter: impl Layouter<Fr>,
    ) -> Result<(), Error> {
        let n = 1usize << self.k;
        let rows = self
            .table
            .as_ref()
            .map_or(0, |t| t.rows().saturating_sub(LEAD_IN));
        if rows.max(self.machine.entries.len()) > capacity(self.k, config.unusable) {
            return Err(Error::NotEnoughRowsAvailable { current_k: self.k });
        }
        let usable = n - config.unusable;
        layouter.assign_region(
            || "machine",
            |mut region| {
                for row in 0..usable {
                    let active = (LEAD_IN..usable - 1).contains(&row);
                    let mut fixed =
                        |c, on: bool| _ = region.assign_fixed(c, row, Fr::from(u64::from(on)));
                    fixed(config.q_active, active);
                    fixed(config.q_lead, row < LEAD_IN);
                    fixed(config.q_start, row == LEAD_IN);
                    fixed(config.q_tail, active && row + 1 + TAIL >= usable);
                    fixed(config.q_last, row + 1 == usable);
                    // Rows without an entry of their own repeat the first, with multiplicity 0.
                    let entry = row
                        .checked_sub(LEAD_IN)
                        .and_then(|i| self.machine.entries.get(i));
                    if let Some(entry) = entry.or(self.machine.entries.first()) {
                        region.assign_fixed(config.table[0], row, Fr::from(entry.table.number()));
                        for (c, v) in config.table[1..].iter().zip(&entry.values) {
                            region.assign_fixed(*c, row, *v);
                        }
                    }
                }
                let Some(table) = self.table.as_deref() else {
                    region.next_phase();
                    return Ok(());
                };
                for row in 0..usable {
                    let mut put = |c, v: Fr| _ = region.assign_advice(c, row, Value::known(v));
                    for (k, c) in config.flags.iter().enumerate() {
                        put(*c, table.flag(row, k));
                    }
                    put(
                        config.state,
                        table.state.get(row).copied().unwrap_or(Fr::ZERO),
                    );
                    put(
                        config.left,
                        table.left.get(row).copied().unwrap_or(Fr::ZERO),
                    );
                    let entry = row
                        .checked_sub(LEAD_IN)
                        .and_then(|i| table.multiplicities.get(i));
                    put(config.mult, entry.copied().unwrap_or(Fr::ZERO));
                    for (i, c) in config.data.iter().enumerate() {
                        put(*c, table.get(row, i));
                    }
                }
                region.next_phase();
                let challenge = |c| {
                    let mut v = None;
                    region.get_challenge(c).map(|x| v = Some(x));
                    v
                };
                let Some(alpha) = challenge(config.alpha) else {
                    return Ok(());
                };
                let betas: Vec<Fr> = config.betas.iter().filter_map(|b| challenge(*b)).collect();
                let helpers = helper_values(&self.machine, table, alpha, &betas);
                let (width, mut running) = (config.helpers.len(), Fr::ZERO);
                for row in LEAD_IN..usable {
                    region.assign_advice(config.sum, row, Value::known(running));
                    for (g, c) in config.helpers.iter().enumerate() {
                        let h = helpers.get(row * width + g).copied().unwrap_or(Fr::ZERO);
                        region.assign_advice(*c, row, Value::known(h));
                        running += h;
                    }
                }
                Ok(())
            },
        )
    }
}

fn columns(cs: &mut ConstraintSystem<Fr>, machine: &Machine) -> MachineConfig {
    let mut first = || cs.advice_column_in(FirstPhase);
    let flags = machine.kinds.iter().map(|_| first()).collect();
    let (state, left, mult) = (first(), first(), first());
    let data = (0..machine.layout.data()).map(|_| first()).collect();
    let alpha = cs.challenge_usable_after(FirstPhase);
    let betas = (0..machine.max_arity())
        .map(|_| cs.challenge_usable_after(FirstPhase))
        .collect();
    let helpers = helper_groups(machine)
        .iter()
        .map(|_| cs.advice_column_in(SecondPhase))
        .collect();
    let sum = cs.advice_column_in(SecondPhase);
    let [q_active, q_lead, q_start, q_tail, q_last] = [(); 5].map(|()| cs.fixed_column());
    let table = (0..=machine.table_width())
        .map(|_| cs.fixed_column())
        .collect();
    let instance = cs.instance_column();
    MachineConfig {
        flags,
        state,
        left,
        mult,
        data,
        helpers,
        sum,
        q_active,
        q_lead,
        q_start,
        q_tail,
        q_last,
        table,
        instance,
        alpha,
        betas,
        unusable: 0,
    }
}

/// Lead-in, flags, rows left, the run automaton, the forced tail and the public values.
fn cover_gates(cs: &mut ConstraintSystem<Fr>, machine: &Machine, config: &MachineConfig) {
    cs.create_gate("cover", |cells| {
        let mut v = View { cells, config };
        let (active, lead) = (v.fixed(config.q_active), v.fixed(config.q_lead));
        let (start, tail) = (v.fixed(config.q_start), v.fixed(config.q_tail));
        let one = Expression::Constant(Fr::ONE);
        let flags: Vec<_> = (0..config.flags.len()).map(|k| v.flag(k, 0)).collect();
        let head = flags
            .iter()
            .skip(1)
            .fold(flags[0].clone(), |s, f| s + f.clone());
        let (left, left_above) = (v.advice(config.left, 0), v.advice(config.left, -1));
        let (state, state_above) = (v.advice(config.state, 0), v.advice(config.state, -1));
        let continued = one.clone() - head.clone();

        // On lead-in rows too: there the booleans must add up to zero, so that each is zero.
        let assigned = active.clone() + lead.clone();
        let mut gates: Vec<Expression<Fr>> = flags
            .iter()
            .map(|f| assigned.clone() * (f.clone() * (f.clone() - one.clone())))
            .collect();
        gates.push(lead.clone() * head.clone());
        gates.push(lead.clone() * left.clone());
        gates.push(
            lead * (state.clone() - Expression::Constant(Fr::from(u64::from(State::START.0)))),
        );

        gates.push(active.clone() * (head.clone() * continued.clone()));
        gates.push(active.clone() * (head.clone() * left_above.clone()));
        let mut expected_left = continued.clone() * (left_above - one);
        let mut expected_state = continued * state_above.clone();
        let mut follow = zero();
        for (k, kind) in machine.kinds.iter().enumerate() {
            if kind.rows > 1 {
                expected_left = expected_left + flags[k].clone() * Fr::from(kind.rows as u64 - 1);
            }
            if kind.leave != State::CLOSED.expr() {
                expected_state = expected_state + flags[k].clone() * v.expr(&kind.leave, 0);
            }
            let product = kind.enter.iter().fold(flags[k].clone(), |p, s| {
                p * match s.0 {
                    0 => state_above.clone(),
                    n => state_above.clone() - Expression::Constant(Fr::from(u64::from(n))),
                }
            });
            follow = sum(follow, product);
        }
        gates.push(active.clone() * (left - expected_left));
        gates.push(active.clone() * (state - expected_state));
        gates.push(active * follow);
        gates.push(tail * (Expression::Constant(Fr::ONE) - flags[0].clone()));
        for (cell, value) in &machine.pins {
            gates.push(start.clone() * (v.expr(&cell.expr(), 0) - Expression::Constant(*value)));
        }
        if let Some((_, high, low)) = machine.instance {
            for (i, cell) in [high, low].into_iter().enumerate() {
                let public = v
                    .cells
                    .query_instance(config.instance, Rotation(i as i32 - LEAD_IN as i32));
                gates.push(start.clone() * (v.expr(&cell.expr(), 0) - public));
            }
        }
        gates
    });
}

/// The kinds' own relations. At most one flag is 1, so relation `i` of every kind shares one polynomial.
fn kind_gates(cs: &mut ConstraintSystem<Fr>, machine: &Machine, config: &MachineConfig) {
    let most = machine
        .kinds
        .iter()
        .map(|k| k.constraints.len())
        .max()
        .unwrap_or(0);
    if most == 0 {
        return;
    }
    cs.create_gate("kinds", |cells| {
        let mut v = View { cells, config };
        let active = v.fixed(config.q_active);
        (0..most)
            .map(|i| {
                let mut p = zero();
                for (k, kind) in machine.kinds.iter().enumerate() {
                    if let Some((_, e)) = kind.constraints.get(i) {
                        p = sum(p, v.flag(k, 0) * v.expr(e, 0));
                    }
                }
                active.clone() * p
            })
            .collect::<Vec<_>>()
    });
}

/// `h Π(α - f_i) = Σ m_i Π_{j≠i}(α - f_j)` per helper, and the running sum.
fn bus_gates(cs: &mut ConstraintSystem<Fr>, machine: &Machine, config: &MachineConfig) {
    cs.create_gate("buses", |cells| {
        let mut v = View { cells, config };
        let active = v.fixed(config.q_active);
        let alpha = v.challenge(config.alpha);
        let mut gates = vec![];
        let mut total = zero();
        for (g, group) in helper_groups(machine).iter().enumerate() {
            let h = v.advice(config.helpers[g], 0);
            let terms: Vec<_> = group
                .iter()
                .map(|s| {
                    let (f, m) = v.slot(machine, *s);
                    (alpha.clone() - f, m)
                })
                .collect();
            let product = terms.iter().fold(h.clone(), |p, (d, _)| p * d.clone());
            let numerators = (0..terms.len()).fold(zero(), |acc, i| {
                let others = terms.iter().enumerate().filter(|(j, _)| *j != i);
                sum(
                    acc,
                    others.fold(terms[i].1.clone(), |p, (_, (d, _))| p * d.clone()),
                )
            });
            gates.push(active.clone() * (product - numerators));
            total = sum(total, h);
        }
        let (now, next) = (v.advice(config.sum, 0), v.advice(config.sum, 1));
        let (start, last) = (v.fixed(config.q_start), v.fixed(config.q_last));
        gates.push(active * (next - now.clone() - total));
        gates.push(start * now.clone());
        gates.push(last * now);
        gates
    });
}

/// Helper values, row-major, for the rows that the table holds or that carry a fixed-table entry.
fn helper_values(machine: &Machine, table: &Table, alpha: Fr, betas: &[Fr]) -> Vec<Fr> {
    let groups = helper_groups(machine);
    let group_of = |slot: Slot| {
        groups
            .iter()
            .position(|g| g.contains(&slot))
            .expect("every slot has a group")
    };
    let narrow: Vec<usize> = (0..machine.layout.narrow)
        .map(|c| group_of(Slot::Narrow(c)))
        .collect();
    let wide: Vec<usize> = (0..machine.layout.wide)
        .map(|w| group_of(Slot::Wide(w)))
        .collect();
    let entries = group_of(Slot::Table);
    let fingerprint = |number: Fr, values: &[Fr]| {
        values
            .iter()
            .zip(betas)
            .fold(number, |f, (v, b)| f + *v * b)
    };
    let heads: Vec<usize> = (LEAD_IN..table.rows())
        .filter(|r| table.heads[*r] != 0)
        .collect();
    // Each term is (position among the helpers, multiplicity, α - fingerprint).
    let invert = |mut terms: Vec<(usize, Fr, Fr)>| {
        terms.iter_mut().map(|t| &mut t.2).batch_invert();
        terms
            .into_iter()
            .map(|(at, m, d)| (at, m * d))
            .collect::<Vec<_>>()
    };
    let width = groups.len();
    let mut parts: Vec<Vec<(usize, Fr)>> = heads
        .par_chunks(512)
        .map(|rows| {
            let mut terms = vec![];
            let mut scratch = Scratch::default();
            for &row in rows {
                let kind = &machine.kinds[usize::from(table.heads[row]) - 1];
                scratch.evaluate(kind, table, row);
                for (cell, t) in &kind.lookups {
                    let at = (row + cell.row as usize) * width + narrow[usize::from(cell.column)];
                    let f = fingerprint(Fr::from(t.number()), &[table.cell(row, *cell)]);
                    terms.push((at, -Fr::ONE, alpha - f));
                }
                for m in kind
                    .sent(&scratch.outputs)
                    .filter(|m| m.multiplicity != Fr::ZERO)
                {
                    let at = (row + usize::from(m.message.row)) * width + wide[m.message.slot];
                    terms.push((at, m.multiplicity, alpha - fingerprint(m.number, m.values)));
                }
            }
            invert(terms)
        })
        .collect();
    parts.push(invert(
        machine
            .entries
            .iter()
            .zip(&table.multiplicities)
            .enumerate()
            .filter(|(_, (_, m))| **m != Fr::ZERO)
            .map(|(i, (e, m))| {
                (
                    (LEAD_IN + i) * width + entries,
                    *m,
                    alpha - fingerprint(Fr::from(e.table.number()), &e.values),
                )
            })
            .collect(),
    ));
    let mut helpers = vec![Fr::ZERO; table.rows().max(LEAD_IN + machine.entries.len()) * width];
    for (at, term) in parts.into_iter().flatten() {
        helpers[at] += term;
    }
    helpers
}

/// What the shape of the machine costs a verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitCost {
    /// Advice columns of both phases.
    pub advice_columns: usize,
    /// Fixed columns.
    pub fixed_columns: usize,
    /// Evaluations in a proof: distinct (column, rotation) pairs, and the random polynomial.
    pub evaluations: usize,
    /// Highest degree of a gate.
    pub degree: usize,
    /// Distinct rotations.
    pub rotations: usize,
}

impl Machine {
    /// Counts what a verifier pays for.
    pub fn circuit_cost(self: &Arc<Self>) -> CircuitCost {
        let cs = self.constraint_system();
        let rotations: BTreeSet<i32> = cs
            .advice_queries()
            .iter()
            .map(|q| q.1.0)
            .chain(cs.fixed_queries().iter().map(|q| q.1.0))
            .collect();
        CircuitCost {
            advice_columns: cs.num_advice_columns(),
            fixed_columns: cs.num_fixed_columns(),
            evaluations: cs.advice_queries().len() + cs.fixed_queries().len() + 1,
            degree: cs
                .gates()
                .iter()
                .flat_map(|g| g.polynomials())
                .map(Expression::degree)
                .max()
                .unwrap_or(0),
            rotations: rotations.len(),
        }
    }
}
