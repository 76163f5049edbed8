//! The Poseidon2 permutation over the BN254 scalar field: width 3, S-box x^5, 8 external and 56 internal rounds.
//!
//! Definition (<https://eprint.iacr.org/2023/323>), for a state column `(s0, s1, s2)`:
//!
//! 1. multiply by [`EXTERNAL_MATRIX`];
//! 2. four external rounds: add the round's three constants, raise each word to the fifth power, multiply by
//!    [`EXTERNAL_MATRIX`];
//! 3. fifty-six internal rounds: add the round's constant to `s0`, raise `s0` to the fifth power, multiply by
//!    [`INTERNAL_MATRIX`];
//! 4. four more external rounds.

mod constants;

pub use constants::{EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS};

use crate::Fr;

/// Words of the state.
pub const WIDTH: usize = 3;
/// Rounds with an S-box on every word: half of them first, half last.
pub const EXTERNAL_ROUNDS: usize = 8;
/// Rounds with an S-box on word 0 only.
pub const INTERNAL_ROUNDS: usize = 56;

/// Matrix of the initial layer and of the external rounds: `circ(2, 1, 1)`.
pub const EXTERNAL_MATRIX: [[u64; WIDTH]; WIDTH] = [[2, 1, 1], [1, 2, 1], [1, 1, 2]];
/// Matrix of the internal rounds: all ones plus `diag(1, 1, 2)`.
pub const INTERNAL_MATRIX: [[u64; WIDTH]; WIDTH] = [[2, 1, 1], [1, 2, 1], [1, 1, 3]];

/// The S-box `x^5`.
#[inline(always)]
pub fn sbox(x: Fr) -> Fr {
    let square = x.square();
    square.square() * x
}

/// Multiplies by [`EXTERNAL_MATRIX`].
#[inline(always)]
pub fn external_layer(state: &mut [Fr; WIDTH]) {
    let sum = state[0] + state[1] + state[2];
    for word in state {
        *word += sum;
    }
}

/// Multiplies by [`INTERNAL_MATRIX`].
#[inline(always)]
pub fn internal_layer(state: &mut [Fr; WIDTH]) {
    // The sum of words 1 and 2 does not wait for the S-box of word 0: it is off the critical path.
    let sum = (state[1] + state[2]) + state[0];
    state[0] += sum;
    state[1] += sum;
    state[2] = state[2].double() + sum;
}

#[inline(always)]
fn external_round(state: &mut [Fr; WIDTH], constants: &[Fr; WIDTH]) {
    for (word, constant) in state.iter_mut().zip(constants) {
        *word = sbox(*word + constant);
    }
    external_layer(state);
}

/// The permutation, in place.
pub fn permute(state: &mut [Fr; WIDTH]) {
    external_layer(state);
    let (first, last) = EXTERNAL_CONSTANTS.split_at(EXTERNAL_ROUNDS / 2);
    for constants in first {
        external_round(state, constants);
    }
    for constant in &INTERNAL_CONSTANTS {
        state[0] = sbox(state[0] + constant);
        internal_layer(state);
    }
    for constants in last {
        external_round(state, constants);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;
    use alloy_primitives::{B256, b256};
    use ark_ff::{BigInteger, PrimeField as _};
    use ff::PrimeField as _;
    use proptest::prelude::*;

    fn to_ark(element: &Fr) -> ark_bn254::Fr {
        ark_bn254::Fr::from_le_bytes_mod_order(&element.to_repr())
    }

    fn from_ark(element: &ark_bn254::Fr) -> B256 {
        B256::from_slice(&element.into_bigint().to_bytes_be())
    }

    /// The test vector that the authors publish with the instance.
    #[test]
    fn published_vector() {
        let mut state = [0, 1, 2].map(Fr::from);
        permute(&mut state);
        assert_eq!(
            state.map(|word| field::to_bytes(&word)),
            [
                b256!("0bb61d24daca55eebcb1929a82650f328134334da98ea4f847f760054f4a3033"),
                b256!("303b6f7c86d043bfcbcc80214f26a30277a15d3f74ca654992defe7ff8d03570"),
                b256!("1ed25194542b12eef8617361c3ba7c52e660b145994427cc86296242cf766ec8"),
            ]
        );
    }

    #[test]
    fn layers_are_their_matrices() {
        for (layer, matrix) in [
            (external_layer as fn(&mut [Fr; WIDTH]), EXTERNAL_MATRIX),
            (internal_layer as fn(&mut [Fr; WIDTH]), INTERNAL_MATRIX),
        ] {
            let input = [3, 5, 7].map(Fr::from);
            let mut output = input;
            layer(&mut output);
            for (row, word) in matrix.iter().zip(output) {
                let product: Fr = row.iter().zip(input).map(|(c, x)| Fr::from(*c) * x).sum();
                assert_eq!(product, word);
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_an_independent_implementation(input: [[u64; 4]; 3]) {
            let input = input.map(Fr::from_raw);
            let mut state = input;
            permute(&mut state);
            let other = taceo_poseidon2::bn254::t3::permutation(&input.each_ref().map(to_ark));
            prop_assert_eq!(state.map(|word| field::to_bytes(&word)), other.each_ref().map(from_ark));
        }
    }
}
