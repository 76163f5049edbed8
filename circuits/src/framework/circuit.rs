//! The machine as a halo2 circuit: factors, cover, automaton and the bus argument around the kinds' relations.

use super::{
    super::Fr,
    Cell, Expr, Machine, State,
    checker::Scratch,
    table::{LEAD_IN, TAIL, Table},
};
use ff::{BatchInvert, Field};
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
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
    gamma: Challenge,
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

impl MachineCircuit {
    /// Rows that may be used, of which `unusable` are not.
    fn usable(&self, unusable: usize) -> Result<usize, Error> {
        let table = self.table.as_ref();
        let rows = table.map_or(0, |t| t.rows().saturating_sub(LEAD_IN));
        if rows.max(self.machine.entries.len()) > capacity(self.k, unusable) {
            return Err(Error::NotEnoughRowsAvailable { current_k: self.k });
        }
        Ok((1usize << self.k) - unusable)
    }

    /// The values of a phase's advice columns, in the order of the columns' numbers and as many rows as can be used, `usable`; `challenges`
    /// are those of the phases before, by their numbers. They are what [`Circuit::synthesize`] assigns.
    ///
    /// # Errors
    /// The table does not fit, or there is none ([`Error::Synthesis`]).
    ///
    /// # Panics
    /// Where a second phase is asked for without the first one's challenges.
    pub fn phase(
        &self,
        phase: usize,
        usable: usize,
        challenges: &[Fr],
    ) -> Result<Vec<Vec<Fr>>, Error> {
        let usable = self.usable((1 << self.k) - usable)?;
        let table = self.table.as_deref().ok_or(Error::Synthesis)?;
        if phase == 0 {
            return Ok(first_phase(&self.machine, table, usable));
        }
        // In the order in which they are declared: alpha, then the betas.
        let betas = &challenges[1..=self.machine.max_arity()];
        Ok(second_phase(
            &self.machine,
            table,
            challenges[0],
            betas,
            usable,
        ))
    }
}

/// Flags, states, multiplicities and data.
fn first_phase(machine: &Machine, table: &Table, usable: usize) -> Vec<Vec<Fr>> {
    let flags = machine.kinds.len();
    (0..flags + 2 + machine.layout.data())
        .into_par_iter()
        .map(|column| {
            let value = |row: usize| match column.checked_sub(flags) {
                None => table.flag(row, column),
                Some(0) => table.state.get(row).copied().unwrap_or(Fr::ZERO),
                Some(1) => {
                    let entry = row.checked_sub(LEAD_IN);
                    let entry = entry.and_then(|i| table.multiplicities.get(i));
                    entry.copied().unwrap_or(Fr::ZERO)
                }
                Some(data) => table.get(row, data - 2),
            };
            (0..usable).map(value).collect()
        })
        .collect()
}

/// Helpers and the running sum.
fn second_phase(
    machine: &Machine,
    table: &Table,
    alpha: Fr,
    betas: &[Fr],
    usable: usize,
) -> Vec<Vec<Fr>> {
    let helpers = helper_values(machine, table, alpha, betas);
    // The last group has no column of its own.
    let width = machine.helpers() + 1;
    let mut columns: Vec<Vec<Fr>> = (0..width - 1)
        .into_par_iter()
        .map(|g| {
            let value = |row: usize| helpers.get(row * width + g).copied();
            (0..usable)
                .map(|row| value(row).unwrap_or(Fr::ZERO))
                .collect()
        })
        .collect();
    let sums: Vec<Fr> = helpers
        .par_chunks(width)
        .map(|terms| terms.iter().sum())
        .collect();
    let mut running = Fr::ZERO;
    let sum = (0..usable).map(|row| {
        let before = running;
        running += sums.get(row).copied().unwrap_or(Fr::ZERO);
        before
    });
    columns.push(sum.collect());
    columns
}

