//! What a proof is made of, step by step, with one engine.

use super::channel::Channel;
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    lookup::{Permuted, Rows},
    msm::Bases,
    ntt::{self, Coset, Ntt},
    opening::{Opening, Query, evaluate},
    permutation::{self, Values},
    progress::{Observer, Stage, tell},
    quotient::{Inputs, Program, Scalars, Source},
    witness::Phases,
};
use ff::{Field, WithSmallOrderMulGroup};
use group::{Curve, prime::PrimeCurveAffine};
use halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        bn256::{Bn256, Fr, G1, G1Affine},
        serde::SerdeObject,
    },
    plonk::{ConstraintSystem, Expression, ProvingKey},
    poly::{
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::{collections::BTreeMap, ops::Deref};

/// Gives the columns of each phase.
pub(super) type Assign<'a> = dyn FnMut(&mut dyn Phases) -> Result<(), Error> + 'a;

/// A [`Core`] of any engine.
pub(super) trait Prepared: Send + Sync {
    /// The engine's name.
    fn engine(&self) -> &'static str;
    /// Makes a proof; the key has been absorbed.
    fn prove(
        &self,
        instances: &[&[Fr]],
        witness: &mut Assign<'_>,
        rng: &mut dyn RngCore,
        channel: &mut dyn Channel,
        observer: &dyn Observer,
    ) -> Result<(), Error>;
}

/// One of the cosets on which the quotient is computed.
struct Part<E: Engine> {
    coset: Coset<E>,
    shift: Fr,
    /// `1 / (X^n - 1)`, which is the same for all of its points.
    scale: Fr,
    /// What the quotient modulo `X^n - shift^n` adds to each piece.
    to_pieces: Vec<Fr>,
}

/// What is computed once for a key.
pub(super) struct Core<K, E: Engine> {
    engine: E,
    key: K,
    k: u32,
    powers: Bases<E>,
    lagrange: Bases<E>,
    ntt: Ntt<E>,
    parts: Vec<Part<E>>,
    program: Program,
    fixed: Vec<Column<Fr>>,
    sigma: Vec<Column<Fr>>,
    first: Column<Fr>,
    last: Column<Fr>,
    active: Column<Fr>,
}

/// Points of the Lagrange basis, which the library only writes.
fn lagrange(parameters: &ParamsKZG<Bn256>) -> Result<Vec<G1Affine>, Error> {
    const POINT: usize = 64;
    let n = parameters.n() as usize;
    let mut bytes = vec![];
    parameters.write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked)?;
    // The size, the powers, then these.
    let points = &bytes[4 + n * POINT..4 + 2 * n * POINT];
    Ok(points
        .par_chunks_exact(POINT)
        .map(G1Affine::from_raw_bytes_unchecked)
        .collect())
}

/// The degree of all constraints, without the bound that the library puts on it.
fn degree(constraints: &ConstraintSystem<Fr>) -> usize {
    let greatest = |list: &[Expression<Fr>]| list.iter().map(Expression::degree).max();
    let gates = constraints.gates().iter();
    let gates = gates.filter_map(|g| greatest(g.polynomials())).max();
    // The grand product of a look-up, see `lookup`: the active rows, the product, and the two compressed expressions.
    let lookups = constraints.lookups().iter().map(|l| {
        let [input, table] = [l.input_expressions(), l.table_expressions()];
        2 + greatest(input).unwrap_or(0).max(1) + greatest(table).unwrap_or(0).max(1)
    });
    gates.into_iter().chain(lookups).max().unwrap_or(0)
}

/// The inverse of the matrix with the rows `1, c, c^2, ...`: entry `(i, j)` is the coefficient of `X^i` in the polynomial that is 1 at `nodes[j]` and
/// 0 at the others.
fn interpolation(nodes: &[Fr]) -> Vec<Vec<Fr>> {
    let columns: Vec<Vec<Fr>> = (0..nodes.len())
        .map(|j| {
            let mut polynomial = vec![Fr::ONE];
            for (m, node) in nodes.iter().enumerate().filter(|(m, _)| *m != j) {
                debug_assert_ne!(nodes[j], nodes[m]);
                let scale = (nodes[j] - node).invert().unwrap_or(Fr::ZERO);
                let mut next = vec![Fr::ZERO; polynomial.len() + 1];
                for (i, c) in polynomial.iter().enumerate() {
                    next[i] -= *c * node * scale;
                    next[i + 1] += *c * scale;
                }
                polynomial = next;
            }
            polynomial
        })
        .collect();
    (0..nodes.len())
        .map(|i| columns.iter().map(|c| c[i]).collect())
        .collect()
}

