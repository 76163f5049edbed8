//! Transforms of few points, one element after the other.

use super::passes::Finish;
use crate::{column::Column, engine::Engine};
use ff::{Field, PrimeField};
use halo2_proofs::halo2curves::bn256::Fr;

/// A transform of size `2^k` at `shift * omega^i`.
pub(super) struct Small {
    omega: Fr,
    shift: Fr,
}

impl Small {
    pub(super) fn new(omega: Fr, shift: Fr) -> Self {
        Self { omega, shift }
    }

    pub(super) fn run<E: Engine>(
        &self,
        engine: E,
        source: Option<&Column<Fr>>,
        to: &mut Column<Fr>,
        finish: Finish<'_>,
    ) {
        let coefficients = source.unwrap_or(to).export(engine);
        let mut values = evaluate(&coefficients, self.omega, self.shift);
        match finish {
            Finish::Keep => {}
            Finish::Divide => {
                let inverse = Fr::TWO_INV.pow([u64::from(values.len().trailing_zeros())]);
                values.iter_mut().for_each(|v| *v *= inverse);
            }
            Finish::Multiply(scale) => {
                let scale = scale.export(engine);
                values.iter_mut().zip(scale).for_each(|(v, s)| *v *= s);
            }
        }
        *to = Column::import(engine, &values);
    }
}

/// Values at `shift * omega^i`, where `omega` is of order `coefficients.len()`: `f(X) = f0(X^2) + X f1(X^2)`.
fn evaluate(coefficients: &[Fr], omega: Fr, shift: Fr) -> Vec<Fr> {
    if coefficients.len() == 1 {
        return coefficients.to_vec();
    }
    let [even, odd] = [0, 1].map(|first| {
        let half: Vec<_> = coefficients
            .iter()
            .skip(first)
            .step_by(2)
            .copied()
            .collect();
        evaluate(&half, omega.square(), shift.square())
    });
    let points = std::iter::successors(Some(shift), |x| Some(x * omega));
    let both = even.into_iter().zip(odd).zip(points);
    let both = both.map(|((e, o), x)| (e + x * o, e - x * o));
    let (low, high): (Vec<_>, Vec<_>) = both.unzip();
    [low, high].concat()
}
