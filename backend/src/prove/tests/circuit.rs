//! A circuit with every feature that the prover supports, each as much as is asked for.

use ff::{Field, PrimeField};
use halo2_proofs::{
    circuit::{Layouter, Region, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase, Selector, ThirdPhase,
    },
    poly::Rotation,
};

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    /// There are `2^k` rows.
    pub(crate) k: u32,
    /// Phases, 1 to 3.
    pub(crate) phases: usize,
    /// Advice columns whose cells are copied into each other; if there are any, a fixed column takes part, too.
    pub(crate) permuted: usize,
    pub(crate) lookups: usize,
    pub(crate) instances: usize,
    /// Whether gates are switched by selectors, which a key makes fixed columns of, or by fixed columns.
    pub(crate) selectors: bool,
    /// The greatest power in a gate.
    pub(crate) power: u64,
    /// Whether the library may make a key of a lower degree than the gates have.
    pub(crate) capped: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    a: Column<Advice>,
    b: Column<Advice>,
    c: Column<Advice>,
    d: Column<Advice>,
    chain: Vec<Column<Advice>>,
    looked_up: Vec<[Column<Advice>; 2]>,
    second: Option<Column<Advice>>,
    third: Option<Column<Advice>>,
    challenges: Vec<Challenge>,
    constant: Column<Fixed>,
    table: [Column<Fixed>; 2],
    instances: Vec<Column<Instance>>,
    on: Switch,
    far: Switch,
    public: Column<Fixed>,
    looks: Selector,
}

#[derive(Clone, Copy, Debug)]
enum Switch {
    Selector(Selector),
    Fixed(Column<Fixed>),
}

impl Switch {
    fn of(cs: &mut ConstraintSystem<Fr>, selectors: bool) -> Self {
        if selectors {
            Self::Selector(cs.selector())
        } else {
            Self::Fixed(cs.fixed_column())
        }
    }
    fn expression(self, cs: &mut halo2_proofs::plonk::VirtualCells<'_, Fr>) -> Expression<Fr> {
        match self {
            Self::Selector(s) => cs.query_selector(s),
            Self::Fixed(c) => cs.query_fixed(c, Rotation::cur()),
        }
    }
    fn enable(self, region: &mut Region<'_, Fr>, row: usize) -> Result<(), Error> {
        match self {
            Self::Selector(s) => s.enable(region, row),
            Self::Fixed(c) => {
                region.assign_fixed(c, row, Fr::ONE);
                Ok(())
            }
        }
    }
}

/// The circuit, with a witness or without.
#[derive(Clone, Debug)]
pub(crate) struct Everything {
    features: Features,
    a: Vec<Fr>,
    b: Vec<Fr>,
    known: bool,
    spoiled: [Option<usize>; 3],
    forgotten: Option<usize>,
    beyond: Option<usize>,
}

/// Rows of the table of look-ups.
const TABLE: usize = 9;