/// Where a proving key is kept.
pub(super) trait Key: Deref<Target = ProvingKey<G1Affine>> + Send + Sync {}

impl<K: Deref<Target = ProvingKey<G1Affine>> + Send + Sync> Key for K {}

impl<K: Key, E: Engine> Core<K, E> {
    pub(super) fn new(engine: E, parameters: &ParamsKZG<Bn256>, key: K) -> Result<Self, Error> {
        let domain = key.get_vk().get_domain();
        let constraints = key.get_vk().cs();
        let k = domain.k();
        if k != parameters.k() {
            return Err(Error::Size {
                key: k,
                parameters: parameters.k(),
            });
        }
        if k < 3 {
            return Err(Error::Unsupported("circuits of fewer than 8 rows"));
        }
        let (have, room) = (degree(constraints), constraints.degree());
        if have > room {
            return Err(Error::Degree { have, room });
        }
        let n = 1u64 << k;
        let ntt = Ntt::new(engine, k);
        let pieces = domain.get_quotient_poly_degree();
        let step = domain.get_extended_omega();
        let shifts: Vec<Fr> = std::iter::successors(Some(Fr::ZETA), |s| Some(s * step))
            .take(pieces)
            .collect();
        let nodes: Vec<Fr> = shifts.iter().map(|s| s.pow_vartime([n])).collect();
        let inverse = interpolation(&nodes);
        let parts = shifts.iter().zip(&nodes).enumerate();
        let parts = parts
            .map(|(j, (shift, node))| Part {
                coset: ntt.coset(*shift),
                shift: *shift,
                scale: (node - Fr::ONE).invert().unwrap_or(Fr::ZERO),
                to_pieces: inverse.iter().map(|row| row[j]).collect(),
            })
            .collect();
        let import = |p: &[Fr]| Column::import(engine, p);
        Ok(Self {
            engine,
            k,
            powers: Bases::new(engine, parameters.get_g()),
            lagrange: Bases::new(engine, &lagrange(parameters)?),
            ntt,
            parts,
            program: Program::compile(constraints),
            fixed: key
                .fixed_polys()
                .iter()
                .map(|p| import(p.values()))
                .collect(),
            sigma: key
                .permutation()
                .polys()
                .iter()
                .map(|p| import(p.values()))
                .collect(),
            first: import(key.l0().values()),
            last: import(key.l_last().values()),
            active: import(key.l_active_row().values()),
            key,
        })
    }

    fn n(&self) -> usize {
        1 << self.k
    }

    fn constraints(&self) -> &ConstraintSystem<Fr> {
        self.key.get_vk().cs()
    }

    /// Commits to columns by their values, and gives the points in order.
    fn commit(&self, bases: &Bases<E>, columns: &[&[Fr]]) -> Vec<G1Affine> {
        let points = bases.multiply(columns);
        let mut affine = vec![G1Affine::identity(); points.len()];
        G1::batch_normalize(&points, &mut affine);
        affine
    }

    /// The same, and says them.
    fn say(
        &self,
        bases: &Bases<E>,
        columns: &[&[Fr]],
        channel: &mut dyn Channel,
    ) -> Result<(), Error> {
        for point in self.commit(bases, columns) {
            channel.point(point)?;
        }
        Ok(())
    }

    /// Coefficients of columns of values.
    fn coefficients(&self, values: &[&[Fr]]) -> Vec<Column<Fr>> {
        let mut columns: Vec<_> = values
            .par_iter()
            .map(|v| Column::import(self.engine, v))
            .collect();
        self.ntt.interpolate(&mut columns);
        columns
    }

    /// Instance columns in full length.
    fn instances(&self, instances: &[&[Fr]]) -> Result<Vec<Vec<Fr>>, Error> {
        let want = self.constraints().num_instance_columns();
        if instances.len() != want {
            return Err(Error::InstanceColumns {
                have: instances.len(),
                want,
            });
        }
        let room = self.n() - self.constraints().blinding_factors() - 1;
        let full = instances.iter().enumerate().map(|(column, values)| {
            if values.len() > room {
                return Err(Error::InstanceTooLong {
                    column,
                    have: values.len(),
                    room,
                });
            }
            let mut full = values.to_vec();
            full.resize(self.n(), Fr::ZERO);
            Ok(full)
        });
        full.collect()
    }

