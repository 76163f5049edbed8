//! What a proof is made of, step by step, with one engine.

use super::{
    channel::Channel,
    given::{check, interpolation, lagrange, random_polynomial},
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
    halo2curves::bn256::{Bn256, Fr, G1, G1Affine},
    plonk::{ConstraintSystem, ProvingKey},
    poly::{
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use rand::RngCore;
use rayon::prelude::*;
use std::ops::Deref;

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
    pub(super) engine: E,
    pub(super) key: K,
    k: u32,
    pub(super) powers: Bases<E>,
    pub(super) lagrange: Bases<E>,
    pub(super) ntt: Ntt<E>,
    parts: Vec<Part<E>>,
    program: Program,
    pub(super) fixed: Vec<Column<Fr>>,
    pub(super) sigma: Vec<Column<Fr>>,
    first: Column<Fr>,
    last: Column<Fr>,
    active: Column<Fr>,
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
        let pieces = domain.get_quotient_poly_degree();
        check(k, pieces, constraints)?;
        let n = 1u64 << k;
        let ntt = Ntt::new(engine, k);
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

    pub(super) fn n(&self) -> usize {
        1 << self.k
    }

    pub(super) fn constraints(&self) -> &ConstraintSystem<Fr> {
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
}
