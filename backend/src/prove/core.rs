//! What a proof is made of, step by step, with one engine.

use super::{
    channel::Channel,
    file,
    given::{Given, check, interpolation, random_polynomial, read_by_lookups},
    phases::Committing,
};
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    lookup::{Permuted, Rows},
    msm::Bases,
    ntt::{self, Coset, Ntt},
    opening::combine,
    permutation::{self, Values},
    progress::{Observer, Stage, tell},
    quotient::{Inputs, Program, Scalars, Source},
    witness::Phases,
};
use ff::{Field, WithSmallOrderMulGroup};
use group::{Curve, prime::PrimeCurveAffine};
use halo2_proofs::{
    halo2curves::bn256::{Fr, G1, G1Affine},
    plonk::{Any, ConstraintSystem, VerifyingKey},
};
use rand::RngCore;
use rayon::prelude::*;
use std::{
    collections::BTreeSet,
    io::{self, Write},
    mem,
};

/// Gives the columns of each phase.
pub(super) type Assign<'a> = dyn FnMut(&mut dyn Phases) -> Result<(), Error> + 'a;

/// A [`Core`] of any engine.
pub(super) trait Prepared: Send + Sync {
    /// The engine's name.
    fn engine(&self) -> &'static str;
    /// Writes what [`file::open`] reads.
    fn write(&self, to: &mut dyn Write) -> io::Result<()>;
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

/// The cosets on which the quotient is computed: as many as it has pieces.
fn parts<E: Engine>(ntt: &Ntt<E>, pieces: usize, step: Fr) -> Vec<Part<E>> {
    let shifts = std::iter::successors(Some(Fr::ZETA), |s| Some(s * step));
    let shifts: Vec<Fr> = shifts.take(pieces).collect();
    let n = ntt.n() as u64;
    let nodes: Vec<Fr> = shifts.iter().map(|s| s.pow_vartime([n])).collect();
    let inverse = interpolation(&nodes);
    let parts = shifts.iter().zip(&nodes).enumerate();
    parts
        .map(|(j, (shift, node))| Part {
            coset: ntt.coset(*shift),
            shift: *shift,
            scale: (node - Fr::ONE).invert().unwrap_or(Fr::ZERO),
            to_pieces: inverse.iter().map(|row| row[j]).collect(),
        })
        .collect()
}

/// The columns, of those that are read, that are 1 on some rows and 0 on the others.
fn indicators<E: Engine>(
    ntt: &Ntt<E>,
    engine: E,
    blinding: usize,
    read: &BTreeSet<Source>,
) -> Vec<(Source, Column<Fr>)> {
    let last = ntt.n() - blinding - 1;
    let all = [
        (Source::LagrangeFirst, 0..1),
        (Source::LagrangeLast, last..last + 1),
        (Source::Active, 0..last),
    ];
    let all = all.into_iter().filter(|(source, _)| read.contains(source));
    let (sources, mut columns): (Vec<_>, Vec<_>) = all
        .map(|(source, ones)| {
            let mut values = vec![Fr::ZERO; ntt.n()];
            values[ones].fill(Fr::ONE);
            (source, Column::import(engine, &values))
        })
        .unzip();
    ntt.interpolate(&mut columns);
    sources.into_iter().zip(columns).collect()
}

/// What is computed once for a key.
pub(super) struct Core<E: Engine> {
    pub(super) engine: E,
    pub(super) key: VerifyingKey<G1Affine>,
    k: u32,
    pub(super) given: Given<E>,
    pub(super) ntt: Ntt<E>,
    /// The points at which columns are given: the rows.
    rows: Coset<E>,
    parts: Vec<Part<E>>,
    program: Program,
    /// Columns that the program reads.
    read: BTreeSet<Source>,
    /// Those of them that are 1 on some rows and 0 on the others.
    indicators: Vec<(Source, Column<Fr>)>,
    /// Fixed columns whose values on the rows are needed, too.
    fixed_values: BTreeSet<usize>,
}

impl<E: Engine> Core<E> {
    /// By a verifying key and what belongs to it.
    ///
    /// # Errors
    ///
    /// [`Error::Degree`] and [`Error::Unsupported`], and those of `given`, which is called once the key has been checked.
    pub(super) fn new(
        engine: E,
        key: VerifyingKey<G1Affine>,
        given: impl FnOnce() -> Result<Given<E>, Error>,
    ) -> Result<Self, Error> {
        let domain = key.get_domain();
        let constraints = key.cs();
        let k = domain.k();
        let pieces = domain.get_quotient_poly_degree();
        check(k, pieces, constraints)?;
        let given = given()?;
        let ntt = Ntt::new(engine, k);
        let program = Program::compile(constraints);
        let read: BTreeSet<Source> = program.cells().iter().map(|c| c.source).collect();
        let copied = constraints.permutation().get_columns().into_iter();
        let copied = copied.filter(|c| *c.column_type() == Any::Fixed);
        let mut fixed_values = read_by_lookups(constraints);
        fixed_values.extend(copied.map(|c| c.index()));
        Ok(Self {
            engine,
            k,
            given,
            rows: ntt.coset(Fr::ONE),
            parts: parts(&ntt, pieces, domain.get_extended_omega()),
            indicators: indicators(&ntt, engine, constraints.blinding_factors(), &read),
            ntt,
            program,
            read,
            fixed_values,
            key,
        })
    }