    /// The pieces of the quotient: numerator by cosets, divided by `X^n - 1`, cut after each `n` coefficients.
    fn quotient(
        &self,
        polynomials: &Polynomials,
        scalars: &Scalars<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<Column<Fr>>, Error> {
        let steps = self.parts.len() + 1;
        let mut cells = self.program.cells().iter();
        let needs_identity = cells.any(|c| c.source == Source::Identity);
        let mut modulo = vec![];
        for (i, part) in self.parts.iter().enumerate() {
            tell(observer, Stage::Quotient, i, steps)?;
            let on =
                |columns: &[Column<Fr>]| part.coset.evaluate(&columns.iter().collect::<Vec<_>>());
            let single = part
                .coset
                .evaluate(&[&self.first, &self.last, &self.active]);
            let [first, last, active] = &single[..] else {
                unreachable!("as many columns as were given");
            };
            let identity = needs_identity
                .then(|| ntt::powers(self.engine, part.shift, ntt::omega(self.k), self.n()));
            let inputs = Inputs {
                rows: self.n(),
                fixed: &on(&self.fixed),
                advice: &on(&polynomials.advice),
                instance: &on(&polynomials.instance),
                sigma: &on(&self.sigma),
                permutation_products: &on(&polynomials.permutation_products),
                lookup_products: &on(&polynomials.lookup_products),
                lookup_inputs: &on(&polynomials.lookup_inputs),
                lookup_tables: &on(&polynomials.lookup_tables),
                first: Some(first),
                last: Some(last),
                active: Some(active),
                identity: identity.as_ref(),
            };
            let numerator = self.program.run(self.engine, &inputs, scalars, part.scale);
            let mut quotient = [numerator];
            part.coset.interpolate(&mut quotient);
            modulo.extend(quotient);
        }
        tell(observer, Stage::Quotient, steps - 1, steps)?;
        let piece = |i: usize| {
            let terms: Vec<_> = modulo
                .iter()
                .zip(&self.parts)
                .map(|(column, part)| (column, part.to_pieces[i]))
                .collect();
            crate::opening::combine(self.engine, &terms, self.n())
        };
        Ok((0..self.parts.len()).map(piece).collect())
    }
}

/// The coefficients of the columns that a proof commits to, but for its quotient.
struct Polynomials {
    advice: Vec<Column<Fr>>,
    instance: Vec<Column<Fr>>,
    permutation_products: Vec<Column<Fr>>,
    lookup_products: Vec<Column<Fr>>,
    lookup_inputs: Vec<Column<Fr>>,
    lookup_tables: Vec<Column<Fr>>,
}

/// Commits to the advice columns phase by phase.
struct Committing<'b, K, E: Engine> {
    core: &'b Core<K, E>,
    rng: &'b mut dyn RngCore,
    channel: &'b mut dyn Channel,
    observer: &'b dyn Observer,
    /// Advice columns by phase.
    columns: Vec<Vec<usize>>,
    phase: usize,
    challenges: Vec<Option<Fr>>,
    /// Coefficients by column.
    coefficients: Vec<Option<Column<Fr>>>,
    /// Values by column, if a look-up or the permutation may need them.
    values: Option<Vec<Vec<Fr>>>,
}

impl<'b, K: Key, E: Engine> Committing<'b, K, E> {
    fn new(
        core: &'b Core<K, E>,
        rng: &'b mut dyn RngCore,
        channel: &'b mut dyn Channel,
        observer: &'b dyn Observer,
    ) -> Self {
        let phases = core.constraints().advice_column_phase();
        // There is a first phase even if there are no columns.
        let count = usize::from(phases.iter().copied().max().unwrap_or(0)) + 1;
        let mut columns = vec![vec![]; count];
        for (column, phase) in phases.iter().enumerate() {
            columns[usize::from(*phase)].push(column);
        }
        let reads_values = !core.constraints().lookups().is_empty() || !core.sigma.is_empty();
        Self {
            core,
            rng,
            channel,
            observer,
            columns,
            phase: 0,
            challenges: vec![None; core.constraints().num_challenges()],
            coefficients: vec![None; phases.len()],
            values: reads_values.then(|| vec![vec![]; phases.len()]),
        }
    }
}

