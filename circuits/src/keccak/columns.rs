//! Where the cells of each kind live.
//!
//! Lanes are placed in the same groups of five narrow columns in every kind, so that their sums are shared.

use super::{CHUNK, CHUNKS, digit};
use crate::{
    LAYOUT,
    framework::{Cell, Expr, KindBuilder, TableId, lin},
};

/// A sparse lane: five looked-up chunks of 13 digits, low to high.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane(pub(crate) [Cell; CHUNKS]);

impl Lane {
    /// Places a lane on the next five free narrow slots of a row.
    pub(super) fn place(k: &mut KindBuilder<'_>, name: &str, row: usize, sparse: TableId) -> Self {
        Self(std::array::from_fn(|i| {
            k.lookup(&format!("{name}.{i}"), row, sparse)
        }))
    }
    /// The number that the lowest `n` chunks make.
    pub(super) fn prefix(&self, n: usize) -> Expr {
        lin(self.0[..n]
            .iter()
            .enumerate()
            .map(|(i, c)| (digit((CHUNK * i) as u32), *c)))
    }
    /// The lane as a number in base 8.
    pub(super) fn expr(&self) -> Expr {
        self.prefix(CHUNKS)
    }
}

/// A value column's cell on physical row `row`; neighbours read these above and below.
fn value(column: usize, row: i8) -> Cell {
    Cell {
        column: (LAYOUT.narrow + column) as u16,
        row,
    }
}

/// One of the last three narrow columns, which neighbours read one row above.
fn edge(column: usize, row: i8) -> Cell {
    Cell {
        column: (LAYOUT.narrow - 3 + column) as u16,
        row,
    }
}

/// What a sponge row hands to the sponge row below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carry {
    /// Address of the row's lane: the time and the lane's number. 25 less where a state comes in.
    pub(crate) address: Cell,
    /// Row of the step's schedule, see [`super::tables::schedule`].
    pub(crate) code: Cell,
    /// 1 on the last row of a step.
    pub(crate) end: Cell,
    /// 1 once the padding's first byte is absorbed.
    pub(crate) padded: Cell,
    /// Index of the next group of the message.
    pub(crate) next: Cell,
    /// Column sums so far, turned by one column each row.
    pub(crate) sums: [Cell; 5],
    /// The byte stream.
    pub(crate) stream: Cell,
    /// Index of the group behind the last whole group.
    pub(crate) tail: Cell,
    /// The padded last group.
    pub(crate) pad: Cell,
}

impl Carry {
    fn place(k: &mut KindBuilder<'_>) -> Self {
        let mut at = |name: &str, cell| k.cell_at(name, cell);
        Self {
            address: at("address", value(0, 0)),
            code: at("code", value(1, 0)),
            end: at("end", value(2, 0)),
            padded: at("padded", value(3, 0)),
            next: at("next", value(4, 0)),
            sums: std::array::from_fn(|i| at(&format!("sum.{i}"), value(i, 1))),
            stream: at("stream", edge(0, 1)),
            tail: at("tail", edge(1, 1)),
            pad: at("pad", edge(2, 1)),
        }
    }
    /// The same cells of the row above.
    pub(super) fn above(&self) -> Self {
        let up = |c: Cell| c.shift(-2);
        Self {
            address: up(self.address),
            code: up(self.code),
            end: up(self.end),
            padded: up(self.padded),
            next: up(self.next),
            sums: self.sums.map(up),
            stream: up(self.stream),
            tail: up(self.tail),
            pad: up(self.pad),
        }
    }
}

/// Cells of `keccak.message`.
#[derive(Clone, Debug)]
pub(crate) struct MessageCells {
    pub(crate) carry: Carry,
    /// Limbs of 13 bits, low to high.
    pub(crate) stream: Vec<Cell>,
    pub(crate) start: Vec<Cell>,
    /// Whole groups of 8 bytes.
    pub(crate) whole: Vec<Cell>,
    pub(crate) blocks: Vec<Cell>,
    /// The last group's bytes that belong to the message, as a number.
    pub(crate) head: Vec<Cell>,
    /// The digest's four words.
    pub(crate) words: [Vec<Cell>; 4],
    /// Bytes of the last group.
    pub(crate) rest: Cell,
    /// Weight of the padding's first byte.
    pub(crate) weight: Cell,
    /// 1 if the last group has bytes.
    pub(crate) some: Cell,
    /// The last group.
    pub(crate) last: Cell,
    /// 1 to begin from a given state.
    pub(crate) import: Cell,
    /// 1 to end with a state.
    pub(crate) export: Cell,
}

