//! The contract's verification in Rust, from the same bytes and in the same order of steps.

use alloy_primitives::{U256, keccak256};
use ff::{Field, PrimeField};
use group::{Curve, Group};
use halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Bn256, Fq, Fq2, Fr, G1, G1Affine, G2Affine, G2Prepared, Gt},
    pairing::{MillerLoopResult, MultiMillerLoop},
};

use super::{ContractKey, KeyError, R, layout, program};

/// The contract's memory; reads outside of it are errors of the key.
struct Memory(Vec<u8>);

impl Memory {
    fn word(&self, at: usize) -> Result<U256, KeyError> {
        let end = at.checked_add(32).ok_or(KeyError::InvalidKey)?;
        let bytes = self.0.get(at..end).ok_or(KeyError::InvalidKey)?;
        U256::try_from_be_slice(bytes).ok_or(KeyError::InvalidKey)
    }

    fn number(&self, at: usize) -> Result<usize, KeyError> {
        let value = usize::try_from(self.word(at)?).map_err(|_| KeyError::InvalidKey)?;
        if value > 1 << 16 {
            Err(KeyError::InvalidKey)
        } else {
            Ok(value)
        }
    }

    /// The 16-bit field at `at`.
    fn short(&self, at: usize) -> Result<usize, KeyError> {
        match self.0.get(at..at.saturating_add(2)) {
            Some([high, low]) => Ok(usize::from(*high) << 8 | usize::from(*low)),
            _ => Err(KeyError::InvalidKey),
        }
    }

    fn byte(&self, at: usize) -> Result<usize, KeyError> {
        self.0
            .get(at)
            .copied()
            .map(usize::from)
            .ok_or(KeyError::InvalidKey)
    }

    fn scalar(&self, at: usize) -> Result<Fr, KeyError> {
        to_scalar(self.word(at)?).ok_or(KeyError::InvalidScalar)
    }

    fn coordinate(&self, at: usize) -> Result<Fq, KeyError> {
        Option::from(Fq::from_repr(self.word(at)?.to_le_bytes::<32>()))
            .ok_or(KeyError::InvalidPoint)
    }

    /// A point as the precompiles read it: (0, 0) is the identity.
    fn point(&self, at: usize) -> Result<G1Affine, KeyError> {
        let (x, y) = (self.coordinate(at)?, self.coordinate(at + 32)?);
        if x.is_zero_vartime() && y.is_zero_vartime() {
            return Ok(G1::identity().to_affine());
        }
        Option::from(G1Affine::from_xy(x, y)).ok_or(KeyError::InvalidPoint)
    }

    fn point2(&self, at: usize) -> Result<G2Affine, KeyError> {
        let part = |i: usize| -> Result<Fq2, KeyError> {
            let (c1, c0) = (self.coordinate(at + i)?, self.coordinate(at + i + 32)?);
            Ok(Fq2 { c0, c1 })
        };
        Option::from(G2Affine::from_xy(part(0)?, part(64)?)).ok_or(KeyError::InvalidPoint)
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), KeyError> {
        let end = at
            .checked_add(bytes.len())
            .filter(|end| *end <= 1 << 17)
            .ok_or(KeyError::InvalidKey)?;
        if self.0.len() < end {
            self.0.resize(end, 0);
        }
        self.0
            .get_mut(at..end)
            .ok_or(KeyError::InvalidKey)?
            .copy_from_slice(bytes);
        Ok(())
    }

    fn write_word(&mut self, at: usize, value: U256) -> Result<(), KeyError> {
        self.write(at, &value.to_be_bytes::<32>())
    }
}

fn to_scalar(value: U256) -> Option<Fr> {
    Fr::from_repr(value.to_le_bytes::<32>()).into()
}

fn reduce(value: U256) -> Fr {
    to_scalar(value.reduce_mod(R)).unwrap_or(Fr::ZERO)
}

fn invert(value: Fr) -> Result<Fr, KeyError> {
    Option::from(value.invert()).ok_or(KeyError::DegenerateChallenge)
}