impl<K: Key, E: Engine> Phases for Committing<'_, K, E> {
    fn next(&self) -> Option<&[usize]> {
        self.columns.get(self.phase).map(Vec::as_slice)
    }

    fn challenges(&self) -> &[Option<Fr>] {
        &self.challenges
    }

    fn rows(&self) -> usize {
        self.core.n()
    }

    fn usable_rows(&self) -> usize {
        self.rows() - self.core.constraints().blinding_factors() - 1
    }

    fn commit(&mut self, mut values: Vec<Vec<Fr>>) -> Result<(), Error> {
        let (phase, rows) = (self.phase, self.rows());
        let Some(columns) = self.columns.get(phase) else {
            return Err(Error::Phases {
                have: phase + 1,
                want: phase,
            });
        };
        let bad = |have: String| Error::Witness {
            phase,
            have,
            want: columns.len(),
            rows,
        };
        if values.len() != columns.len() {
            return Err(bad(format!("{} columns", values.len())));
        }
        if let Some(other) = values.iter().find(|v| v.len() != rows) {
            return Err(bad(format!("a column of {} rows", other.len())));
        }
        let stage = Stage::Advice(phase as u8);
        tell(self.observer, stage, 0, 2)?;
        let usable = self.usable_rows();
        for column in &mut values {
            for value in &mut column[usable..] {
                *value = Fr::random(&mut *self.rng);
            }
        }
        // A blinding factor for each commitment is drawn, as the library does, though KZG commitments have none.
        for _ in columns {
            Fr::random(&mut *self.rng);
        }
        let slices: Vec<&[Fr]> = values.iter().map(Vec::as_slice).collect();
        self.core.say(&self.core.lagrange, &slices, self.channel)?;
        tell(self.observer, stage, 1, 2)?;
        for (column, c) in columns.iter().zip(self.core.coefficients(&slices)) {
            self.coefficients[*column] = Some(c);
        }
        if let Some(all) = &mut self.values {
            for (column, values) in columns.iter().zip(values) {
                all[*column] = values;
            }
        }
        let phases = self.core.constraints().challenge_phase();
        for (challenge, of) in self.challenges.iter_mut().zip(phases) {
            if usize::from(of) == phase {
                *challenge = Some(self.channel.challenge());
            }
        }
        self.phase += 1;
        tell(self.observer, stage, 2, 2)
    }
}

