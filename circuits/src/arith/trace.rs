//! The operation itself, and its rows.

use super::{
    ArithChip,
    columns::{CARRY_LIMBS, HALF_LIMBS},
};
use crate::{Fr, framework::trace::Trace, limbs::split};
use alloy_primitives::{U256, U512};
use ff::PrimeField;
use protocol::field::split_word;
use std::collections::HashSet;

/// `x m + y`, or `x m - y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Whether `y` is subtracted.
    pub subtract: bool,
    /// First factor.
    pub x: U256,
    /// Second factor, at most 2^64.
    pub m: u128,
    /// What is added or subtracted.
    pub y: U256,
}

/// Result of an [`Operation`]: `z + q 2^256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// The result modulo 2^256.
    pub z: U256,
    /// What overflows: -1 for a negative result, at most 2^64.
    pub q: i128,
}

impl Operation {
    /// The result.
    pub fn result(&self) -> Linear {
        let product = U512::from(self.x) * U512::from(self.m);
        let y = U512::from(self.y);
        let (sum, negative) = if self.subtract {
            product.overflowing_sub(y)
        } else {
            (product + y, false)
        };
        let [l0, l1, l2, l3, l4, l5, ..] = *sum.as_limbs();
        let z = U256::from_limbs([l0, l1, l2, l3]);
        let q = if negative {
            -1
        } else {
            i128::from(l5) << 64 | i128::from(l4)
        };
        Linear { z, q }
    }

    /// The carry between the halves, plus one.
    fn carry_plus_one(&self) -> U256 {
        let low = (U256::from(1) << 128) - U256::from(1);
        let (x, y) = (self.x & low, self.y & low);
        // Adding 2^128 keeps the difference positive and is the "plus one" of the carry.
        let shifted = x * U256::from(self.m) + (U256::from(1) << 128);
        let sum = if self.subtract {
            shifted - y
        } else {
            shifted + y
        };
        sum >> 128
    }
}

impl ArithChip {
    /// Appends one row for each distinct operation.
    pub fn trace(&self, trace: &mut Trace<'_>, operations: impl IntoIterator<Item = Operation>) {
        let mut seen = HashSet::new();
        for op in operations {
            if seen.insert(op) {
                self.push(trace, &op);
            }
        }
    }

    fn push(&self, trace: &mut Trace<'_>, op: &Operation) {
        let c = &self.columns;
        let Linear { z, q } = op.result();
        let ((x_hi, x_lo), (y_hi, y_lo)) = (split_word(op.x), split_word(op.y));
        let overflow = U256::from((q + 1).unsigned_abs());
        trace
            .push(self.kind)
            .set(c.subtract, u64::from(op.subtract))
            .set(c.x_hi, x_hi)
            .set(c.x_lo, x_lo)
            .set(c.m, Fr::from_u128(op.m))
            .set(c.y_hi, y_hi)
            .set(c.y_lo, y_lo)
            .set_all(&c.z_hi, split(z >> 128, HALF_LIMBS))
            .set_all(&c.z_lo, split(z & (U256::MAX >> 128), HALF_LIMBS))
            .set_all(&c.carry, split(op.carry_plus_one(), CARRY_LIMBS))
            .set_all(&c.overflow, split(overflow, CARRY_LIMBS));
    }
}
