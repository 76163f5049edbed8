//! Cells of `arith.linear`.

use crate::{
    framework::{Cell, KindBuilder, TableId},
    tables::RANGE_BITS,
};

/// Limbs of a half.
pub(super) const HALF_LIMBS: usize = 128usize.div_ceil(RANGE_BITS as usize);
/// Limbs of a carry plus one: 65 bits exactly.
pub(super) const CARRY_LIMBS: usize = 65 / RANGE_BITS as usize;
/// The top limb of a half has 11 bits, so this many times it still fits a 13-bit look-up.
pub(super) const TOP_SCALE: u64 = 1 << (HALF_LIMBS * RANGE_BITS as usize - 128);

/// Cells of one operation; all on one row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// Limbs of the result's low half.
    pub(super) z_lo: Vec<Cell>,
    /// Limbs of `k + 1`.
    pub(super) carry: Vec<Cell>,
    /// Limbs of `q + 1`.
    pub(super) overflow: Vec<Cell>,
    /// Limbs of the result's high half.
    pub(super) z_hi: Vec<Cell>,
    /// 1 to subtract `y`, 0 to add it.
    pub(super) subtract: Cell,
    pub(super) x_hi: Cell,
    pub(super) x_lo: Cell,
    pub(super) m: Cell,
    pub(super) y_hi: Cell,
    pub(super) y_lo: Cell,
}

impl Columns {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            z_lo: k.lookups("z_lo", 0, range, HALF_LIMBS),
            carry: k.lookups("carry", 0, range, CARRY_LIMBS),
            overflow: k.lookups("overflow", 0, range, CARRY_LIMBS),
            z_hi: k.lookups("z_hi", 0, range, HALF_LIMBS),
            subtract: k.bit("subtract", 0),
            x_hi: k.cell("x_hi", 0),
            x_lo: k.cell("x_lo", 0),
            m: k.cell("m", 0),
            y_hi: k.cell("y_hi", 0),
            y_lo: k.cell("y_lo", 0),
        }
    }
}