impl MachineConfig {
    /// The advice columns of the first phase.
    fn first_phase(&self) -> Vec<Column<Advice>> {
        let single = [self.state, self.mult];
        [&self.flags[..], &single, &self.data].concat()
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
    /// `Σ γ^i e_i`, the relations in an order of its own: those with a common factor share its product.
    fn folded<'e>(&mut self, relations: impl Iterator<Item = &'e Expr>) -> Expression<Fr> {
        let gamma = self.challenge(self.config.gamma);
        let horner = |terms: Vec<Expression<Fr>>| {
            let fold = |acc, e| acc * gamma.clone() + e;
            terms.into_iter().reduce(fold).unwrap_or_else(zero)
        };
        let mut acc: Option<Expression<Fr>> = None;
        for (factor, group) in by_factor(relations.collect()) {
            let power = (1..group.len()).fold(gamma.clone(), |p, _| p * gamma.clone());
            let terms = group.iter().map(|e| self.expr(e, 0)).collect();
            let term = match factor {
                Some(f) => self.expr(&f, 0) * horner(terms),
                None => horner(terms),
            };
            acc = Some(match acc {
                Some(acc) => acc * power + term,
                None => term,
            });
        }
        acc.unwrap_or_else(zero)
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
                let value =
                    self.challenge(self.config.betas[0]) * self.advice(self.config.data[column], 0);
                let Some(users) = &machine.sums.narrow[column] else {
                    return (value, zero());
                };
                let bus = users.fold(
                    &mut |(kind, row, number)| self.flag(*kind, -(*row as i32)) * Fr::from(*number),
                    &mut |a, b| a + b,
                );
                let mult = users.fold(
                    &mut |(kind, row, _)| self.flag(*kind, -(*row as i32)),
                    &mut |a, b| a + b,
                );
                (bus + value, -mult)
            }
            Slot::Wide(wide) => {
                let (mut f, mut mult) = (zero(), zero());
                for (k, kind) in machine.kinds.iter().enumerate() {
                    let messages = kind.messages.iter().zip(&machine.sums.messages[k]);
                    for (m, fingerprint) in messages.filter(|(m, _)| m.slot == wide) {
                        let flag = self.flag(k, -i32::from(m.row));
                        let g = fingerprint.fold(
                            &mut |(position, e)| {
                                let value = self.expr(e, 0);
                                match position {
                                    Some(i) => self.challenge(self.config.betas[*i]) * value,
                                    None => value,
                                }
                            },
                            &mut |a, b| a + b,
                        );
                        f = sum(f, flag.clone() * g);
                        let times = match &m.multiplicity {
                            Expr::Const(c) => flag * *c,
                            e => flag * self.expr(e, i32::from(m.row)),
                        };
                        mult = sum(mult, times);
                    }
                }
                (f, mult)
            }
        }
    }
}

/// A term of a fingerprint: a value at its position, or the bus number.
pub(crate) type Term = (Option<usize>, Expr);

/// Groups relations by a factor that several have, given with the other factors; relations without one stand alone.
fn by_factor(relations: Vec<&Expr>) -> Vec<(Option<Expr>, Vec<Expr>)> {
    let mut factors: Vec<(Expr, usize)> = vec![];
    for e in &relations {
        if let Expr::Mul(ab) = e {
            for f in [&ab.0, &ab.1] {
                match factors.iter_mut().find(|(g, _)| g == f) {
                    Some((_, n)) => *n += 1,
                    None => factors.push((f.clone(), 1)),
                }
            }
        }
    }
    factors.retain(|(_, n)| *n > 1);
    factors.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut groups: Vec<(Option<Expr>, Vec<Expr>)> = factors
        .into_iter()
        .map(|(f, _)| (Some(f), vec![]))
        .collect();
    let mut alone = vec![];
    for e in relations {
        let place = match e {
            Expr::Mul(ab) => groups.iter_mut().find_map(|(f, group)| match f {
                Some(f) if *f == ab.0 => Some((group, &ab.1)),
                Some(f) if *f == ab.1 => Some((group, &ab.0)),
                _ => None,
            }),
            _ => None,
        };
        match place {
            Some((group, rest)) => group.push(rest.clone()),
            None => alone.push((None, vec![e.clone()])),
        }
    }
    groups.retain(|(_, group)| !group.is_empty());
    groups.into_iter().chain(alone).collect()
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

/// (kind, row, table number) of the look-ups in a column's slot.
pub(crate) fn narrow_users(machine: &Machine, column: usize) -> Vec<(usize, usize, u64)> {
    let mut users = vec![];
    for (k, kind) in machine.kinds.iter().enumerate() {
        let on_column = kind
            .lookups
            .iter()
            .filter(|(c, _)| usize::from(c.column) == column);
        users.extend(on_column.map(|(c, t)| (k, c.row as usize, t.number())));
    }
    users
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
        let usable = self.usable(config.unusable)?;
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
                let put = |region: &mut Region<'_, Fr>,
                           columns: &[Column<Advice>],
                           values: Vec<Vec<Fr>>| {
                    for (column, values) in columns.iter().zip(values) {
                        for (row, value) in values.into_iter().enumerate() {
                            region.assign_advice(*column, row, Value::known(value));
                        }
                    }
                };
                let values = first_phase(&self.machine, table, usable);
                put(&mut region, &config.first_phase(), values);
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
                let values = second_phase(&self.machine, table, alpha, &betas, usable);
                let mut columns = config.helpers.clone();
                columns.push(config.sum);
                put(&mut region, &columns, values);
                Ok(())
            },
        )
    }
}

