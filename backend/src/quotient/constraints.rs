//! The constraints of a key, in the order in which the protocol folds them.

use super::{
    Source,
    graph::{Affine, Graph},
    scalar::{Challenge, Scalar},
};
use ff::PrimeField;
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, ConstraintSystem, Expression},
};

/// All constraints.
pub(super) fn constraints(g: &mut Graph, cs: &ConstraintSystem<Fr>) -> Vec<Affine> {
    let gates = cs.gates().iter().flat_map(|gate| gate.polynomials());
    let mut all: Vec<_> = gates.map(|e| g.expression(e)).collect();
    permutation(g, cs, &mut all);
    for (i, lookup) in cs.lookups().iter().enumerate() {
        let input = folded(g, lookup.input_expressions());
        let table = folded(g, lookup.table_expressions());
        lookup_constraints(g, i, [input, table], &mut all);
    }
    all
}

/// The permutation argument: the columns in chunks, one running product `z_i` each.
fn permutation(g: &mut Graph, cs: &ConstraintSystem<Fr>, all: &mut Vec<Affine>) {
    let columns = cs.permutation().get_columns();
    if columns.is_empty() {
        return;
    }
    // A constraint has the active rows' polynomial, the running product, and a factor for each column.
    let chunks: Vec<_> = columns.chunks(cs.degree() - 2).collect();
    let last_row = -(cs.blinding_factors() as i32 + 1);
    let (first, last) = (
        g.cell(Source::LagrangeFirst, 0),
        g.cell(Source::LagrangeLast, 0),
    );
    let active = g.cell(Source::Active, 0);

    // l_0 (1 - z_0)
    let z = g.cell(Source::PermutationProduct(0), 0);
    let one = g.one();
    let e = g.sub(one, z);
    all.push(g.mul(first, e));
    // l_last (z_l^2 - z_l)
    let z = g.cell(Source::PermutationProduct(chunks.len() - 1), 0);
    let (square, one) = (g.mul(z, z), z);
    let e = g.sub(square, one);
    all.push(g.mul(last, e));
    // l_0 (z_i - z_{i-1}(omega^last X))
    for i in 1..chunks.len() {
        let z = g.cell(Source::PermutationProduct(i), 0);
        let before = g.cell(Source::PermutationProduct(i - 1), last_row);
        let e = g.sub(z, before);
        all.push(g.mul(first, e));
    }
    // l_active (z_i(omega X) Π (p_j + beta sigma_j + gamma) - z_i Π (p_j + delta^j beta X + gamma))
    let [beta, gamma] = [Challenge::Beta, Challenge::Gamma].map(|c| g.scalars.challenge(c));
    let (mut j, mut delta) = (0, beta);
    let step = g.scalars.constant(Fr::DELTA);
    for (i, chunk) in chunks.iter().enumerate() {
        let mut left = g.cell(Source::PermutationProduct(i), 1);
        let mut right = g.cell(Source::PermutationProduct(i), 0);
        for column in *chunk {
            let value = match column.column_type() {
                Any::Advice(_) => Source::Advice(column.index()),
                Any::Fixed => Source::Fixed(column.index()),
                Any::Instance => Source::Instance(column.index()),
            };
            let value = g.cell(value, 0);
            let value = g.add(value, gamma.into());
            for (product, name, scalar) in [
                (&mut left, Source::Sigma(j), beta),
                (&mut right, Source::Identity, delta),
            ] {
                let name = g.cell(name, 0);
                let name = g.scale(name, scalar);
                let factor = g.add(value, name);
                *product = g.mul(*product, factor);
            }
            j += 1;
            delta = g.scalars.mul(delta, step);
        }
        let e = g.sub(left, right);
        all.push(g.mul(active, e));
    }
}

/// `Σ theta^(m-1-i) e_i`.
fn folded(g: &mut Graph, expressions: &[Expression<Fr>]) -> Affine {
    let theta = g.scalars.challenge(Challenge::Theta);
    let mut sum = Affine::from(Scalar::ZERO);
    for e in expressions {
        let e = g.expression(e);
        sum = g.scale(sum, theta);
        sum = g.add(sum, e);
    }
    sum
}

/// The constraints of lookup `i`, `a` and `s` being its input and table as they are, `a'` and `s'` permuted.
fn lookup_constraints(g: &mut Graph, i: usize, [a, s]: [Affine; 2], all: &mut Vec<Affine>) {
    let (first, last) = (
        g.cell(Source::LagrangeFirst, 0),
        g.cell(Source::LagrangeLast, 0),
    );
    let active = g.cell(Source::Active, 0);
    let [z, z_next] = [0, 1].map(|r| g.cell(Source::LookupProduct(i), r));
    let [a_permuted, a_before] = [0, -1].map(|r| g.cell(Source::LookupInput(i), r));
    let s_permuted = g.cell(Source::LookupTable(i), 0);
    let [beta, gamma] = [Challenge::Beta, Challenge::Gamma].map(|c| g.challenge(c));

    // l_0 (1 - z)
    let one = g.one();
    let e = g.sub(one, z);
    all.push(g.mul(first, e));
    // l_last (z^2 - z)
    let square = g.mul(z, z);
    let e = g.sub(square, z);
    all.push(g.mul(last, e));
    // l_active (z(omega X) (a' + beta) (s' + gamma) - z (a + beta) (s + gamma))
    let mut side = |z, a, s| {
        let (a, s) = (g.add(a, beta), g.add(s, gamma));
        let product = g.mul(z, a);
        g.mul(product, s)
    };
    let (left, right) = (side(z_next, a_permuted, s_permuted), side(z, a, s));
    let e = g.sub(left, right);
    all.push(g.mul(active, e));
    // l_0 (a' - s')
    let difference = g.sub(a_permuted, s_permuted);
    all.push(g.mul(first, difference));
    // l_active (a' - s') (a' - a'(X / omega))
    let step = g.sub(a_permuted, a_before);
    let e = g.mul(difference, step);
    all.push(g.mul(active, e));
}
