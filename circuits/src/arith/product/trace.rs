//! The operation itself, and its rows.

use super::{ProductChip, columns::*};
use crate::{
    Fr,
    framework::{pow2, trace::Trace},
    limbs::split,
};
use alloy_primitives::U256;
use protocol::field::split_word;
use std::collections::HashSet;

/// Physical rows of a product.
pub const ROWS: usize = DIGITS;

/// `a b` modulo 2^256, or exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// Whether it is said that the product is below 2^256; there is no row if it is not.
    pub exact: bool,
    /// First factor.
    pub a: U256,
    /// Second factor.
    pub b: U256,
}

impl Product {
    /// The product modulo 2^256; none if it should be exact and is not.
    #[must_use]
    pub fn result(&self) -> Option<U256> {
        let (d, over) = self.a.overflowing_mul(self.b);
        (!(self.exact && over)).then_some(d)
    }

    /// For each digit, lowest first, the product's digit and what is carried to the next.
    fn columns(&self) -> [(u64, U256); DIGITS] {
        let y = self.b.as_limbs();
        let (x_lo, x_hi) = (self.a & (U256::MAX >> 128), self.a >> 128);
        let mut carry = U256::ZERO;
        std::array::from_fn(|i| {
            let high = i.checked_sub(2).map_or(0, |low| y[low]);
            let terms = [x_lo * U256::from(y[i]), x_hi * U256::from(high), carry];
            let sum = terms.into_iter().fold(U256::ZERO, |s, t| s + t);
            carry = sum >> DIGIT_BITS;
            (sum.as_limbs()[0], carry)
        })
    }
}

impl ProductChip {
    /// Appends four rows for each distinct product that there is.
    pub fn trace(&self, trace: &mut Trace<'_>, products: impl IntoIterator<Item = Product>) {
        let mut seen = HashSet::new();
        for p in products {
            if p.result().is_some() && seen.insert(p) {
                self.push(trace, &p);
            }
        }
    }

    fn push(&self, trace: &mut Trace<'_>, p: &Product) {
        let c = &self.columns;
        let bit = u64::from;
        let (columns, y) = (p.columns(), p.b.as_limbs());
        let (x_hi, x_lo) = split_word(p.a);
        let pair = |high: u64, low: Option<u64>| {
            pow2(DIGIT_BITS) * Fr::from(high) + Fr::from(low.unwrap_or(0))
        };
        for i in (0..DIGITS).rev() {
            let (digit, carry) = columns[i];
            let (below, top) = (i.checked_sub(1), i + 1 == DIGITS);
            trace
                .push(self.kind)
                .set_all(&c.y_limbs, split(U256::from(y[i]), LIMBS))
                .set_all(&c.d_limbs, split(U256::from(digit), LIMBS))
                .set_all(&c.carry_limbs, split(carry, CARRY_LIMBS))
                .set(c.doubled, (digit >> 52) * 2)
                .set(c.lower, bit(i > 0))
                .set(c.two_lower, bit(i > 1))
                .set(c.modular, bit(top && !p.exact))
                .set(c.exact, bit(top && p.exact))
                .set(c.y, y[i])
                .set(c.y_pair, pair(y[i], below.map(|b| y[b])))
                .set(c.d_pair, pair(digit, below.map(|b| columns[b].0)))
                .set(c.d, digit)
                .set(c.carry, element(carry))
                .set(c.x_hi, x_hi)
                .set(c.x_lo, x_lo);
        }
    }
}

/// A carry, below 2^130, as a field element.
fn element(v: U256) -> Fr {
    let (high, low) = split_word(v);
    high * pow2(128) + low
}
