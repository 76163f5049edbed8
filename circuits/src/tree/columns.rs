//! Cells of the `tree` chip.

use crate::{
    Fr,
    framework::{Cell, Expr, KindBuilder, TableId, lin, pow2},
    tables::RANGE_BITS,
};

/// Limbs of a half.
pub(super) const LIMBS: usize = 10;
/// Bits of a half.
pub(super) const HALF_BITS: u32 = RANGE_BITS * LIMBS as u32;

/// `Σ limb_i 2^(13 i)`, from the lowest limb on, so that shorter sums are shared by longer ones.
pub(super) fn sum(limbs: &[Cell]) -> Expr {
    lin(limbs
        .iter()
        .zip(0..)
        .map(|(limb, i)| (pow2(RANGE_BITS * i), *limb)))
}

/// A number of 260 bits in looked-up limbs of 13 bits: the low half on physical row 0, the high half on row 1.
#[derive(Clone, Debug)]
pub struct Number {
    /// Low half, least significant limb first.
    pub(super) low: Vec<Cell>,
    /// High half.
    pub(super) high: Vec<Cell>,
}

impl Number {
    fn declare(k: &mut KindBuilder<'_>, name: &str, range: TableId) -> Self {
        Self {
            low: k.lookups(&format!("{name}.low"), 0, range, LIMBS),
            high: k.lookups(&format!("{name}.high"), 1, range, LIMBS),
        }
    }
    /// The low half.
    pub(super) fn low(&self) -> Expr {
        sum(&self.low)
    }
    /// The high half.
    pub(super) fn high(&self) -> Expr {
        sum(&self.high)
    }
    /// The number as a field element.
    pub(super) fn value(&self) -> Expr {
        self.high() * pow2(HALF_BITS) + self.low()
    }
    /// The most significant limb.
    pub(super) fn top(&self) -> Cell {
        self.high[LIMBS - 1]
    }
}

/// What a row hands to the row below it: eight columns, five of them without a look-up slot.
#[derive(Clone, Copy, Debug)]
pub struct Handed {
    /// Hash at this depth on the side whose path is longer (the old one, if they are equally long).
    pub(super) long: Cell,
    /// Hash at this depth on the other side.
    pub(super) short: Cell,
    /// The key's bits below this depth, as a number.
    pub(super) rest: Cell,
    /// `2^(254 - depth)`.
    pub(super) weight: Cell,
    /// The key.
    pub(super) key: Cell,
    /// What the level above must be, see the chip's documentation.
    pub(super) mode: Cell,
    /// Whether the new side is the longer one.
    pub(super) swap: Cell,
    /// `bit + 2 other_bit` of this level.
    pub(super) bits: Cell,
}

impl Handed {
    /// Declares the columns on `row`; call it after the row's look-ups and before its other cells.
    fn declare(k: &mut KindBuilder<'_>, row: usize) -> Self {
        let mut cell = |name: &str| k.cell(name, row);
        Self {
            long: cell("long"),
            short: cell("short"),
            rest: cell("rest"),
            weight: cell("weight"),
            key: cell("key"),
            mode: cell("mode"),
            swap: cell("swap"),
            bits: cell("bits"),
        }
    }
    /// The same columns on the last physical row above the logical row.
    pub(super) fn above(self) -> Self {
        let up = |c: Cell| Cell { row: -1, ..c };
        Self {
            long: up(self.long),
            short: up(self.short),
            rest: up(self.rest),
            weight: up(self.weight),
            key: up(self.key),
            mode: up(self.mode),
            swap: up(self.swap),
            bits: up(self.bits),
        }
    }
    /// The cells in a fixed order.
    pub(super) fn all(self) -> [Cell; 8] {
        [
            self.long,
            self.short,
            self.rest,
            self.weight,
            self.key,
            self.mode,
            self.swap,
            self.bits,
        ]
    }
}

/// A Poseidon2 digest of one record: `compress (capacity, first, second, digest)`, after a `permute` for three inputs.
#[derive(Clone, Copy, Debug)]
pub struct Digest {
    /// Word 0 of the state that the last permutation takes.
    pub(super) first: Cell,
    /// Word 1.
    pub(super) second: Cell,
    /// Word 2.
    pub(super) capacity: Cell,
    /// The digest.
    pub(super) digest: Cell,
}