    pub(super) fn n(&self) -> usize {
        1 << self.k
    }

    pub(super) fn constraints(&self) -> &ConstraintSystem<Fr> {
        self.key.cs()
    }

    /// Commits to columns by their values, and gives the points in order.
    fn commit(&self, bases: &Bases<E>, columns: &[&[Fr]]) -> Vec<G1Affine> {
        let points = bases.multiply(columns);
        let mut affine = vec![G1Affine::identity(); points.len()];
        G1::batch_normalize(&points, &mut affine);
        affine
    }

    /// The same, and says them.
    pub(super) fn say(
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
    pub(super) fn coefficients(&self, values: &[&[Fr]]) -> Vec<Column<Fr>> {
        let mut columns: Vec<_> = values
            .par_iter()
            .map(|v| Column::import(self.engine, v))
            .collect();
        self.ntt.interpolate(&mut columns);
        columns
    }

    /// Puts into `values` those of the columns that are needed on a coset, over what is there; the others stay empty.
    fn evaluate(
        &self,
        coset: &Coset<E>,
        columns: &[Column<Fr>],
        needed: impl Fn(usize) -> bool,
        values: &mut Vec<Column<Fr>>,
    ) {
        values.resize_with(columns.len(), || Column::zeros(0));
        let needed: Vec<usize> = (0..columns.len()).filter(|i| needed(*i)).collect();
        let coefficients: Vec<_> = needed.iter().map(|i| &columns[*i]).collect();
        let mut out: Vec<_> = needed
            .iter()
            .map(|i| mem::replace(&mut values[*i], Column::zeros(0)))
            .collect();
        out.par_iter_mut()
            .filter(|column| column.is_empty())
            .for_each(|column| *column = Column::zeros(self.n()));
        coset.evaluate_into(&coefficients, &mut out);
        for (i, column) in needed.into_iter().zip(out) {
            values[i] = column;
        }
    }

    /// Values on the rows of those columns that are needed; the others are empty.
    fn values(&self, columns: &[Column<Fr>], needed: impl Fn(usize) -> bool) -> Vec<Vec<Fr>> {
        let mut values = vec![];
        self.evaluate(&self.rows, columns, needed, &mut values);
        values.par_iter().map(|v| v.export(self.engine)).collect()
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
        let groups: [(&[Column<Fr>], fn(usize) -> Source); 8] = [
            (&self.given.fixed, Source::Fixed),
            (&polynomials.advice, Source::Advice),
            (&polynomials.instance, Source::Instance),
            (&self.given.sigma, Source::Sigma),
            (
                &polynomials.permutation_products,
                Source::PermutationProduct,
            ),
            (&polynomials.lookup_products, Source::LookupProduct),
            (&polynomials.lookup_inputs, Source::LookupInput),
            (&polynomials.lookup_tables, Source::LookupTable),
        ];
        // The values are written over from coset to coset: new memory costs as much as a transform.
        let mut on_coset: [Vec<Column<Fr>>; 8] = Default::default();
        let mut modulo = vec![];
        for (i, part) in self.parts.iter().enumerate() {
            tell(observer, Stage::Quotient, i, steps)?;
            for (values, (columns, source)) in on_coset.iter_mut().zip(groups) {
                let read = |i| self.read.contains(&source(i));
                self.evaluate(&part.coset, columns, read, values);
            }
            let [
                fixed,
                advice,
                instance,
                sigma,
                permutation_products,
                lookup_products,
                lookup_inputs,
                lookup_tables,
            ] = &on_coset;
            let (sources, indicators): (Vec<_>, Vec<_>) = self
                .indicators
                .iter()
                .map(|(s, column)| (*s, column))
                .unzip();
            let indicators = part.coset.evaluate(&indicators);
            let indicator = |source| {
                let place = sources.iter().position(|s| *s == source);
                place.map(|i| &indicators[i])
            };
            let identity = self.read.contains(&Source::Identity);
            let identity = identity
                .then(|| ntt::powers(self.engine, part.shift, ntt::omega(self.k), self.n()));
            let inputs = Inputs {
                rows: self.n(),
                fixed,
                advice,
                instance,
                sigma,
                permutation_products,
                lookup_products,
                lookup_inputs,
                lookup_tables,
                first: indicator(Source::LagrangeFirst),
                last: indicator(Source::LagrangeLast),
                active: indicator(Source::Active),
                identity: identity.as_ref(),
            };
            let numerator = self.program.run(self.engine, &inputs, scalars, part.scale);
            let mut quotient = [numerator];
            part.coset.interpolate(&mut quotient);
            modulo.extend(quotient);
        }
        drop(on_coset);
        tell(observer, Stage::Quotient, steps - 1, steps)?;
        let piece = |i: usize| {
            let terms: Vec<_> = modulo
                .iter()
                .zip(&self.parts)
                .map(|(column, part)| (column, part.to_pieces[i]))
                .collect();
            combine(self.engine, &terms, self.n())
        };
        Ok((0..self.parts.len()).map(piece).collect())
    }
}

/// The coefficients of the columns that a proof commits to, but for its quotient.
pub(super) struct Polynomials {
    pub(super) advice: Vec<Column<Fr>>,
    pub(super) instance: Vec<Column<Fr>>,
    pub(super) permutation_products: Vec<Column<Fr>>,
    pub(super) lookup_products: Vec<Column<Fr>>,
    pub(super) lookup_inputs: Vec<Column<Fr>>,
    pub(super) lookup_tables: Vec<Column<Fr>>,
}

impl<E: Engine> Prepared for Core<E> {
    fn engine(&self) -> &'static str {
        E::NAME
    }

    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        file::write(&self.given, &self.key, to)
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
        if phases.next().is_some() {
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

        let fixed_values = self.values(&self.given.fixed, |i| self.fixed_values.contains(&i));
        let advice_values = values.unwrap_or_default();
        let values = Values {
            fixed: &fixed_values,
            advice: &advice_values,
            instance: &instance_values,
        };

        let theta = channel.challenge();
        let lookups = self.lookups(values, &challenges, theta, rng, channel, observer)?;
        let (beta, gamma) = (channel.challenge(), channel.challenge());
        let steps = lookups.len() + usize::from(!self.given.sigma.is_empty());
        tell(observer, Stage::Products, 0, steps)?;
        let sigma_values = self.values(&self.given.sigma, |_| true);
        let omega = ntt::omega(self.k);
        let mut products =
            permutation::products(&sigma_values, omega, cs, values, beta, gamma, rng);
        drop(sigma_values);
        let sets = products.len();
        for lookup in &lookups {
            products.push(lookup.product(beta, gamma, cs.blinding_factors(), rng));
            Fr::random(&mut *rng);
        }
        let slices: Vec<&[Fr]> = products.iter().map(Vec::as_slice).collect();
        self.say(&self.given.lagrange, &slices, channel)?;
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
        drop((
            products,
            lookups,
            fixed_values,
            advice_values,
            instance_values,
        ));
        tell(observer, Stage::Products, steps, steps)?;

        let random = random_polynomial(rng, n);
        self.say(&self.given.powers, &[&random], channel)?;
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
        self.say(&self.given.powers, &slices, channel)?;
        drop(exported);

        self.open(&polynomials, &pieces, &random, channel, observer)
    }
}

impl<E: Engine> Core<E> {
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
        self.say(&self.given.lagrange, &columns, channel)?;
        tell(observer, Stage::Lookups, count, count)?;
        Ok(lookups)
    }
}
