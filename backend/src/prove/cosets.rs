//! The quotient: the constraints on as many cosets as it has pieces, each with as many points as there are rows.

use super::given::{Given, interpolation};
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    ntt::{self, Coset, Ntt},
    opening::combine,
    progress::{Observer, Stage, tell},
    quotient::{Inputs, Program, Scalars, Source},
};
use ff::{Field, WithSmallOrderMulGroup};
use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::VerifyingKey,
};
use rayon::prelude::*;
use std::{collections::BTreeSet, mem};

/// The coefficients of the columns that a proof commits to, but for its quotient.
pub(super) struct Polynomials {
    pub(super) advice: Vec<Column<Fr>>,
    pub(super) instance: Vec<Column<Fr>>,
    pub(super) permutation_products: Vec<Column<Fr>>,
    pub(super) lookup_products: Vec<Column<Fr>>,
    pub(super) lookup_inputs: Vec<Column<Fr>>,
    pub(super) lookup_tables: Vec<Column<Fr>>,
}

/// Columns of one kind, and what they are called.
type Group<'a> = (&'a [Column<Fr>], fn(usize) -> Source);

/// What is computed once for a key.
pub(super) struct Cosets<E: Engine> {
    engine: E,
    n: usize,
    omega: Fr,
    parts: Vec<Part<E>>,
    program: Program,
    /// Columns that the program reads.
    read: BTreeSet<Source>,
    /// Those of them that are 1 on some rows and 0 on the others.
    indicators: Vec<(Source, Column<Fr>)>,
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

/// Puts into `values` those of the columns that are needed on a coset, over what is there; the others stay empty.
pub(super) fn evaluate<E: Engine>(
    coset: &Coset<E>,
    columns: &[Column<Fr>],
    needed: impl Fn(usize) -> bool,
    values: &mut Vec<Column<Fr>>,
) {
    values.resize_with(columns.len(), || Column::zeros(0));
    let n = columns.first().map_or(0, Column::len);
    let needed: Vec<usize> = (0..columns.len()).filter(|i| needed(*i)).collect();
    let coefficients: Vec<_> = needed.iter().map(|i| &columns[*i]).collect();
    let mut out: Vec<_> = needed
        .iter()
        .map(|i| mem::replace(&mut values[*i], Column::zeros(0)))
        .collect();
    out.par_iter_mut()
        .filter(|column| column.is_empty())
        .for_each(|column| *column = Column::zeros(n));
    coset.evaluate_into(&coefficients, &mut out);
    for (i, column) in needed.into_iter().zip(out) {
        values[i] = column;
    }
}

impl<E: Engine> Cosets<E> {
    /// For a quotient of so many pieces.
    pub(super) fn new(
        engine: E,
        ntt: &Ntt<E>,
        key: &VerifyingKey<G1Affine>,
        pieces: usize,
    ) -> Self {
        let (domain, constraints) = (key.get_domain(), key.cs());
        let program = Program::compile(constraints);
        let read: BTreeSet<Source> = program.cells().iter().map(|c| c.source).collect();
        Self {
            engine,
            n: ntt.n(),
            omega: domain.get_omega(),
            parts: parts(ntt, pieces, domain.get_extended_omega()),
            indicators: indicators(ntt, engine, constraints.blinding_factors(), &read),
            program,
            read,
        }
    }

    /// The pieces of the quotient: numerator by cosets, divided by `X^n - 1`, cut after each `n` coefficients.
    pub(super) fn quotient(
        &self,
        given: &Given<E>,
        polynomials: &Polynomials,
        scalars: &Scalars<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<Column<Fr>>, Error> {
        let steps = self.parts.len() + 1;
        let groups: [Group<'_>; 8] = [
            (&given.fixed, Source::Fixed),
            (&polynomials.advice, Source::Advice),
            (&polynomials.instance, Source::Instance),
            (&given.sigma, Source::Sigma),
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
                evaluate(&part.coset, columns, read, values);
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
            let identity =
                identity.then(|| ntt::powers(self.engine, part.shift, self.omega, self.n));
            let inputs = Inputs {
                rows: self.n,
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
            combine(self.engine, &terms, self.n)
        };
        Ok((0..self.parts.len()).map(piece).collect())
    }
}
