//! Cells and tables of `logic.piece`.

use crate::{
    Fr,
    framework::{Cell, KindBuilder, MachineBuilder, TableId, pow2},
    tables::{RANGE_BITS, range13},
};

/// Bits of a digit.
pub(super) const DIGIT_BITS: u32 = 5;
/// Bits of a piece: the low part of a half, exactly.
pub(super) const PIECE_BITS: u32 = 65;
/// Digits of a piece.
pub(super) const DIGITS: usize = (PIECE_BITS / DIGIT_BITS) as usize;
/// Limbs of a piece.
pub(super) const LIMBS: usize = (PIECE_BITS / RANGE_BITS) as usize;

/// Weights of the first operand, the second and their conjunction in a digit.
pub(super) fn weights() -> [Fr; 3] {
    [0, 1, 2].map(|i| pow2(PIECE_BITS * i))
}

/// Two digits and their conjunction in one entry of `logic.and`.
pub(super) fn digit_entry(a: u64, b: u64) -> Fr {
    let [x, y, z] = weights();
    Fr::from(a) * x + Fr::from(b) * y + Fr::from(a & b) * z
}

/// The fixed tables of the chip.
pub(super) struct Tables {
    and: TableId,
    code: TableId,
    range: TableId,
}

impl Tables {
    pub(super) fn declare(b: &mut MachineBuilder) -> Self {
        let digits = || 0..1u64 << DIGIT_BITS;
        Self {
            and: b.table("logic.and", || {
                let pairs = digits().flat_map(|a| digits().map(move |b| (a, b)));
                pairs.map(|(a, b)| vec![digit_entry(a, b)]).collect()
            }),
            code: b.table("logic.code", || {
                (0..=2).map(|c| vec![Fr::from(c)]).collect()
            }),
            range: range13(b),
        }
    }
}

/// An operation's two operands and result, of a piece or of a half.
#[derive(Clone, Copy, Debug)]
pub(super) struct Triple {
    pub(super) a: Cell,
    pub(super) b: Cell,
    pub(super) d: Cell,
}

impl Triple {
    fn declare(k: &mut KindBuilder<'_>, name: &str) -> Self {
        Self {
            a: k.cell(&format!("{name}.a"), 0),
            b: k.cell(&format!("{name}.b"), 0),
            d: k.cell(&format!("{name}.d"), 0),
        }
    }
    pub(super) fn cells(&self) -> [Cell; 3] {
        [self.a, self.b, self.d]
    }
}

/// Cells of one piece; all on one row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// Entries of `logic.and`, least significant first.
    pub(super) digits: Vec<Cell>,
    /// Limbs of the first operand, the second and their conjunction.
    pub(super) limbs: [Vec<Cell>; 3],
    /// Which operation: 0, 1 or 2.
    pub(super) code: Cell,
    /// Result of the piece.
    pub(super) result: Cell,
    /// The lower piece of the same half.
    pub(super) piece: Triple,
    /// The lower half of the same word.
    pub(super) half: Triple,
}

impl Columns {
    pub(super) fn declare(k: &mut KindBuilder<'_>, tables: &Tables) -> Self {
        let digits = k.lookups("digit", 0, tables.and, DIGITS);
        Self {
            digits,
            limbs: ["a", "b", "and"].map(|name| k.lookups(name, 0, tables.range, LIMBS)),
            code: k.lookup("code", 0, tables.code),
            result: k.cell("result", 0),
            piece: Triple::declare(k, "low piece"),
            half: Triple::declare(k, "low half"),
        }
    }
}