impl<K: Key, E: Engine> Prepared for Core<K, E> {
    fn engine(&self) -> &'static str {
        E::NAME
    }

    fn prove(
        &self,
        instances: &[&[Fr]],
        witness: &mut Assign<'_>,
        rng: &mut dyn RngCore,
        channel: &mut dyn Channel,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let (engine, cs, n) = (self.engine, self.constraints(), self.n());
        let instance_values = self.instances(instances)?;
        for value in instances.iter().copied().flatten() {
            channel.absorb(*value)?;
        }

        let mut phases = Committing::new(self, rng, channel, observer);
        witness(&mut phases)?;
        if let Some(_missing) = phases.next() {
            return Err(Error::Phases {
                have: phases.phase,
                want: phases.columns.len(),
            });
        }
        let Committing {
            challenges,
            coefficients,
            values,
            ..
        } = phases;
        let challenges: Vec<Fr> = challenges.into_iter().flatten().collect();
        let advice: Vec<_> = coefficients.into_iter().flatten().collect();
        debug_assert_eq!(challenges.len(), cs.num_challenges());
        debug_assert_eq!(advice.len(), cs.num_advice_columns());

        let fixed_values: Vec<&[Fr]> = self.key.fixed_values().iter().map(|p| p.values()).collect();
        let advice_values = values.unwrap_or_default();
        let values = Values {
            fixed: &fixed_values,
            advice: &advice_values,
            instance: &instance_values,
        };

        let theta = channel.challenge();
        let lookups = self.lookups(values, &challenges, theta, rng, channel, observer)?;
        let (beta, gamma) = (channel.challenge(), channel.challenge());
        let steps = lookups.len() + usize::from(!self.sigma.is_empty());
        tell(observer, Stage::Products, 0, steps)?;
        let mut products = permutation::products(&self.key, cs, values, beta, gamma, rng);
        let sets = products.len();
        for lookup in &lookups {
            products.push(lookup.product(beta, gamma, cs.blinding_factors(), rng));
            Fr::random(&mut *rng);
        }
        let slices: Vec<&[Fr]> = products.iter().map(Vec::as_slice).collect();
        self.say(&self.lagrange, &slices, channel)?;
        let mut permutation_products = self.coefficients(&slices);
        let lookup_products = permutation_products.split_off(sets);
        let permuted = |of: fn(&Permuted) -> &[Fr]| {
            self.coefficients(&lookups.iter().map(of).collect::<Vec<_>>())
        };
        let instance: Vec<&[Fr]> = instance_values.iter().map(Vec::as_slice).collect();
        let polynomials = Polynomials {
            advice,
            instance: self.coefficients(&instance),
            permutation_products,
            lookup_products,
            lookup_inputs: permuted(|p| &p.permuted_input),
            lookup_tables: permuted(|p| &p.permuted_table),
        };
        drop((products, lookups, advice_values, instance_values));
        tell(observer, Stage::Products, steps, steps)?;

        let random = random_polynomial(rng, n);
        self.say(&self.powers, &[&random], channel)?;
        let random = Column::import(engine, &random);
        let scalars = Scalars {
            challenges: &challenges,
            theta,
            beta,
            gamma,
            y: channel.challenge(),
        };
        let pieces = self.quotient(&polynomials, &scalars, observer)?;
        // The commitments' blinding factors.
        for _ in &pieces {
            Fr::random(&mut *rng);
        }
        let exported: Vec<Vec<Fr>> = pieces.par_iter().map(|p| p.export(engine)).collect();
        let slices: Vec<&[Fr]> = exported.iter().map(Vec::as_slice).collect();
        self.say(&self.powers, &slices, channel)?;
        drop(exported);

        self.open(&polynomials, &pieces, &random, channel, observer)
    }
}

impl<K: Key, E: Engine> Core<K, E> {
    /// The permuted columns of all look-ups, committed to.
    fn lookups(
        &self,
        values: Values<'_>,
        challenges: &[Fr],
        theta: Fr,
        rng: &mut dyn RngCore,
        channel: &mut dyn Channel,
        observer: &dyn Observer,
    ) -> Result<Vec<Permuted>, Error> {
        let count = self.constraints().lookups().len();
        let rows = Rows {
            values,
            challenges,
            n: self.n(),
        };
        let mut lookups = vec![];
        for i in 0..count {
            tell(observer, Stage::Lookups, i, count)?;
            let permuted =
                Permuted::of(self.engine, self.constraints(), i, &rows, theta, &mut *rng)?;
            lookups.push(permuted);
            // The blinding factors of the two commitments.
            for _ in 0..2 {
                Fr::random(&mut *rng);
            }
        }
        let columns = lookups.iter();
        let columns: Vec<&[Fr]> = columns
            .flat_map(|l| [l.permuted_input.as_slice(), &l.permuted_table])
            .collect();
        self.say(&self.lagrange, &columns, channel)?;
        tell(observer, Stage::Lookups, count, count)?;
        Ok(lookups)
    }