impl Digest {
    fn declare(k: &mut KindBuilder<'_>, row: usize, name: &str, digest: Cell) -> Self {
        let mut cell = |part: &str| k.cell(&format!("{name}.{part}"), row);
        Self {
            first: cell("first"),
            second: cell("second"),
            capacity: cell("capacity"),
            digest,
        }
    }
    /// Writes the state and the digest.
    pub(super) fn cells(&self) -> [Cell; 4] {
        [self.first, self.second, self.capacity, self.digest]
    }
}

/// Cells of `tree.record`.
#[derive(Clone, Debug)]
pub struct RecordCells {
    /// 1 for an account, 0 for a storage slot.
    pub(super) is_account: Cell,
    /// The account's address.
    pub(super) address: Cell,
    /// Values 1 to 7 of the token made. Account: nonce, balance halves, code, 0, 0, 0. Slot: 0, value halves, slot halves,
    /// value halves.
    pub(super) before: [Cell; 7],
    /// Values 1 to 8 of the token consumed.
    pub(super) after: [Cell; 8],
    /// Whether the key has a leaf before.
    pub(super) present_before: Cell,
    /// Whether it has one after.
    pub(super) present_after: Cell,
    /// Inverse of the new value's difference to that of an empty record, 0 if there is none.
    pub(super) inverse: Cell,
    /// The key.
    pub(super) key: Digest,
    /// The leaf's value before.
    pub(super) value_before: Digest,
    /// The leaf's value after.
    pub(super) value_after: Digest,
    /// Hash of the leaf before, 0 if there is none.
    pub(super) leaf_before: Cell,
    /// Hash of the leaf after, 0 if there is none.
    pub(super) leaf_after: Cell,
    /// The key's bits below the path's end.
    pub(super) rest: Number,
    /// The same as a field element.
    pub(super) rest_value: Cell,
    /// Its high half.
    pub(super) rest_high: Cell,
    /// Limbs of an account's balance's high half; 0 for a slot.
    pub(super) balance: Vec<Cell>,
    /// Four times the top one of them.
    pub(super) balance_top: Cell,
    /// Limbs of an account's nonce; 0 for a slot.
    pub(super) nonce: Vec<Cell>,
}

impl RecordCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let rest = Number::declare(k, "rest", range);
        let balance = k.lookups("balance", 0, range, LIMBS);
        let nonce = k.lookups("nonce", 1, range, 5);
        let balance_top = k.lookup("balance.top", 1, range);
        // Handed on, in the order of `Handed`: leaf, leaf, rest, (unused), key, present, present, high half of rest.
        let leaf_before = k.cell("leaf before", 1);
        let leaf_after = k.cell("leaf after", 1);
        let rest_value = k.cell("rest", 1);
        let inverse = k.cell("inverse", 1);
        let key = k.cell("key", 1);
        let present_after = k.boolean("present after", 1);
        let present_before = k.boolean("present before", 1);
        let rest_high = k.cell("rest high", 1);
        let value_before = k.cell("value before", 0);
        let value_after = k.cell("value after", 0);
        Self {
            is_account: k.boolean("is account", 0),
            address: k.cell("address", 0),
            before: [0, 1, 2, 3, 4, 5, 6]
                .map(|i| k.cell(&format!("before.{i}"), usize::from(i == 6))),
            after: [0, 1, 2, 3, 4, 5, 6, 7].map(|i| k.cell(&format!("after.{i}"), 0)),
            present_before,
            present_after,
            inverse,
            key: Digest::declare(k, 1, "key", key),
            value_before: Digest::declare(k, 1, "value before", value_before),
            value_after: Digest::declare(k, 1, "value after", value_after),
            leaf_before,
            leaf_after,
            rest,
            rest_value,
            rest_high,
            balance,
            balance_top,
            nonce,
        }
    }
}

/// Cells of `tree.end`: all 76 of its two rows.
#[derive(Clone, Debug)]
pub struct EndCells {
    /// Handed to the level above; its `bits` column holds `join`.
    pub(super) handed: Handed,
    /// `weight - 1 - rest` of the key.
    pub(super) slack: Number,
    /// Bits of the other leaf's key below the join.
    pub(super) other_rest: Number,
    /// `weight - 1 - other_rest`.
    pub(super) other_slack: Number,
    /// Left part of the other node's preimage: its key, or its left child.
    pub(super) left: Cell,
    /// Right part: its value, or its right child.
    pub(super) right: Cell,
    /// The other node's hash.
    pub(super) node: Cell,
    /// The key is absent because another leaf is at its path's end.
    pub(super) other: Cell,
    /// The key is deleted and its sibling is an inner node.
    pub(super) drop: Cell,
    /// The key is deleted and was the only one.
    pub(super) clear: Cell,
    /// Whether `weight >= 2^130`.
    pub(super) heavy: Cell,
    /// Inverse of the difference of the two keys, for `other`.
    pub(super) inverse: Cell,
}