impl Everything {
    pub(crate) fn new(features: Features) -> Self {
        let rows = (1 << features.k) - 20;
        let value = |i: usize, m: u64| Fr::from((i as u64 * m + 3) % 251).square() - Fr::from(m);
        Self {
            features,
            a: (0..rows).map(|i| value(i, 17)).collect(),
            b: (0..rows).map(|i| value(i, 5)).collect(),
            known: true,
            spoiled: [None; 3],
            forgotten: None,
            beyond: None,
        }
    }
    /// The instance columns.
    pub(crate) fn instances(&self) -> Vec<Vec<Fr>> {
        // Row i + 1 of instance column i has a's value in row i.
        let column = |i: usize| {
            let mut column: Vec<Fr> = (0..i + 1).map(|j| Fr::from(j as u64 + 100)).collect();
            column.push(self.a[i]);
            column
        };
        (0..self.features.instances).map(column).collect()
    }
    /// A gate does not hold any more.
    pub(crate) fn spoil_gate(&mut self) {
        self.spoiled[0] = Some(2);
    }
    /// A copy does not hold any more.
    pub(crate) fn spoil_copy(&mut self) {
        self.spoiled[1] = Some(3);
    }
    /// The second look-up does not hold in the row that is returned.
    pub(crate) fn spoil_lookup(&mut self) -> usize {
        self.spoiled[2] = Some(4);
        4
    }
    /// A cell has no value.
    pub(crate) fn forget(&mut self, row: usize) {
        self.forgotten = Some(row);
    }
    /// A cell in this row is assigned.
    pub(crate) fn assign_beyond(&mut self, row: usize) {
        self.beyond = Some(row);
    }
    fn rows(&self) -> usize {
        self.a.len()
    }
    /// Values of all advice columns, as far as the challenges are known.
    pub(crate) fn columns(
        &self,
        cs: &ConstraintSystem<Fr>,
        challenges: &[Option<Fr>],
    ) -> Vec<Vec<Fr>> {
        let mut columns = vec![];
        let rows = self.rows();
        let (a, b) = (&self.a, &self.b);
        let mut c: Vec<Fr> = (0..rows)
            .map(|i| a[i] * b[i] + self.constant(i) + a[i].pow([self.features.power]))
            .collect();
        if let Some(row) = self.spoiled[0] {
            c[row] += Fr::ONE;
        }
        let mut d = vec![Fr::from(2); rows + 3];
        for i in 1..rows {
            d[i + 3] = d[i - 1] * b[i] + a[i - 1];
        }
        columns.extend([a.clone(), b.clone(), c, d]);
        for j in 0..self.features.permuted {
            let mut column: Vec<Fr> = (0..rows).map(|i| self.copied(j, i)).collect();
            if let (Some(row), 0) = (self.spoiled[1], j) {
                column[row] += Fr::ONE;
            }
            columns.push(column);
        }
        for j in 0..self.features.lookups {
            let index = |i: usize| (i * (j + 1) + i / 3) % TABLE;
            let first = (0..rows).map(|i| Fr::from(index(i) as u64));
            let mut second: Vec<Fr> = (0..rows).map(|i| table(index(i))).collect();
            if let (Some(row), 1) = (self.spoiled[2], j) {
                second[row] += Fr::ONE;
            }
            columns.extend([first.collect(), second]);
        }
        if self.features.phases > 1 {
            let x = challenges.first().copied().flatten().unwrap_or(Fr::ZERO);
            columns.push((0..rows).map(|i| a[i] * x + b[i]).collect());
        }
        if self.features.phases > 2 {
            let x = challenges.get(1).copied().flatten().unwrap_or(Fr::ZERO);
            let second = columns.last().cloned().unwrap_or_default();
            let mut running = vec![Fr::ZERO];
            for i in 0..rows - 1 {
                running.push(running[i] * x + second[i]);
            }
            columns.push(running);
        }
        assert_eq!(columns.len(), cs.num_advice_columns());
        columns
    }
    fn constant(&self, row: usize) -> Fr {
        Fr::from(row as u64 % 5 + 1)
    }
    /// The value in a chain of copies: a cell is that of the column before in the row before.
    fn copied(&self, column: usize, row: usize) -> Fr {
        match column.min(row) {
            0 => Fr::from((column + 10 * row) as u64),
            _ => self.copied(column - 1, row - 1),
        }
    }
}

fn table(i: usize) -> Fr {
    Fr::from((i * i + 1) as u64)
}

impl Circuit<Fr> for Everything {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Features;

    fn params(&self) -> Features {
        self.features
    }

    fn without_witnesses(&self) -> Self {
        Self {
            known: false,
            ..self.clone()
        }
    }