fn columns(cs: &mut ConstraintSystem<Fr>, machine: &Machine) -> MachineConfig {
    let mut first = || cs.advice_column_in(FirstPhase);
    let flags = machine.kinds.iter().map(|_| first()).collect();
    let (state, mult) = (first(), first());
    let data = (0..machine.layout.data()).map(|_| first()).collect();
    let alpha = cs.challenge_usable_after(FirstPhase);
    let betas = (0..machine.max_arity())
        .map(|_| cs.challenge_usable_after(FirstPhase))
        .collect();
    let gamma = cs.challenge_usable_after(FirstPhase);
    let helpers = (0..machine.helpers())
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
        gamma,
        unusable: 0,
    }
}

/// Lead-in, flags, the run automaton with the rows to come, the forced tail and the public values.
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
        let (state, state_above) = (v.advice(config.state, 0), v.advice(config.state, -1));
        let continued = one.clone() - head.clone();

        // On lead-in rows too: there the booleans must add up to zero, so that each is zero.
        let assigned = active.clone() + lead.clone();
        let mut gates: Vec<Expression<Fr>> = flags
            .iter()
            .map(|f| assigned.clone() * (f.clone() * (f.clone() - one.clone())))
            .collect();
        gates.push(lead.clone() * head.clone());
        gates.push(lead * (state.clone() - Expression::Constant(State::START.element())));

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
        gates.push(tail * (one.clone() - flags[0].clone()));
        gates.push(active.clone() * (head.clone() * continued.clone()));
        let mut expected =
            continued * (state_above.clone() - Expression::Constant(State::rows_to_come(1)));
        let mut follow = zero();
        for (k, kind) in machine.kinds.iter().enumerate() {
            let state = &kind.leave + Expr::from(State::rows_to_come(kind.rows - 1));
            if state != State::CLOSED.expr() {
                expected = expected + flags[k].clone() * v.expr(&state, 0);
            }
            let product = kind.enter.iter().fold(flags[k].clone(), |p, s| {
                p * match s.0 {
                    0 => state_above.clone(),
                    n => state_above.clone() - Expression::Constant(Fr::from(u64::from(n))),
                }
            });
            follow = sum(follow, product);
        }
        gates.push(active.clone() * (state - expected));
        gates.push(active * follow);
        gates
    });
}

/// The kinds' own relations. Those of a kind are folded with the powers of one challenge, which is drawn when all of their
/// cells are committed; at most one flag is 1, so all kinds share one polynomial.
fn kind_gates(cs: &mut ConstraintSystem<Fr>, machine: &Machine, config: &MachineConfig) {
    if machine.kinds.iter().all(|k| k.constraints.is_empty()) {
        return;
    }
    cs.create_gate("kinds", |cells| {
        let mut v = View { cells, config };
        let active = v.fixed(config.q_active);
        let mut total = zero();
        for (k, kind) in machine.kinds.iter().enumerate() {
            if !kind.constraints.is_empty() {
                let folded = v.folded(kind.constraints.iter().map(|(_, e)| e));
                total = sum(total, v.flag(k, 0) * folded);
            }
        }
        vec![active * total]
    });
}

/// `h Π(α - f_i) = Σ m_i Π_{j≠i}(α - f_j)` for each group of slots, where `h` is a helper, or for the last group what the
/// running sum grows by beyond all helpers.
fn bus_gates(cs: &mut ConstraintSystem<Fr>, machine: &Machine, config: &MachineConfig) {
    cs.create_gate("buses", |cells| {
        let mut v = View { cells, config };
        let active = v.fixed(config.q_active);
        let alpha = v.challenge(config.alpha);
        let (now, next) = (v.advice(config.sum, 0), v.advice(config.sum, 1));
        let (start, last) = (v.fixed(config.q_start), v.fixed(config.q_last));
        let mut gates = vec![];
        let mut rest = next - now.clone();
        for (g, group) in helper_groups(machine).iter().enumerate() {
            let h = match config.helpers.get(g) {
                Some(helper) => v.advice(*helper, 0),
                None => rest.clone(),
            };
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
            rest = rest - h;
        }
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