impl EndCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let slack = Number::declare(k, "slack", range);
        let other_rest = Number::declare(k, "other rest", range);
        let other_slack = Number::declare(k, "other slack", range);
        Self {
            handed: Handed::declare(k, 1),
            slack,
            other_rest,
            other_slack,
            left: k.cell("left", 0),
            right: k.cell("right", 0),
            node: k.cell("node", 0),
            other: k.boolean("other", 0),
            drop: k.boolean("drop", 0),
            clear: k.boolean("clear", 0),
            heavy: k.boolean("heavy", 0),
            inverse: k.cell("inverse", 0),
        }
    }
    /// A leaf is joined with, or separated from, the other one.
    pub(super) fn join(&self) -> Cell {
        self.handed.bits
    }
}

/// Cells of `tree.level`.
#[derive(Clone, Debug)]
pub struct LevelCells {
    /// Handed to the level above; `mode` is 1 if both sides have this level, 0 if only the longer one has.
    pub(super) handed: Handed,
    /// The key's bit: 1 goes right.
    pub(super) bit: Cell,
    /// This level joins two leaves.
    pub(super) join: Cell,
    /// The new side loses its only leaf below this level.
    pub(super) drop: Cell,
    /// Both sides have the level below.
    pub(super) common: Cell,
    /// Hash of the sibling.
    pub(super) sibling: Cell,
    /// Inverse of the sibling on the deepest common level above a lifted leaf, else 0.
    pub(super) inverse: Cell,
    /// Left child on the longer side.
    pub(super) long_left: Cell,
    /// The short side's hash below, 0 where it is dropped.
    pub(super) below: Cell,
    /// Left child on the short side.
    pub(super) short_left: Cell,
}

impl LevelCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>) -> Self {
        Self {
            handed: Handed::declare(k, 0),
            bit: k.boolean("bit", 0),
            join: k.boolean("join", 0),
            drop: k.boolean("drop", 0),
            common: k.boolean("common", 0),
            sibling: k.cell("sibling", 0),
            inverse: k.cell("inverse", 0),
            long_left: k.cell("long left", 0),
            below: k.cell("below", 0),
            short_left: k.cell("short left", 0),
        }
    }
}

/// Cells of `tree.root`.
#[derive(Clone, Debug)]
pub struct RootCells {
    /// Copied from above, for a second row of this kind; `mode` is 1.
    pub(super) handed: Handed,
    /// The previous key.
    pub(super) previous: Number,
    /// `key - previous - 1`.
    pub(super) step: Number,
    /// `p - 1 - key`.
    pub(super) slack: Number,
    /// `64 - top limb of slack` if the path's top bit is 1, else 0.
    pub(super) top: Cell,
    /// Carry from the low halves, 0 to 2.
    pub(super) carry: Cell,
    /// The key's bit on the top level.
    pub(super) bit: Cell,
    /// The other key's bit on the top level.
    pub(super) other_bit: Cell,
    /// 1 if this row checks the other leaf's key, 0 if it ends the run.
    pub(super) checks_other: Cell,
    /// The old root, or the other leaf's key.
    pub(super) first: Cell,
    /// The run's number, or the other leaf's value.
    pub(super) second: Cell,
}

impl RootCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let previous = Number::declare(k, "previous", range);
        let step = Number::declare(k, "step", range);
        let slack = Number::declare(k, "slack", range);
        let top = k.lookup("top", 0, range);
        Self {
            handed: Handed::declare(k, 1),
            previous,
            step,
            slack,
            top,
            carry: k.cell("carry", 0),
            bit: k.boolean("bit", 0),
            other_bit: k.boolean("other bit", 0),
            checks_other: k.boolean("checks other", 0),
            first: k.cell("first", 0),
            second: k.cell("second", 0),
        }
    }
}

/// `p - 2` in halves.
pub(super) fn modulus_minus_two() -> (Fr, Fr) {
    super::trace::halves(-Fr::from(2))
}