    fn configure(_: &mut ConstraintSystem<Fr>) -> Config {
        unreachable!("configured with parameters")
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, f: Features) -> Config {
        if !f.capped {
            // With its switch.
            cs.set_minimum_degree(f.power as usize + 1);
        }
        let [a, b, c, d] = [(); 4].map(|()| cs.advice_column());
        let chain: Vec<_> = (0..f.permuted).map(|_| cs.advice_column()).collect();
        let pair = |cs: &mut ConstraintSystem<Fr>| [cs.advice_column(), cs.advice_column()];
        let looked_up: Vec<_> = (0..f.lookups).map(|_| pair(cs)).collect();
        let mut challenges = vec![];
        let (mut second, mut third) = (None, None);
        if f.phases > 1 {
            challenges.push(cs.challenge_usable_after(FirstPhase));
            second = Some(cs.advice_column_in(SecondPhase));
        }
        if f.phases > 2 {
            challenges.push(cs.challenge_usable_after(SecondPhase));
            third = Some(cs.advice_column_in(ThirdPhase));
        }
        let constant = cs.fixed_column();
        let table = [(); 2].map(|()| cs.fixed_column());
        let public = cs.fixed_column();
        let instances: Vec<_> = (0..f.instances).map(|_| cs.instance_column()).collect();
        let on = Switch::of(cs, f.selectors);
        let far = Switch::of(cs, f.selectors);
        let looks = cs.complex_selector();
        for column in &chain {
            cs.enable_equality(*column);
        }
        if f.permuted > 0 {
            cs.enable_equality(a);
            cs.enable_equality(public);
            for column in &instances {
                cs.enable_equality(*column);
            }
        }
        cs.create_gate("product", |cs| {
            let on = on.expression(cs);
            let [a, b, c] = [a, b, c].map(|x| cs.query_advice(x, Rotation::cur()));
            let constant = cs.query_fixed(constant, Rotation::cur());
            let power = (1..f.power).fold(a.clone(), |p, _| p * a.clone());
            let half = Expression::Constant(Fr::TWO_INV);
            let sum = a * b + constant + power;
            vec![
                on.clone() * (c.clone() - sum.clone()),
                (on * (c - sum)) * half * Fr::from(6),
            ]
        });
        cs.create_gate("far", |cs| {
            let on = far.expression(cs);
            let next = cs.query_advice(d, Rotation(3));
            let before = cs.query_advice(d, Rotation::prev());
            let b = cs.query_advice(b, Rotation::cur());
            let a = cs.query_advice(a, Rotation::prev());
            [on * (next - (before * b + a))]
        });
        if let (Some(second), Some(x)) = (second, challenges.first().copied()) {
            cs.create_gate("second phase", |cs| {
                let on = on.expression(cs);
                let x = cs.query_challenge(x);
                let second = cs.query_advice(second, Rotation::cur());
                let [a, b] = [a, b].map(|c| cs.query_advice(c, Rotation::cur()));
                [on * (second - a * x - b)]
            });
        }
        if let (Some(second), Some(third), Some(x)) = (second, third, challenges.get(1).copied()) {
            cs.create_gate("third phase", |cs| {
                let on = far.expression(cs);
                let x = cs.query_challenge(x);
                let second = cs.query_advice(second, Rotation::prev());
                let before = cs.query_advice(third, Rotation::prev());
                let third = cs.query_advice(third, Rotation::cur());
                [on * (third - before * x - second)]
            });
        }
        for (i, instance) in instances.iter().enumerate() {
            cs.create_gate("instance", |cs| {
                let public = cs.query_fixed(public, Rotation::cur());
                let a = cs.query_advice(a, Rotation(i as i32));
                let instance = cs.query_instance(*instance, Rotation(i as i32 + 1));
                [public * (a - instance)]
            });
        }
        for columns in &looked_up {
            cs.lookup_any("squares", |cs| {
                let looks = cs.query_selector(looks);
                let pairs = columns.iter().zip(table);
                let pairs = pairs.map(|(column, table)| {
                    let value = cs.query_advice(*column, Rotation::cur());
                    let table = cs.query_fixed(table, Rotation::cur());
                    (looks.clone() * value, table)
                });
                pairs.collect()
            });
        }
        Config {
            a,
            b,
            c,
            d,
            chain,
            looked_up,
            second,
            third,
            challenges,
            constant,
            table,
            instances,
            on,
            far,
            public,
            looks,
        }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let rows = self.rows();
        let mut first_rows = vec![];
        layouter.assign_region(
            || "everything",
            |mut region| {
                for row in 0..rows {
                    region.assign_fixed(config.constant, row, self.constant(row));
                    config.on.enable(&mut region, row)?;
                    config.looks.enable(&mut region, row)?;
                    if row > 0 {
                        config.far.enable(&mut region, row)?;
                    }
                }
                let public = region.assign_fixed(config.public, 0, Fr::ONE);
                if !config.chain.is_empty() {
                    // Two cells that are 0, and one that is its own copy.
                    let zeros = [5, 2].map(|row| region.assign_fixed(config.public, row, Fr::ZERO));
                    region.constrain_equal(zeros[0], zeros[1]);
                    region.constrain_equal(public, public);
                }
                for i in 0..TABLE {
                    region.assign_fixed(config.table[0], i, Fr::from(i as u64));
                    region.assign_fixed(config.table[1], i, table(i));
                }
                let phases = [
                    [config.a, config.b, config.c, config.d]
                        .into_iter()
                        .chain(config.chain.clone())
                        .chain(config.looked_up.iter().copied().flatten())
                        .collect::<Vec<_>>(),
                    config.second.into_iter().collect(),
                    config.third.into_iter().collect(),
                ];
                let mut done = 0;
                for (phase, columns) in phases.iter().take(self.features.phases).enumerate() {
                    if phase > 0 {
                        region.next_phase();
                    }
                    let challenges = config.challenges.iter().map(|c| {
                        let mut value = None;
                        region.get_challenge(*c).map(|v| value = Some(v));
                        value
                    });
                    let challenges: Vec<_> = challenges.collect();
                    let values = self.values(&challenges);
                    for column in columns {
                        let mut cells = vec![];
                        for (row, value) in values[done].iter().enumerate() {
                            let forgotten = self.forgotten == Some(row) || !self.known;
                            let value = if forgotten {
                                Value::unknown()
                            } else {
                                Value::known(*value)
                            };
                            cells.push(region.assign_advice(*column, row, value).cell());
                        }
                        if let (Some(row), 0) = (self.beyond, done) {
                            region.assign_advice(*column, row, Value::known(Fr::ONE));
                        }
                        first_rows.push(cells);
                        done += 1;
                    }
                }
                for j in 1..config.chain.len() {
                    for row in 1..rows {
                        region.constrain_equal(first_rows[4 + j][row], first_rows[3 + j][row - 1]);
                    }
                }
                Ok(())
            },
        )?;
        if !config.chain.is_empty() {
            for (i, instance) in config.instances.iter().enumerate() {
                layouter.constrain_instance(first_rows[0][i], *instance, i + 1);
            }
        }
        Ok(())
    }
}

impl Everything {
    fn values(&self, challenges: &[Option<Fr>]) -> Vec<Vec<Fr>> {
        let mut cs = ConstraintSystem::default();
        Self::configure_with_params(&mut cs, self.features);
        self.columns(&cs, challenges)
    }
}