    /// Evaluations, and the two commitments that open them.
    fn open(
        &self,
        polynomials: &Polynomials,
        pieces: &[Column<Fr>],
        random: &Column<Fr>,
        channel: &mut dyn Channel,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let (engine, cs, n) = (self.engine, self.constraints(), self.n());
        let x = channel.challenge();
        let xn = x.pow_vartime([n as u64]);
        let powers = std::iter::successors(Some(Fr::ONE), |p| Some(p * xn));
        let terms: Vec<_> = pieces.iter().zip(powers).collect();
        let quotient = crate::opening::combine(engine, &terms, n);

        // All polynomials in one list, and where the parts of the list begin.
        let groups: [&[Column<Fr>]; 8] = [
            &polynomials.advice,
            &self.fixed,
            &self.sigma,
            &polynomials.permutation_products,
            &polynomials.lookup_products,
            &polynomials.lookup_inputs,
            &polynomials.lookup_tables,
            std::slice::from_ref(random),
        ];
        let mut all: Vec<&Column<Fr>> = vec![];
        let [advice, fixed, sigma, set, product, input, table, last] = groups.map(|group| {
            let start = all.len();
            all.extend(group);
            start
        });
        let whole = all.len();
        all.push(&quotient);

        let sets = polynomials.permutation_products.len();
        let lookups = polynomials.lookup_products.len();
        let end = -(cs.blinding_factors() as i32 + 1);
        let queried = |start: usize, queries: Vec<(usize, i32)>| {
            queries.into_iter().map(move |(c, r)| (start + c, r))
        };
        let advice_queries = cs.advice_queries().iter().map(|(c, r)| (c.index(), r.0));
        let fixed_queries = cs.fixed_queries().iter().map(|(c, r)| (c.index(), r.0));
        let advice_queries: Vec<_> = queried(advice, advice_queries.collect()).collect();
        let fixed_queries: Vec<_> = queried(fixed, fixed_queries.collect()).collect();
        let sigma_queries: Vec<_> = (0..self.sigma.len()).map(|i| (sigma + i, 0)).collect();

        // What is said, in the order in which it is said.
        let mut said = advice_queries.clone();
        said.extend(&fixed_queries);
        said.push((last, 0));
        said.extend(&sigma_queries);
        for i in 0..sets {
            said.extend([(set + i, 0), (set + i, 1)]);
            if i + 1 < sets {
                said.push((set + i, end));
            }
        }
        for i in 0..lookups {
            said.extend([(product + i, 0), (product + i, 1)]);
            said.extend([(input + i, 0), (input + i, -1), (table + i, 0)]);
        }
        tell(observer, Stage::Evaluations, 0, 1)?;
        let omega = self.key.get_vk().get_domain().get_omega();
        // Rotations by whole turns are the same.
        let turn = |rotation: i32| i64::from(rotation).rem_euclid(n as i64) as u64;
        let mut by_turn: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (polynomial, rotation) in &said {
            by_turn
                .entry(turn(*rotation))
                .or_default()
                .push(*polynomial);
        }
        let mut values: BTreeMap<(usize, u64), Fr> = BTreeMap::new();
        for (turn, list) in by_turn {
            let columns: Vec<_> = list.iter().map(|p| all[*p]).collect();
            let results = evaluate(engine, &columns, x * omega.pow_vartime([turn]));
            values.extend(list.into_iter().map(|p| (p, turn)).zip(results));
        }
        for (polynomial, rotation) in &said {
            channel.scalar(values[&(*polynomial, turn(*rotation))])?;
        }
        tell(observer, Stage::Evaluations, 1, 1)?;

        // What is opened, in the order that decides the sets.
        let mut opened = advice_queries;
        opened.extend((0..sets).flat_map(|i| [(set + i, 0), (set + i, 1)]));
        opened.extend((0..sets).rev().skip(1).map(|i| (set + i, end)));
        for i in 0..lookups {
            opened.extend([(product + i, 0), (input + i, 0), (table + i, 0)]);
            opened.extend([(input + i, -1), (product + i, 1)]);
        }
        opened.extend(fixed_queries);
        opened.extend(sigma_queries);
        opened.extend([(whole, 0), (last, 0)]);
        let mut turns: Vec<u64> = vec![];
        let queries: Vec<Query> = opened
            .into_iter()
            .map(|(polynomial, rotation)| {
                let turn = turn(rotation);
                let point = turns.iter().position(|t| *t == turn);
                let point = point.unwrap_or_else(|| {
                    turns.push(turn);
                    turns.len() - 1
                });
                (polynomial, point)
            })
            .collect();
        let points = turns.iter().map(|t| x * omega.pow_vartime([*t])).collect();
        tell(observer, Stage::Openings, 0, 2)?;
        let challenges = [channel.challenge(), channel.challenge()];
        let opening = Opening::new(engine, &all, &queries, points, challenges);
        self.say(&self.powers, &[opening.first()], channel)?;
        tell(observer, Stage::Openings, 1, 2)?;
        let second = opening.second(engine, channel.challenge());
        self.say(&self.powers, &[&second], channel)?;
        tell(observer, Stage::Openings, 2, 2)
    }
}

/// A polynomial whose coefficients nobody knows, from 32 random bytes.
fn random_polynomial(rng: &mut dyn RngCore, n: usize) -> Vec<Fr> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut rng = StdRng::from_seed(seed);
    (0..n).map(|_| Fr::random(&mut rng)).collect()
}
