//! Where everything lies: the proof's sections, the contract's memory, the head's bytes.

use std::collections::BTreeSet;

use alloy_primitives::U256;
use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::{
        CurveAffine,
        bn256::{Bn256, Fq, Fr, G1Affine, G2Affine},
    },
    plonk::{ConstraintSystem, VerifyingKey},
    poly::{Rotation, commitment::ParamsProver, kzg::commitment::ParamsKZG},
};

use super::{ExportError, MAX_CODE_BYTES, to_u256};

/// First word of every head: "hallmark verifying key" and the format's version.
pub(super) const MAGIC: U256 = U256::from_be_slice(b"hallmark verifying key\0\0\0\0\0\0\0\0\0\x02");
/// Memory address at which the contract loads the head (without its STOP byte).
pub(super) const BASE: usize = 0x400;
/// Words of the head before its lists.
pub(super) const HEADER_WORDS: usize = 40;
/// Most rotations of one column.
const MAX_ROTATIONS: usize = 13;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Commitment {
    Advice(usize),
    Fixed(usize),
}

struct RotationSet {
    rotations: BTreeSet<i32>,
    commitments: Vec<Commitment>,
    /// Holds the bare point only: the quotient and the random polynomial are its last members.
    closing: bool,
}

/// A run of proof words that the transcript absorbs at once, and the challenges squeezed after it.
struct Section {
    evaluations: bool,
    bytes: usize,
    squeezes: usize,
}

/// The shape of a key: everything that does not need the compiled program.
pub(super) struct Layout {
    public_values: usize,
    advice_queries: Vec<(usize, i32)>,
    fixed_queries: Vec<(usize, i32)>,
    instance_rotations: Vec<i32>,
    /// Position of each advice column's commitment in the proof.
    advice_position: Vec<usize>,
    /// Position of each challenge among the squeezed ones.
    challenge_position: Vec<usize>,
    sections: Vec<Section>,
    sets: Vec<RotationSet>,
    rotations: Vec<i32>,
    quotient_pieces: usize,
}

