//! Limbs of [`RANGE_BITS`] bits: how chips write an integer as cells that are looked up in `range13`.

use crate::{
    framework::{Cell, Expr, lin, pow2},
    tables::RANGE_BITS,
};
use alloy_primitives::U256;

/// `Σ limb_i 2^(13 i)`, least significant limb first.
pub(crate) fn compose(limbs: &[Cell]) -> Expr {
    lin(limbs
        .iter()
        .zip(0u32..)
        .map(|(c, i)| (pow2(RANGE_BITS * i), *c)))
}

/// The `n` lowest limbs of `value`, least significant first.
pub(crate) fn split(value: U256, n: usize) -> impl Iterator<Item = u64> {
    (0..n).map(move |i| {
        let limb: U256 = (value >> (RANGE_BITS as usize * i)) & U256::from((1 << RANGE_BITS) - 1);
        limb.to::<u64>()
    })
}
