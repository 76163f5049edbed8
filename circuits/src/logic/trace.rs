//! The operations, and the rows that prove them.

use super::{LogicChip, columns::*};
use crate::{
    Fr,
    framework::{pow2, trace::Trace},
    limbs::split,
};
use alloy_primitives::U256;
use protocol::field::split_word;
use std::collections::{BTreeMap, BTreeSet};

/// What is done with each pair of bits; its number is the code of the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Both are set.
    And = 0,
    /// One at least is set.
    Or = 1,
    /// Exactly one is set.
    Xor = 2,
}

impl Code {
    /// The result, for numbers of any width.
    fn apply(self, a: U256, b: U256) -> U256 {
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
        }
    }
}

/// One operation on 256-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// Which one.
    pub code: Code,
    /// First operand.
    pub a: U256,
    /// Second operand.
    pub b: U256,
}

impl Operation {
    /// The result.
    #[must_use]
    pub fn result(&self) -> U256 {
        self.code.apply(self.a, self.b)
    }
    /// The same operation on the bits from `low` on, `bits` of them.
    fn part(&self, low: u32, bits: u32) -> Self {
        let mask = (U256::from(1) << bits) - U256::from(1);
        let cut = |v: U256| (v >> low) & mask;
        Self {
            code: self.code,
            a: cut(self.a),
            b: cut(self.b),
        }
    }
    /// High and low half of a word.
    fn halves(&self) -> [Self; 2] {
        [self.part(128, 128), self.part(0, 128)]
    }
    /// High and low piece of a half.
    fn pieces(&self) -> [Self; 2] {
        [self.part(PIECE_BITS, PIECE_BITS), self.part(0, PIECE_BITS)]
    }
}

/// One row: its own piece, the one below it in its half, and the half below that in its word.
struct Row {
    piece: Operation,
    low_piece: Operation,
    low_half: Operation,
}

impl Row {
    /// The row that offers a half, and with `low` the word.
    fn of(half: Operation, low: Operation) -> Self {
        let [piece, low_piece] = half.pieces();
        Self {
            piece,
            low_piece,
            low_half: low,
        }
    }
}

/// The rows for some operations: one for each word, one for each half that no word has as its upper one, and one for each time
/// that a lower piece is no row's own.
fn plan(operations: impl IntoIterator<Item = Operation>) -> Vec<Row> {
    let words: BTreeSet<Operation> = operations.into_iter().collect();
    let halves: Vec<[Operation; 2]> = words.iter().map(Operation::halves).collect();
    let mut rows: Vec<Row> = halves
        .iter()
        .map(|[high, low]| Row::of(*high, *low))
        .collect();
    let offered: BTreeSet<Operation> = halves.iter().map(|h| h[0]).collect();
    let wanted: BTreeSet<Operation> = halves.iter().map(|h| h[1]).collect();
    // Where no word is wanted, a row takes its own half.
    rows.extend(
        wanted
            .difference(&offered)
            .map(|half| Row::of(*half, *half)),
    );
    // How many more rows have a piece as their own than take it.
    let mut left: BTreeMap<Operation, i64> = BTreeMap::new();
    for row in &rows {
        *left.entry(row.piece).or_default() += 1;
        *left.entry(row.low_piece).or_default() -= 1;
    }
    let times = |piece: &Operation, n: i64| std::iter::repeat_n(*piece, n.max(0) as usize);
    let missing = left.iter().flat_map(|(piece, n)| times(piece, -n));
    let spare = left.iter().flat_map(|(piece, n)| times(piece, *n));
    // Each code's rows have as many pieces of their own as they take, so what is spare goes to the rows of what is missing.
    let alone = missing.zip(spare).map(|(piece, low)| {
        let join = |high: U256, low: U256| low | (high << PIECE_BITS);
        let half = Operation {
            code: piece.code,
            a: join(piece.a, low.a),
            b: join(piece.b, low.b),
        };
        Row::of(half, half)
    });
    rows.extend(alone);
    rows
}

/// Number of rows that prove some operations.
pub fn rows(operations: impl IntoIterator<Item = Operation>) -> usize {
    plan(operations).len()
}

/// A number below 2^130 as a field element.
fn element(v: U256) -> Fr {
    let (high, low) = split_word(v);
    high * pow2(128) + low
}

impl LogicChip {
    /// Appends the rows that prove the operations.
    pub fn trace(&self, trace: &mut Trace<'_>, operations: impl IntoIterator<Item = Operation>) {
        for row in plan(operations) {
            self.push(trace, &row);
        }
    }

    fn push(&self, trace: &mut Trace<'_>, row: &Row) {
        let c = &self.columns;
        let own = &row.piece;
        let digit = |v: U256, i: usize| -> u64 {
            let digit = (v >> (DIGIT_BITS as usize * i)) & U256::from((1 << DIGIT_BITS) - 1);
            digit.to()
        };
        let triple = |o: &Operation| [o.a, o.b, o.result()].map(element);
        trace
            .push(self.kind)
            .set_all(
                &c.digits,
                (0..DIGITS).map(|i| digit_entry(digit(own.a, i), digit(own.b, i))),
            )
            .set_all(&c.limbs[0], split(own.a, LIMBS))
            .set_all(&c.limbs[1], split(own.b, LIMBS))
            .set_all(&c.limbs[2], split(own.a & own.b, LIMBS))
            .set(c.code, own.code as u64)
            .set(c.result, element(own.result()))
            .set_all(&c.piece.cells(), triple(&row.low_piece))
            .set_all(&c.half.cells(), triple(&row.low_half));
    }
}
