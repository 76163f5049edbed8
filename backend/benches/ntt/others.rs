//! The transforms of other libraries.

use super::{Case, Columns, SHIFT};
use ark_ff::PrimeField as _;
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use backend::ntt::omega;
use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::{bn256::Fr, fft::best_fft},
    poly::EvaluationDomain,
};
use p3_bn254::Bn254;
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_matrix::dense::RowMajorMatrix;
use rayon::prelude::*;

/// The domain of `halo2-axiom`, used as its prover does.
pub(super) struct Halo2 {
    domain: EvaluationDomain<Fr>,
    columns: Vec<Vec<Fr>>,
}

impl Halo2 {
    pub(super) fn new(case: &Case) -> Self {
        Self {
            domain: EvaluationDomain::new(1, case.k),
            columns: vec![case.values.clone(); case.columns],
        }
    }
}

impl Columns for Halo2 {
    fn interpolate(&mut self) {
        for column in &mut self.columns {
            // In place, but for the copy out of the library's type.
            let values = self.domain.lagrange_from_vec(std::mem::take(column));
            *column = self.domain.lagrange_to_coeff(values).to_vec();
        }
    }
    fn evaluate(&mut self) {
        self.columns.par_iter_mut().for_each(|column| {
            let coefficients = self.domain.coeff_from_vec(std::mem::take(column));
            let values = self.domain.coeff_to_extended_part(coefficients, Fr::ONE);
            *column = values.to_vec();
        });
    }
    fn are(&self, expected: &[Fr]) -> bool {
        self.columns.iter().all(|c| c == expected)
    }
}

/// `best_fft` of `halo2curves`, in `halo2-axiom`'s copy of it.
pub(super) struct BestFft {
    k: u32,
    omega: Fr,
    inverse: Fr,
    /// `1 / n`.
    scale: Fr,
    columns: Vec<Vec<Fr>>,
}

impl BestFft {
    pub(super) fn new(case: &Case) -> Self {
        let omega = omega(case.k);
        Self {
            k: case.k,
            omega,
            inverse: omega.invert().unwrap(),
            scale: Fr::TWO_INV.pow_vartime([u64::from(case.k)]),
            columns: vec![case.values.clone(); case.columns],
        }
    }
}

impl Columns for BestFft {
    fn interpolate(&mut self) {
        let Self { k, inverse, .. } = *self;
        self.columns.par_iter_mut().for_each(|column| {
            best_fft(column, inverse, k);
            column.par_iter_mut().for_each(|x| *x *= self.scale);
        });
    }
    fn evaluate(&mut self) {
        const CHUNK: usize = 1 << 10;
        self.columns.par_iter_mut().for_each(|column| {
            let chunks = column.par_chunks_mut(CHUNK).enumerate();
            chunks.for_each(|(i, chunk)| {
                let mut power = SHIFT.pow_vartime([(i * CHUNK) as u64]);
                for x in chunk {
                    *x *= power;
                    power *= SHIFT;
                }
            });
            best_fft(column, self.omega, self.k);
        });
    }
    fn are(&self, expected: &[Fr]) -> bool {
        self.columns.iter().all(|c| c == expected)
    }
}

/// Whether this is the generator of `ark-poly`'s domain. `p3-dft` has the same.
pub(super) fn is_ark_generator(k: u32, x: &Fr) -> bool {
    let domain = Radix2EvaluationDomain::<ark_bn254::Fr>::new(1 << k);
    domain.is_some_and(|domain| domain.group_gen == ark(x))
}

/// `ark-poly`.
pub(super) struct Ark {
    domain: Radix2EvaluationDomain<ark_bn254::Fr>,
    coset: Radix2EvaluationDomain<ark_bn254::Fr>,
    columns: Vec<Vec<ark_bn254::Fr>>,
}

fn ark(x: &Fr) -> ark_bn254::Fr {
    ark_bn254::Fr::from_le_bytes_mod_order(&x.to_repr())
}

impl Ark {
    pub(super) fn new(case: &Case) -> Self {
        let domain = Radix2EvaluationDomain::new(1 << case.k).unwrap();
        let column = case.values.iter().map(ark).collect();
        Self {
            domain,
            coset: domain.get_coset(ark(&SHIFT)).unwrap(),
            columns: vec![column; case.columns],
        }
    }
}

impl Columns for Ark {
    fn interpolate(&mut self) {
        let columns = self.columns.par_iter_mut();
        columns.for_each(|column| self.domain.ifft_in_place(column));
    }
    fn evaluate(&mut self) {
        let columns = self.columns.par_iter_mut();
        columns.for_each(|column| self.coset.fft_in_place(column));
    }
    fn are(&self, expected: &[Fr]) -> bool {
        let expected: Vec<_> = expected.iter().map(ark).collect();
        self.columns.iter().all(|c| *c == expected)
    }
}

/// `p3-dft`: columns are those of a matrix, so that each butterfly is of two rows.
pub(super) struct Plonky3 {
    k: u32,
    dft: Radix2DitParallel<Bn254>,
    shift: Bn254,
    /// Moved into each transform and out of it.
    matrix: Option<RowMajorMatrix<Bn254>>,
    /// Whether rows are in the order of their numbers' reversed bits, as the library leaves values.
    reversed: bool,
}

fn plonky3(x: &Fr) -> Bn254 {
    let bytes = x.to_repr();
    let (words, _) = bytes.as_chunks();
    Bn254::new(std::array::from_fn(|i| u64::from_le_bytes(words[i])))
}

impl Plonky3 {
    pub(super) fn new(case: &Case) -> Self {
        let rows = case.values.iter().map(plonky3);
        let cells = rows.flat_map(|x| std::iter::repeat_n(x, case.columns));
        Self {
            k: case.k,
            dft: Radix2DitParallel::default(),
            shift: plonky3(&SHIFT),
            matrix: Some(RowMajorMatrix::new(cells.collect(), case.columns)),
            reversed: false,
        }
    }
}

impl Columns for Plonky3 {
    fn interpolate(&mut self) {
        let matrix = self.matrix.take();
        self.matrix = matrix.map(|m| self.dft.idft_batch(m));
        self.reversed = false;
    }
    fn evaluate(&mut self) {
        let matrix = self.matrix.take();
        self.matrix = matrix.map(|m| self.dft.coset_dft_batch(m, self.shift).inner);
        self.reversed = true;
    }
    fn are(&self, expected: &[Fr]) -> bool {
        let Some(matrix) = &self.matrix else {
            return false;
        };
        let mut rows = matrix.values.chunks_exact(matrix.width).enumerate();
        rows.all(|(row, cells)| {
            let number = match self.reversed {
                true => row.reverse_bits() >> (usize::BITS - self.k),
                false => row,
            };
            let value = plonky3(&expected[number]);
            cells.iter().all(|cell| *cell == value)
        })
    }
}