impl Layout {
    pub(super) fn new(
        cs: &ConstraintSystem<Fr>,
        public_values: usize,
    ) -> Result<Self, ExportError> {
        if cs.num_instance_columns() > 1 {
            return Err(ExportError::Unsupported("more than one instance column"));
        }
        if cs.num_instance_columns() == 0 && public_values > 0 {
            return Err(ExportError::Unsupported(
                "no instance column, yet public values",
            ));
        }
        let advice_queries: Vec<_> = cs
            .advice_queries()
            .iter()
            .map(|(c, r)| (c.index(), r.0))
            .collect();
        let fixed_queries: Vec<_> = cs
            .fixed_queries()
            .iter()
            .map(|(c, r)| (c.index(), r.0))
            .collect();
        let instance_rotations = cs.instance_queries().iter().map(|(_, r)| r.0).collect();
        let phases = cs.advice_column_phase();
        let challenge_phases = cs.challenge_phase();
        for column in 0..phases.len() {
            if !advice_queries.iter().any(|(c, _)| *c == column) {
                return Err(ExportError::UnqueriedColumn(column));
            }
        }

        // The transcript: neighbours without a challenge between them are absorbed as one section.
        let quotient_pieces = cs.degree().saturating_sub(1);
        let mut advice_position = vec![0; phases.len()];
        let mut challenge_position = vec![0; challenge_phases.len()];
        let (mut column_count, mut challenge_count) = (0, 0);
        let mut sections: Vec<Section> = vec![];
        let mut pending = 0;
        let squeeze =
            |pending: &mut usize, squeezes: usize, sections: &mut Vec<Section>| match sections
                .last_mut()
            {
                _ if squeezes == 0 => {}
                Some(last) if *pending == 0 => last.squeezes += squeezes,
                _ => {
                    sections.push(Section {
                        evaluations: false,
                        bytes: *pending,
                        squeezes,
                    });
                    *pending = 0;
                }
            };
        for phase in 0..=phases.iter().copied().max().unwrap_or(0) {
            for (position, _) in advice_position
                .iter_mut()
                .zip(&phases)
                .filter(|(_, p)| **p == phase)
            {
                *position = column_count;
                column_count += 1;
                pending += 64;
            }
            let before = challenge_count;
            for (position, _) in challenge_position
                .iter_mut()
                .zip(&challenge_phases)
                .filter(|(_, p)| **p == phase)
            {
                *position = challenge_count;
                challenge_count += 1;
            }
            squeeze(&mut pending, challenge_count - before, &mut sections);
        }
        squeeze(&mut pending, 3, &mut sections); // theta, beta, gamma
        let evaluations = advice_queries.len() + fixed_queries.len() + 1;
        for (evaluations, bytes, squeezes) in [
            (false, 64, 1),                   // random polynomial, y
            (false, 64 * quotient_pieces, 1), // quotient, x
            (true, 32 * evaluations, 2),      // evaluations, y' and v
            (false, 64, 1),                   // W, u
        ] {
            sections.push(Section {
                evaluations,
                bytes,
                squeezes,
            });
        }

        // Rotation sets in the order in which the multi-opening forms them.
        let mut opened: Vec<(Commitment, BTreeSet<i32>)> = vec![];
        let advice = advice_queries
            .iter()
            .map(|(c, r)| (Commitment::Advice(*c), *r));
        let fixed = fixed_queries
            .iter()
            .map(|(c, r)| (Commitment::Fixed(*c), *r));
        for (commitment, rotation) in advice.chain(fixed) {
            match opened.iter_mut().find(|(c, _)| *c == commitment) {
                Some((_, rotations)) => {
                    rotations.insert(rotation);
                }
                None => opened.push((commitment, BTreeSet::from([rotation]))),
            }
        }
        let mut sets: Vec<RotationSet> = vec![];
        for (commitment, rotations) in opened {
            if rotations.len() > MAX_ROTATIONS {
                return Err(ExportError::TooManyRotations(rotations.len()));
            }
            match sets.iter_mut().find(|s| s.rotations == rotations) {
                Some(set) => set.commitments.push(commitment),
                None => sets.push(RotationSet {
                    rotations,
                    commitments: vec![commitment],
                    closing: false,
                }),
            }
        }
        let bare = BTreeSet::from([0]);
        match sets.iter_mut().find(|s| s.rotations == bare) {
            Some(set) => set.closing = true,
            None => sets.push(RotationSet {
                rotations: bare,
                commitments: vec![],
                closing: true,
            }),
        }
        let rotations: BTreeSet<i32> = sets
            .iter()
            .flat_map(|s| s.rotations.iter().copied())
            .collect();
        Ok(Self {
            public_values,
            advice_queries,
            fixed_queries,
            instance_rotations,
            advice_position,
            challenge_position,
            sections,
            sets,
            rotations: rotations.into_iter().collect(),
            quotient_pieces,
        })
    }

    // Input of the programs after the constant pool: instance evaluations, challenges, evaluations. What the program
    // before gave back follows.

    fn challenges(&self) -> usize {
        self.sections.iter().map(|s| s.squeezes).sum()
    }

    pub(super) fn evaluations(&self) -> usize {
        self.advice_queries.len() + self.fixed_queries.len() + 1
    }

    pub(super) fn input_words(&self) -> usize {
        self.instance_rotations.len() + self.challenges() + self.evaluations()
    }

    pub(super) fn instance_slot(&self, rotation: i32) -> Option<u32> {
        let at = self
            .instance_rotations
            .iter()
            .position(|r| *r == rotation)?;
        Some(at as u32)
    }

    pub(super) fn challenge_slot(&self, index: usize) -> Option<u32> {
        let at = self.challenge_position.get(index)?;
        Some((self.instance_rotations.len() + at) as u32)
    }

    pub(super) fn y_slot(&self) -> u32 {
        // After y come x, y', v and u.
        (self.instance_rotations.len() + self.challenges() - 5) as u32
    }

    fn evaluation_slot(&self, index: usize) -> u32 {
        (self.instance_rotations.len() + self.challenges() + index) as u32
    }

    pub(super) fn advice_slot(&self, column: usize, rotation: i32) -> Option<u32> {
        let at = self
            .advice_queries
            .iter()
            .position(|q| *q == (column, rotation))?;
        Some(self.evaluation_slot(at))
    }

    pub(super) fn fixed_slot(&self, column: usize, rotation: i32) -> Option<u32> {
        let at = self
            .fixed_queries
            .iter()
            .position(|q| *q == (column, rotation))?;
        Some(self.evaluation_slot(self.advice_queries.len() + at))
    }

    /// Bytes of the proof's points before its evaluations.
    fn points_bytes(&self) -> usize {
        64 * (self.advice_position.len() + 1 + self.quotient_pieces)
    }