/// Checks `proof` of the statement `instances` under `key`, as the contract `Verifier` does.
///
/// # Errors
///
/// One of [`KeyError`]; where several apply, the first that the contract's order of steps meets may differ.
pub fn verify_with_key_data(
    key: &ContractKey,
    proof: &[u8],
    instances: &[U256],
) -> Result<(), KeyError> {
    let mut memory = Memory(vec![0; layout::BASE]);
    match key.head.split_first() {
        Some((0, body)) => memory.write(layout::BASE, body)?,
        _ => return Err(KeyError::InvalidKey),
    }
    let header = |memory: &Memory, n: usize| memory.number(layout::BASE + 32 * n);
    let header_scalar = |memory: &Memory, n: usize| memory.scalar(layout::BASE + 32 * n);
    // The number of programs, then the bytes that each gives back.
    let programs_at = layout::BASE + 32 * 29;
    if memory.word(layout::BASE)? != layout::MAGIC
        || memory.short(programs_at)? != key.programs.len()
    {
        return Err(KeyError::InvalidKey);
    }
    let [k, public_values, lagrange_count] = [2, 3, 7].map(|n| header(&memory, n));
    let (k, public_values, lagrange_count) = (k?, public_values?, lagrange_count?);
    let (pool_at, outputs_at, challenges_at, challenges_end) = (
        header(&memory, 8)?,
        header(&memory, 10)?,
        header(&memory, 11)?,
        header(&memory, 12)?,
    );
    let (evaluations_at, evaluations_bytes) = (header(&memory, 13)?, header(&memory, 14)?);
    let (points_at, points_bytes, proof_bytes) = (
        header(&memory, 15)?,
        header(&memory, 16)?,
        header(&memory, 17)?,
    );

    if instances.len() != public_values || instances.iter().any(|i| *i >= R) {
        return Err(KeyError::InvalidInstance);
    }
    if proof.len() != proof_bytes {
        return Err(KeyError::InvalidProofLength {
            expected: proof_bytes,
            actual: proof.len(),
        });
    }
    let parts = || {
        let (points, rest) = proof.split_at_checked(points_bytes)?;
        let (evaluations, openings) = rest.split_at_checked(evaluations_bytes)?;
        (openings.len() == 128).then_some((points, evaluations, openings))
    };
    let (points, evaluations, openings) = parts().ok_or(KeyError::InvalidKey)?;
    let repr_at = points_at
        .checked_sub(32 * (1 + public_values))
        .ok_or(KeyError::InvalidKey)?;
    let repr = memory.word(layout::BASE + 32)?;
    memory.write_word(repr_at, repr)?;
    for (i, value) in instances.iter().enumerate() {
        memory.write_word(repr_at + 32 * (i + 1), *value)?;
    }
    memory.write(points_at, points)?;
    memory.write(evaluations_at, evaluations)?;
    memory.write(points_at + points_bytes, openings)?;

    // Transcript.
    // Lists of words; the contract would run past the end of one that is not whole.
    let list = |memory: &Memory, n: usize| match (header(memory, n)?, header(memory, n + 1)?) {
        (begin, end) if begin <= end && (end - begin) % 32 == 0 => Ok((begin, end)),
        _ => Err(KeyError::InvalidKey),
    };
    let (sections_at, sections_end) = list(&memory, 18)?;
    list(&memory, 20)?;
    let mut state: Vec<u8> = vec![];
    let mut challenge_at = challenges_at;
    for section in (sections_at..sections_end).step_by(32) {
        let (at, bytes, more) = (
            memory.short(section)?,
            memory.short(section + 2)?,
            memory.short(section + 4)?,
        );
        let from = if section == sections_at { repr_at } else { at };
        state.extend(
            memory
                .0
                .get(from..from + bytes)
                .ok_or(KeyError::InvalidKey)?,
        );
        for i in 0..=more {
            if i > 0 {
                state.push(1);
            }
            state = keccak256(&state).to_vec();
            let challenge = U256::try_from_be_slice(&state)
                .ok_or(KeyError::InvalidKey)?
                .reduce_mod(R);
            memory.write_word(challenge_at, challenge)?;
            challenge_at += 32;
        }
    }
    let challenge = |memory: &Memory, from_end: usize| {
        memory.scalar(
            challenges_end
                .checked_sub(32 * from_end)
                .ok_or(KeyError::InvalidKey)?,
        )
    };
    let (x, y2, v, u) = (
        challenge(&memory, 4)?,
        challenge(&memory, 3)?,
        challenge(&memory, 2)?,
        challenge(&memory, 1)?,
    );

    // The instance column at the rotations that the constraints read.
    let xn = (0..k.min(64)).fold(x, |x, _| x.square());
    let zh = xn - Fr::ONE;
    let (inverse_n, mut w, omega) = (
        header_scalar(&memory, 4)?,
        header_scalar(&memory, 5)?,
        header_scalar(&memory, 6)?,
    );
    let mut lagrange = vec![];
    for _ in 0..lagrange_count {
        lagrange.push(w * zh * inverse_n * invert(x - w)?);
        w *= omega;
    }
    let (queries_at, queries_end) = list(&memory, 24)?;
    // They lie before the challenges.
    let inputs_at = challenges_at
        .checked_sub(queries_end - queries_at)
        .ok_or(KeyError::InvalidKey)?;
    for (i, query) in (queries_at..queries_end).step_by(32).enumerate() {
        let first = memory.number(query)? / 32;
        let mut sum = Fr::ZERO;
        for (j, value) in instances.iter().enumerate() {
            sum += reduce(*value) * lagrange.get(first + j).ok_or(KeyError::InvalidKey)?;
        }
        memory.write_word(inputs_at + 32 * i, super::to_u256(sum))?;
    }

    // The constraint polynomials folded by y, over x^n - 1.
    let slots = header(&memory, 9)?;
    for (i, code) in key.programs.iter().enumerate() {
        let input = (0..slots / 32)
            .map(|i| memory.word(pool_at + 32 * i))
            .collect::<Result<Vec<_>, _>>()?;
        let outputs = program::run(code, &input)?.outputs;
        if 32 * outputs.len() != memory.short(programs_at + 2 * (i + 1))? {
            return Err(KeyError::InvalidKey);
        }
        for (j, output) in outputs.into_iter().enumerate() {
            memory.write_word(outputs_at + 32 * j, output)?;
        }
    }
    let quotient = reduce(memory.word(outputs_at)?) * invert(zh)?;

    // Rotation sets.
    let (mut set, sets) = (header(&memory, 22)?, header(&memory, 23)?);
    let (quotient_at, pieces) = (header(&memory, 26)?, header(&memory, 27)?);
    let mut total = G1::identity();
    let (mut value, mut power, mut first_z) = (Fr::ZERO, Fr::ONE, None);
    for _ in 0..sets {
        let (count, m, closing) = (
            memory.short(set)?,
            memory.byte(set + 3)?,
            memory.byte(set + 4)? != 0,
        );
        let points = (0..m)
            .map(|i| Ok(x * memory.scalar(memory.short(set + 5 + 2 * i)?)?))
            .collect::<Result<Vec<Fr>, KeyError>>()?;
        let z: Fr = points.iter().map(|p| u - p).product();
        let first = *first_z.get_or_insert(z);
        let mut s = power * first * invert(z)?;
        let mut sums = vec![Fr::ZERO; m];
        set += 32;
        for _ in 0..count {
            total += memory.point(memory.short(set)?)? * s;
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum += s * memory.scalar(memory.short(set + 2 + 2 * i)?)?;
            }
            s *= y2;
            set += 2 * (m + 1);
        }
        if closing {
            let mut t = s;
            for i in 0..pieces {
                total += memory.point(quotient_at + 64 * i)? * t;
                t *= xn;
            }
            let sum = sums.first_mut().ok_or(KeyError::InvalidKey)?;
            *sum += s * quotient;
            s *= y2;
            total += memory.point(quotient_at.checked_sub(64).ok_or(KeyError::InvalidKey)?)? * s;
            *sum += s * memory.scalar(evaluations_at + evaluations_bytes - 32)?;
        }
        for (i, (p, sum)) in points.iter().zip(&sums).enumerate() {
            let others: Fr = points
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, q)| p - q)
                .product();
            value += *sum * z * invert((u - p) * others)?;
        }
        power *= v;
    }
    let first_z = first_z.ok_or(KeyError::InvalidKey)?;
    let w_at = points_at + points_bytes;
    let (w, w2) = (memory.point(w_at)?, memory.point(w_at + 64)?);
    let generator_at = layout::BASE + 32 * 30;
    total -= memory.point(generator_at)? * value;
    total -= w * first_z;
    total += w2 * u;
    let (g2, s_g2) = (
        memory.point2(generator_at + 64)?,
        memory.point2(generator_at + 192)?,
    );
    let terms = [
        (total.to_affine(), G2Prepared::from(g2)),
        (-w2, G2Prepared::from(s_g2)),
    ];
    let product: Gt =
        Bn256::multi_miller_loop(&[(&terms[0].0, &terms[0].1), (&terms[1].0, &terms[1].1)])
            .final_exponentiation();
    if product == Gt::identity() {
        Ok(())
    } else {
        Err(KeyError::ProofRejected)
    }
}