impl MessageCells {
    pub(super) fn place(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let carry = Carry::place(k);
        let words =
            std::array::from_fn(|w| k.lookups(&format!("word.{w}"), 0, range, super::WORD_LIMBS));
        Self {
            carry,
            words,
            start: k.lookups("start", 0, range, super::START_LIMBS),
            whole: k.lookups("whole", 0, range, super::WHOLE_LIMBS),
            blocks: k.lookups("blocks", 0, range, super::BLOCK_LIMBS),
            head: k.lookups("head", 0, range, super::WORD_LIMBS),
            stream: k.lookups("stream limb", 1, range, super::STREAM_LIMBS),
            rest: k.cell("rest", 1),
            weight: k.cell("weight", 1),
            some: k.cell("some", 1),
            last: k.cell("last", 1),
            import: k.boolean("import", 1),
            export: k.boolean("export", 1),
        }
    }
}

/// Cells of `keccak.sponge`.
#[derive(Clone, Debug)]
pub(crate) struct SpongeCells {
    pub(crate) carry: Carry,
    /// The lane afterwards.
    pub(crate) after: Lane,
    /// What the lane before and the word's bits had in common.
    pub(crate) both: Lane,
    /// `byte + 2^96 spread(byte)`, byte 0 of the word first.
    pub(crate) joint: Vec<Cell>,
    /// `spread(byte)`.
    pub(crate) spread: Vec<Cell>,
    /// The capacity lane that this row passes on, if any.
    pub(crate) capacity: Cell,
    pub(crate) capacity_send: Cell,
    pub(crate) capacity_receive: Cell,
    /// Where whole states pass, the lane's number.
    pub(crate) place: Cell,
    /// 1 on the rows whose word is what their lane is: those of a digest or of a state that goes out.
    pub(crate) squeeze: Cell,
    /// 1 on the rows by which a state comes in.
    pub(crate) import: Cell,
    /// Index of the word's group in its byte stream.
    pub(crate) index: Cell,
    /// 1 unless the lane before is zero: in the first step, and where a state comes in.
    pub(crate) receive: Cell,
    /// 1 unless nothing is left of the lane: in the last step, and where a state goes out.
    pub(crate) send: Cell,
}

impl SpongeCells {
    pub(super) fn place(k: &mut KindBuilder<'_>, t: &super::Tables) -> Self {
        let carry = Carry::place(k);
        let after = Lane::place(k, "after", 0, t.sparse);
        let both = Lane::place(k, "both", 0, t.sparse);
        // `spread` lies in columns where `keccak.chi` has digits, with which it shares its sum.
        let mut joint = k.lookups("joint", 0, t.byte, 6);
        let spread = k.lookups("spread", 0, t.sparse8, 8);
        joint.extend(k.lookups("last joint", 0, t.byte, 2));
        Self {
            carry,
            after,
            both,
            joint,
            spread,
            capacity: k.cell_at("capacity", edge(0, 0)),
            capacity_send: k.cell_at("capacity send", edge(1, 0)),
            send: k.cell_at("send", edge(2, 0)),
            capacity_receive: k.cell("capacity receive", 0),
            receive: k.cell("receive", 0),
            index: k.cell("index", 0),
            place: k.cell("place", 1),
            squeeze: k.cell("squeeze", 1),
            import: k.cell("import", 1),
        }
    }
}

/// Cells of `keccak.parity`.
#[derive(Clone, Debug)]
pub(crate) struct ParityCells {
    /// Bits of weight 1 of the column sums; digit 63 is in `top`.
    pub(crate) low: [Lane; 5],
    /// Bits of weight 2.
    pub(crate) middle: [Lane; 5],
    /// Bits of weight 4; `keccak.theta` shows that they are sparse.
    pub(crate) high: [Cell; 5],
    /// Digit 63 of the column parities.
    pub(crate) top: [Cell; 5],
    /// The last chunk of `low`, two digits up.
    pub(crate) short: [Cell; 5],
    /// Sums of theta, by column.
    pub(crate) theta: [Cell; 5],
    /// What the permutation's addresses begin from.
    pub(crate) base: Cell,
    /// The round, see [`super::parity_code`].
    pub(crate) code: Cell,
}

