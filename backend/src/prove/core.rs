//! What a proof is made of, step by step, with one engine.

use super::{
    channel::Channel,
    cosets::{Cosets, Polynomials, evaluate},
    file,
    given::{Given, check, random_polynomial, read_by_lookups},
    phases::Committing,
};
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    lookup::{Permuted, Rows},
    msm::Bases,
    ntt::{self, Coset, Ntt},
    permutation::{self, Values},
    progress::{Observer, Stage, tell},
    quotient::Scalars,
    witness::Phases,
};
use ff::Field;
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

/// What is computed once for a key.
pub(super) struct Core<E: Engine> {
    pub(super) engine: E,
    pub(super) key: VerifyingKey<G1Affine>,
    k: u32,
    pub(super) given: Given<E>,
    pub(super) ntt: Ntt<E>,
    /// The points at which columns are given: the rows.
    rows: Coset<E>,
    cosets: Cosets<E>,
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
        given: impl FnOnce(&VerifyingKey<G1Affine>) -> Result<Given<E>, Error>,
    ) -> Result<Self, Error> {
        let domain = key.get_domain();
        let constraints = key.cs();
        let k = domain.k();
        let pieces = domain.get_quotient_poly_degree();
        check(k, pieces, constraints)?;
        let given = given(&key)?;
        let ntt = Ntt::new(engine, k);
        let copied = constraints.permutation().get_columns().into_iter();
        let copied = copied.filter(|c| *c.column_type() == Any::Fixed);
        let mut fixed_values = read_by_lookups(constraints);
        fixed_values.extend(copied.map(|c| c.index()));
        Ok(Self {
            engine,
            k,
            given,
            rows: ntt.coset(Fr::ONE),
            cosets: Cosets::new(engine, &ntt, &key, pieces),
            ntt,
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

    /// Values on the rows of those columns that are needed; the others are empty.
    fn values(&self, columns: &[Column<Fr>], needed: impl Fn(usize) -> bool) -> Vec<Vec<Fr>> {
        let mut values = vec![];
        evaluate(&self.rows, columns, needed, &mut values);
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
        let pieces = self
            .cosets
            .quotient(&self.given, &polynomials, &scalars, observer)?;
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
