//! Fixed tables that several chips share. Together with the microcode ROM they must fit the smallest shape.

use crate::{
    Fr,
    framework::{MachineBuilder, TableId, pow2},
};
use ff::PrimeField;

/// Bits of a [`range13`] entry.
pub const RANGE_BITS: u32 = 13;

/// One column: 0 to 2^13 - 1.
pub fn range13(b: &mut MachineBuilder) -> TableId {
    b.table("range13", || {
        (0..1u64 << RANGE_BITS).map(|v| vec![Fr::from(v)]).collect()
    })
}

/// The bits of `v` as digits of a number in base 8: bit `i` weighs `8^i`.
pub fn spread(v: u64) -> Fr {
    let mut wide = 0u128;
    for bit in 0..42 {
        wide |= u128::from((v >> bit) & 1) << (3 * bit);
    }
    debug_assert!(v < 1 << 42);
    Fr::from_u128(wide)
}

/// One column: the numbers of up to 13 base-8 digits that are all 0 or 1.
pub fn sparse13(b: &mut MachineBuilder) -> TableId {
    b.table("sparse13", || {
        (0..1u64 << 13).map(|v| vec![spread(v)]).collect()
    })
}

/// One column: the numbers of up to 8 base-8 digits that are all 0, 1 or 4.
pub fn digits014(b: &mut MachineBuilder) -> TableId {
    b.table("digits014", || {
        (0..3u64.pow(8))
            .map(|mut v| {
                let mut n = 0u64;
                for digit in 0..8 {
                    n |= [0, 1, 4][(v % 3) as usize] << (3 * digit);
                    v /= 3;
                }
                vec![Fr::from(n)]
            })
            .collect()
    })
}

/// Bit at which the spread byte begins in an entry of [`byte_spread`].
pub const JOINT_BITS: u32 = 96;

/// One column: a byte plus `2^96` times its bits as base-8 digits.
pub fn byte_spread(b: &mut MachineBuilder) -> TableId {
    b.table("byte_spread", || {
        (0..256)
            .map(|v| vec![Fr::from(v) + pow2(JOINT_BITS) * spread(v)])
            .collect()
    })
}

/// One column: the numbers of up to 8 base-8 digits that are all 0 or 1.
pub fn sparse8(b: &mut MachineBuilder) -> TableId {
    b.table("sparse8", || {
        (0..1u64 << 8).map(|v| vec![spread(v)]).collect()
    })
}

/// The bits of `v` as digits of a number in base 8, for all 64 bits.
pub fn spread64(v: u64) -> Fr {
    let (low, high) = (v & 0xffff_ffff, v >> 32);
    spread(low) + pow2(96) * spread(high)
}