impl ParityCells {
    pub(super) fn place(k: &mut KindBuilder<'_>, t: &super::Tables) -> Self {
        let low = std::array::from_fn(|x| Lane::place(k, &format!("low.{x}"), 0, t.sparse));
        let middle = std::array::from_fn(|x| {
            Lane::place(k, &format!("middle.{x}"), usize::from(x > 0), t.sparse)
        });
        let short =
            std::array::from_fn(|x| k.lookup(&format!("short.{x}"), usize::from(x > 2), t.sparse));
        Self {
            low,
            middle,
            short,
            theta: std::array::from_fn(|x| k.cell_at(&format!("theta.{x}"), value(x, 1))),
            base: k.cell("base", 1),
            code: k.cell("code", 1),
            top: std::array::from_fn(|x| k.boolean(&format!("top.{x}"), 1)),
            high: std::array::from_fn(|x| k.cell(&format!("high.{x}"), usize::from(x > 2))),
        }
    }
}

/// Cells of `keccak.theta`.
#[derive(Clone, Debug)]
pub(crate) struct ThetaCells {
    /// The lanes after theta, by column.
    pub(crate) even: [Lane; 5],
    /// Bits of weight 2 of the sums.
    pub(crate) odd: [Lane; 5],
    /// Bits of the column sum of weight 4 that this row shows to be sparse.
    pub(crate) high: Lane,
    /// The low part of the chunk that the rotation cuts, moved to the top of 13 digits.
    pub(crate) cut: [Cell; 5],
    /// Bits of weight 4 of the sum of column 0's lane, where a round constant may have a bit.
    pub(crate) carry: [Cell; 4],
    /// Sums of theta, by column.
    pub(crate) theta: [Cell; 5],
    /// What the permutation's addresses begin from.
    pub(crate) base: Cell,
    /// Thermometer: the row's step is at least 1, 2, 3, 4.
    pub(crate) at_least: [Cell; 4],
    /// The round and its step, see [`super::plane_code`].
    pub(crate) code: Cell,
    /// 0 on the permutation's last step.
    pub(crate) keep: Cell,
}

impl ThetaCells {
    pub(super) fn place(k: &mut KindBuilder<'_>, t: &super::Tables) -> Self {
        let row = |j: usize| usize::from(j > 2);
        let even = std::array::from_fn(|j| Lane::place(k, &format!("even.{j}"), row(j), t.sparse));
        let odd = std::array::from_fn(|j| Lane::place(k, &format!("odd.{j}"), row(j), t.sparse));
        Self {
            even,
            odd,
            high: Lane::place(k, "high", 1, t.sparse),
            cut: std::array::from_fn(|j| k.lookup(&format!("cut.{j}"), row(j), t.sparse)),
            carry: std::array::from_fn(|i| k.lookup(&format!("carry.{i}"), 1, t.sparse)),
            theta: std::array::from_fn(|j| k.cell_at(&format!("theta.{j}"), value(j, 0))),
            base: k.cell_at("base", value(0, 1)),
            at_least: std::array::from_fn(|i| {
                k.cell_at(&format!("at least {}", i + 1), value(i + 1, 1))
            }),
            code: k.cell_at("code", edge(2, 1)),
            keep: k.cell_at("keep", edge(1, 1)),
        }
    }
}

/// Cells of `keccak.chi`.
#[derive(Clone, Debug)]
pub(crate) struct ChiCells {
    /// The plane's lanes after rho and pi, turned by as many places as the step's number.
    pub(crate) before: [Cell; 5],
    /// Its lanes after chi, in the same places.
    pub(crate) after: [Lane; 5],
    /// What is left of the sums: 8 chunks of 8 digits 0, 1 or 4 for each lane.
    pub(crate) rest: [Vec<Cell>; 5],
    /// Column sums of the planes before, in the same places.
    pub(crate) sums: [Cell; 5],
    /// The round constant on the plane that gets one, otherwise 0.
    pub(crate) constant: Cell,
}

impl ChiCells {
    pub(super) fn place(k: &mut KindBuilder<'_>, t: &super::Tables) -> Self {
        let after = std::array::from_fn(|x| Lane::place(k, &format!("after.{x}"), 1, t.sparse));
        Self {
            after,
            rest: std::array::from_fn(|x| {
                k.lookups(&format!("rest.{x}"), usize::from(x == 4), t.rest, 8)
            }),
            before: std::array::from_fn(|x| k.cell_at(&format!("before.{x}"), value(x, 0))),
            sums: std::array::from_fn(|x| k.cell_at(&format!("sum.{x}"), value(x, 1))),
            constant: k.cell_at("constant", edge(2, 0)),
        }
    }
    /// [`Self::before`] and [`Self::constant`] as the theta row above sees them.
    pub(super) fn from_above() -> ([Cell; 5], Cell) {
        (std::array::from_fn(|x| value(x, 2)), edge(2, 2))
    }
}
