//! Cells of `arith.product`.

use crate::{
    framework::{Cell, KindBuilder, TableId},
    tables::RANGE_BITS,
};

/// Bits of a digit.
pub(super) const DIGIT_BITS: u32 = 64;
/// Digits of a word.
pub(super) const DIGITS: usize = 4;
/// Limbs of a digit: four of 13 bits and one of 12.
pub(super) const LIMBS: usize = DIGIT_BITS.div_ceil(RANGE_BITS) as usize;
/// Limbs of a carry: 130 bits.
pub(super) const CARRY_LIMBS: usize = 10;

/// Cells of one digit's row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// Limbs of the second factor's digit.
    pub(super) y_limbs: Vec<Cell>,
    /// Limbs of the product's digit.
    pub(super) d_limbs: Vec<Cell>,
    /// Limbs of the carry.
    pub(super) carry_limbs: Vec<Cell>,
    /// Twice the top limb of the product's digit.
    pub(super) doubled: Cell,
    /// 1 where a lower digit stands below.
    pub(super) lower: Cell,
    /// 1 where two lower digits stand below.
    pub(super) two_lower: Cell,
    /// 1 on the top digit of four, if the product is told modulo 2^256.
    pub(super) modular: Cell,
    /// 1 on the top digit of four, if the product is said to be below 2^256.
    pub(super) exact: Cell,
    /// The second factor's digit.
    pub(super) y: Cell,
    /// The same with the digit below.
    pub(super) y_pair: Cell,
    /// The product's digit with the digit below.
    pub(super) d_pair: Cell,
    /// The product's digit.
    pub(super) d: Cell,
    /// Carry to the digit above.
    pub(super) carry: Cell,
    pub(super) x_hi: Cell,
    pub(super) x_lo: Cell,
}

impl Columns {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            y_limbs: k.lookups("y limb", 0, range, LIMBS),
            d_limbs: k.lookups("d limb", 0, range, LIMBS),
            carry_limbs: k.lookups("carry limb", 0, range, CARRY_LIMBS),
            doubled: k.lookup("doubled", 0, range),
            lower: k.bit("lower", 0),
            modular: k.bit("modular", 0),
            exact: k.bit("exact", 0),
            // These are read two rows above, as the cells of the cpu in the value columns are.
            y: k.cell("y", 0),
            y_pair: k.cell("y pair", 0),
            d_pair: k.cell("d pair", 0),
            d: k.cell("d", 0),
            carry: k.cell("carry", 0),
            x_hi: k.cell("x_hi", 0),
            x_lo: k.cell("x_lo", 0),
            two_lower: k.cell("two lower", 0),
        }
    }
}