    pub(super) fn proof_bytes(&self) -> usize {
        self.points_bytes() + 32 * self.evaluations() + 128
    }

    /// Commitments opened: columns, quotient pieces, random polynomial.
    pub(super) fn commitments(&self) -> usize {
        self.sets.iter().map(|s| s.commitments.len()).sum::<usize>() + self.quotient_pieces + 1
    }

    fn sets_bytes(&self) -> usize {
        let record = |s: &RotationSet| 32 + s.commitments.len() * 2 * (1 + s.rotations.len());
        self.sets
            .iter()
            .map(record)
            .sum::<usize>()
            .next_multiple_of(32)
    }

    fn queried_fixed(&self) -> BTreeSet<usize> {
        self.fixed_queries.iter().map(|(c, _)| *c).collect()
    }

    /// Code bytes of a head with a pool of this many constants.
    pub(super) fn head_bytes(&self, pool: usize) -> usize {
        let words = HEADER_WORDS
            + self.sections.len()
            + self.rotations.len()
            + self.instance_rotations.len()
            + 2 * self.queried_fixed().len()
            + pool;
        1 + 32 * words + self.sets_bytes()
    }

    /// The head's runtime code. `outputs` are the numbers of words that the programs give back.
    pub(super) fn head(
        &self,
        params: &ParamsKZG<Bn256>,
        vk: &VerifyingKey<G1Affine>,
        pool: &[Fr],
        outputs: &[usize],
    ) -> Result<Vec<u8>, ExportError> {
        let domain = vk.get_domain();
        let omega_to = |rotation: i32| domain.rotate_omega(Fr::ONE, Rotation(rotation));

        // Sizes first: lists, then the pool, then the regions that only exist in memory.
        let queried_fixed = self.queried_fixed();
        let sections_at = BASE + 32 * HEADER_WORDS;
        let rotations_at = sections_at + 32 * self.sections.len();
        let instance_at = rotations_at + 32 * self.rotations.len();
        let fixed_at = instance_at + 32 * self.instance_rotations.len();
        let sets_at = fixed_at + 64 * queried_fixed.len();
        let pool_at = sets_at + self.sets_bytes();
        let inputs_at = pool_at + 32 * pool.len();
        let challenges_at = inputs_at + 32 * self.instance_rotations.len();
        let evaluations_at = challenges_at + 32 * self.challenges();
        let outputs_at = evaluations_at + 32 * self.evaluations();
        let outputs_end = outputs_at + 32 * outputs.iter().copied().max().unwrap_or(0);
        let points_at = outputs_end + 32 * (1 + self.public_values);
        let free_at = points_at + self.points_bytes() + 128;
        if free_at > 0xffff {
            return Err(ExportError::MemoryTooLarge(free_at));
        }

        let first_lagrange = self
            .instance_rotations
            .iter()
            .map(|r| -r)
            .min()
            .unwrap_or(0);
        let last_lagrange = self
            .instance_rotations
            .iter()
            .map(|r| self.public_values as i32 - 1 - r)
            .max();
        let lagrange = match last_lagrange {
            Some(last) if self.public_values > 0 => (last - first_lagrange + 1) as usize,
            _ => 0,
        };
        let quotient_at = points_at + 64 * (self.advice_position.len() + 1);

        let mut body = Writer(vec![0]); // STOP: nobody executes the data
        body.word(MAGIC);
        body.scalar(vk.transcript_repr());
        body.number(domain.k() as usize);
        body.number(self.public_values);
        body.scalar(Fr::from(domain.get_n()).invert().unwrap_or(Fr::ZERO));
        body.scalar(omega_to(first_lagrange));
        body.scalar(domain.get_omega());
        body.number(lagrange);
        body.number(pool_at);
        body.number(outputs_end - pool_at);
        body.number(outputs_at);
        body.number(challenges_at);
        body.number(evaluations_at);
        body.number(evaluations_at);
        body.number(32 * self.evaluations());
        body.number(points_at);
        body.number(self.points_bytes());
        body.number(self.proof_bytes());
        body.number(sections_at);
        body.number(rotations_at);
        body.number(rotations_at);
        body.number(instance_at);
        body.number(sets_at);
        body.number(self.sets.len());
        body.number(instance_at);
        body.number(fixed_at);
        body.number(quotient_at);
        body.number(self.quotient_pieces);
        body.number(free_at);
        let sizes = outputs.iter().map(|words| 32 * words);
        let programs: Vec<usize> = std::iter::once(outputs.len()).chain(sizes).collect();
        body.fields(&programs);
        body.point(params.get_g()[0]);
        body.point2(params.g2());
        body.point2(params.s_g2());

        let mut points = points_at;
        for (i, section) in self.sections.iter().enumerate() {
            let at = if section.evaluations {
                evaluations_at
            } else {
                points
            };
            // The first section also holds the key's hash and the public values, which precede the points.
            let extra = if i == 0 {
                32 * (1 + self.public_values)
            } else {
                0
            };
            body.fields(&[at, section.bytes + extra, section.squeezes - 1]);
            if !section.evaluations {
                points += section.bytes;
            }
        }
        for rotation in &self.rotations {
            body.scalar(omega_to(*rotation));
        }
        for rotation in &self.instance_rotations {
            body.number(32 * (-rotation - first_lagrange) as usize);
        }
        for column in &queried_fixed {
            let commitment = vk.fixed_commitments().get(*column).copied();
            body.point(commitment.ok_or(ExportError::Unsupported(
                "a fixed column that the key does not commit to",
            ))?);
        }
        let evaluation = |slot: Option<u32>| {
            let slot = slot.ok_or(ExportError::Unsupported(
                "a query that the key does not list",
            ))?;
            Ok(inputs_at + 32 * slot as usize)
        };
        for set in &self.sets {
            let mut w = [0u8; 32];
            w[..2].copy_from_slice(&(set.commitments.len() as u16).to_be_bytes());
            w[3] = set.rotations.len() as u8;
            w[4] = set.closing.into();
            for (i, rotation) in set.rotations.iter().enumerate() {
                let at = rotations_at
                    + 32 * self
                        .rotations
                        .iter()
                        .position(|r| r == rotation)
                        .unwrap_or(0);
                w[5 + 2 * i..7 + 2 * i].copy_from_slice(&(at as u16).to_be_bytes());
            }
            body.0.extend(w);
            for commitment in &set.commitments {
                let at = match commitment {
                    Commitment::Advice(c) => points_at + 64 * self.advice_position[*c],
                    Commitment::Fixed(c) => fixed_at + 64 * queried_fixed.range(..c).count(),
                };
                body.short(at);
                for rotation in &set.rotations {
                    body.short(evaluation(match commitment {
                        Commitment::Advice(c) => self.advice_slot(*c, *rotation),
                        Commitment::Fixed(c) => self.fixed_slot(*c, *rotation),
                    })?);
                }
            }
        }
        body.0.resize(1 + pool_at - BASE, 0);
        for c in pool {
            body.scalar(*c);
        }
        if body.0.len() > MAX_CODE_BYTES {
            return Err(ExportError::HeadTooLarge(body.0.len()));
        }
        Ok(body.0)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn word(&mut self, value: U256) {
        self.0.extend(value.to_be_bytes::<32>());
    }

    fn number(&mut self, value: usize) {
        self.word(U256::from(value));
    }

    fn scalar(&mut self, value: Fr) {
        self.word(to_u256(value));
    }

    fn short(&mut self, value: usize) {
        self.0.extend((value as u16).to_be_bytes());
    }

    /// Up to sixteen 16-bit fields, left-aligned in one word.
    fn fields(&mut self, values: &[usize]) {
        for value in values {
            self.short(*value);
        }
        self.0.resize(self.0.len() + 32 - 2 * values.len(), 0);
    }

    fn coordinate(&mut self, value: Fq) {
        self.word(U256::from_le_bytes::<32>(value.to_repr()));
    }

    /// x, y; the identity is (0, 0).
    fn point(&mut self, point: G1Affine) {
        let coordinates = Option::from(point.coordinates());
        let (x, y) = coordinates.map_or(
            (Fq::ZERO, Fq::ZERO),
            |c: halo2_proofs::halo2curves::Coordinates<_>| (*c.x(), *c.y()),
        );
        self.coordinate(x);
        self.coordinate(y);
    }

    /// x, y, each with its imaginary part first, as the pairing precompile wants them.
    fn point2(&mut self, point: G2Affine) {
        for coordinate in [point.x, point.y] {
            self.coordinate(coordinate.c1);
            self.coordinate(coordinate.c0);
        }
    }
}
