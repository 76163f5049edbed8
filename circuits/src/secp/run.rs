//! The steps of a run: which points are added, in which order.

use super::{SecpError, numbers::*};
use alloy_primitives::U256;
use ff::{Field, PrimeField};
use group::prime::PrimeCurveAffine;
use halo2_proofs::halo2curves::{
    CurveAffine,
    secp256k1::{Fp, Fq, Secp256k1, Secp256k1Affine},
};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Tabulates the multiple of R with this number.
    Build(usize),
    /// One of an iteration's four doublings.
    Double(usize),
    /// Adds a tabulated multiple.
    Add(usize),
    /// Adds the image of a tabulated multiple.
    AddPhi(usize),
    /// Adds a point of the comb, by the two digits counted from 0.
    AddComb(u64, u64),
    /// Removes the offset.
    Correct,
}

/// A step: where it stands and what it adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) window: u64,
    /// Indices of the two operands and the result among a run's points.
    pub(super) points: [usize; 3],
    /// Index of the multiple whose image is added; of the second operand itself in any other step.
    pub(super) raw: usize,
}

impl Plan {
    /// Where the step stands, for a run with this offset.
    pub(super) fn place(&self, offset: u64) -> u64 {
        let within = match self.mode {
            Mode::Build(_) => return offset * OFFSET + PLACE_POINT,
            Mode::Double(turn) => turn as u64,
            Mode::Add(_) => 4,
            Mode::AddPhi(_) => 5,
            Mode::AddComb(..) => 6,
            Mode::Correct => 0,
        };
        offset * OFFSET + PLACE_MULTIPLE + STEPS * self.window + within
    }
}

/// The digits, base 16, of the scalars of one signature, most significant first.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// R's top digit, 1 to 16.
    pub(super) top: usize,
    /// Per iteration: digits of R and of its image, 1 to 16; of G and of 2^128 G, counted from 0.
    pub(super) rows: Vec<[u64; 4]>,
}

fn nibble(v: U256, i: usize) -> u64 {
    (v >> (4 * i)).as_limbs()[0] & 15
}

impl Windows {
    pub(super) fn of(u: Fq, v: Fq) -> Self {
        // Digits are counted from 1, which adds a constant to each scalar.
        let (a, b) = split(u - ones(WINDOWS + 1) - scalar(LAMBDA) * ones(WINDOWS));
        let g = integer(v - ones(WINDOWS) * (Fq::ONE + Fq::from_u128(1 << 64).square()));
        let rows = (0..WINDOWS)
            .rev()
            .map(|i| {
                [
                    nibble(a, i) + 1,
                    nibble(b, i) + 1,
                    nibble(g, i),
                    nibble(g, i + 32),
                ]
            })
            .collect();
        Self {
            top: nibble(a, WINDOWS) as usize + 1,
            rows,
        }
    }
}

/// All points of one run and the steps that combine them.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) r: Secp256k1Affine,
    /// Parity of R's y, as the label says it.
    pub(super) odd: bool,
    pub(super) offset: usize,
    pub(super) windows: Windows,
    pub(super) points: Vec<Secp256k1>,
    pub(super) steps: Vec<Plan>,
}

impl Run {
    fn step(&mut self, mode: Mode, window: u64, a: usize, b: usize) -> usize {
        let sum = if a == b {
            self.points[a] + self.points[a]
        } else {
            self.points[a] + self.points[b]
        };
        self.points.push(sum);
        let c = self.points.len() - 1;
        self.steps.push(Plan {
            mode,
            window,
            points: [a, b, c],
            raw: b,
        });
        c
    }
    fn constant(&mut self, p: Secp256k1) -> usize {
        self.points.push(p);
        self.points.len() - 1
    }
    /// Point 0 is R; the last point is the public key.
    pub(super) fn new(r: Secp256k1Affine, offset: usize, windows: Windows) -> Self {
        let fixed = &*POINTS;
        let mut run = Self {
            r,
            odd: integer(r.y).bit(0),
            offset,
            windows: windows.clone(),
            points: vec![r.to_curve()],
            steps: vec![],
        };
        let mut multiple = run.constant(fixed.offsets[offset].to_curve());
        let mut table = vec![multiple];
        for j in 1..=DIGITS {
            multiple = run.step(Mode::Build(j), 0, 0, multiple);
            table.push(multiple);
        }
        let beta = element(BETA).unwrap_or(Fp::ONE);
        let images: Vec<usize> = table
            .clone()
            .into_iter()
            .map(|i| {
                let p = run.points[i];
                run.constant(Secp256k1 { x: p.x * beta, ..p })
            })
            .collect();
        let mut acc = table[windows.top];
        for (w, [a, b, g, h]) in windows.rows.iter().enumerate() {
            let w = w as u64;
            for turn in 0..4 {
                acc = run.step(Mode::Double(turn), w, acc, acc);
            }
            acc = run.step(Mode::Add(*a as usize), w, acc, table[*a as usize]);
            acc = run.step(Mode::AddPhi(*b as usize), w, acc, images[*b as usize]);
            if let Some(step) = run.steps.last_mut() {
                step.raw = table[*b as usize];
            }
            let entry = run.constant(fixed.comb[(16 * g + h) as usize].to_curve());
            acc = run.step(Mode::AddComb(*g, *h), w, acc, entry);
        }
        let correction = run.constant(fixed.corrections[offset].to_curve());
        run.step(Mode::Correct, WINDOWS as u64, acc, correction);
        run
    }
}

/// `R` from its x and the parity of its y.
pub(super) fn lift(r: U256, odd: bool) -> Result<Secp256k1Affine, SecpError> {
    let x: Fp = element(r).ok_or(SecpError::NotOnCurve)?;
    let y: Option<Fp> = (x.square() * x + Fp::from(7)).sqrt().into();
    let y = y.ok_or(SecpError::NotOnCurve)?;
    let y = if integer(y).bit(0) == odd { y } else { -y };
    let point: Option<Secp256k1Affine> = Secp256k1Affine::from_xy(x, y).into();
    point.ok_or(SecpError::NotOnCurve)
}
