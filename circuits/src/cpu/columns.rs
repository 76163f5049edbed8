//! Cells of the three kinds of `cpu` row.

use super::isa::{FIELD_BITS, Op};
use crate::framework::{Cell, Expr, KindBuilder, TableId, lin, pow2};

/// Where the registers that link consecutive rows live: the first narrow column, looked up on `cpu.word` rows, and the first
/// value column.
fn link_columns(narrow: usize) -> (Cell, Cell) {
    let head = |column: usize| Cell {
        column: column as u16,
        row: 0,
    };
    (head(0), head(narrow))
}

/// A 256-bit word in two halves.
#[derive(Clone, Copy, Debug)]
pub struct WordCells {
    /// High 128 bits.
    pub hi: Cell,
    /// Low 128 bits.
    pub lo: Cell,
}

impl WordCells {
    fn declare(k: &mut KindBuilder<'_>, name: &str, row: usize) -> Self {
        Self {
            hi: k.cell(&format!("{name}.hi"), row),
            lo: k.cell(&format!("{name}.lo"), row),
        }
    }
}

/// An age: `now - 1 - time`, in two 13-bit limbs.
#[derive(Clone, Copy, Debug)]
pub struct Age(pub [Cell; 2]);

impl Age {
    fn declare(k: &mut KindBuilder<'_>, name: &str, row: usize, range: TableId) -> Self {
        let c = k.lookups(&format!("{name}.age"), row, range, 2);
        Self([c[0], c[1]])
    }
    /// The age as an expression.
    pub(super) fn expr(&self) -> Expr {
        self.0[0] + self.0[1] * (1 << 13)
    }
}

/// Cells of an `op` row.
#[derive(Clone, Debug)]
pub struct OpCells {
    /// Address of the instruction.
    pub upc: Cell,
    /// Time of operand A; B, C, D follow one tick apart.
    pub clock: Cell,
    /// The same on the second physical row, for the messages there.
    pub clock_below: Cell,
    /// Address of the next instruction.
    pub next: Cell,
    /// Immediate.
    pub imm: Cell,
    /// Number of the service's bus, 0 without one.
    pub bus: Cell,
    /// The service's code.
    pub code: Cell,
    /// Control bits.
    pub controls: Vec<Cell>,
    /// Addresses of A, B, C, D.
    pub addresses: [Cell; 4],
    /// Operand A.
    pub a: WordCells,
    /// Operand B, the immediate added.
    pub b: WordCells,
    /// Operand C.
    pub c: WordCells,
    /// What is added to C's low half.
    pub step: Cell,
    /// Operand D.
    pub d: WordCells,
    /// The word at D before.
    pub old: WordCells,
    /// Ages of A, B, C, and of the word at D before.
    pub ages: [Age; 4],
}

impl OpCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, narrow: usize, range: TableId) -> Self {
        let (upc, clock) = link_columns(narrow);
        let (upc, clock) = (k.cell_at("upc", upc), k.cell_at("clock", clock));
        Self {
            upc,
            clock,
            clock_below: k.cell("clock below", 1),
            bus: k.lookup("bus", 0, range),
            code: k.lookup("code", 0, range),
            addresses: [("a", 0), ("b", 1), ("c", 1), ("d", 1)]
                .map(|(name, row)| k.lookup(&format!("address.{name}"), row, range)),
            ages: [("a", 0), ("b", 1), ("c", 1), ("old", 1)]
                .map(|(name, row)| Age::declare(k, name, row, range)),
            a: WordCells::declare(k, "a", 0),
            next: k.cell("next", 0),
            b: WordCells::declare(k, "b", 1),
            d: WordCells::declare(k, "d", 1),
            c: WordCells::declare(k, "c", 1),
            step: k.cell("step", 1),
            old: WordCells::declare(k, "old", 1),
            imm: k.cell("imm", 1),
            controls: Op::ALL
                .iter()
                .map(|op| k.bit(&format!("{op:?}"), 0))
                .collect(),
        }
    }

    /// The cell of a control bit.
    pub fn on(&self, op: Op) -> Cell {
        self.controls[op as usize]
    }

    /// The four addresses as the ROM has them.
    pub(super) fn packed_addresses(&self) -> Expr {
        lin((0u32..)
            .zip(&self.addresses)
            .map(|(i, c)| (pow2(FIELD_BITS * i), c)))
    }

    /// Control bits, code and bus as the ROM has them.
    pub(super) fn packed_controls(&self) -> Expr {
        let bits = self.controls.len() as u32;
        let fields = [(bits, &self.code), (bits + FIELD_BITS, &self.bus)];
        let weights = (0u32..).zip(&self.controls).chain(fields);
        lin(weights.map(|(at, c)| (pow2(at), c)))
    }
}

/// Cells of a `word` row.
#[derive(Clone, Debug)]
pub struct InitialCells {
    /// Address of the scratch word.
    pub address: Cell,
    /// The first instruction's clock.
    pub clock: Cell,
    /// What the word begins with.
    pub initial: WordCells,
    /// What it ends with.
    pub last: WordCells,
    /// When that was written or read last.
    pub time: Cell,
}

impl InitialCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, narrow: usize, addresses: TableId) -> Self {
        let address = k.lookup("address", 0, addresses);
        let (upc, clock) = link_columns(narrow);
        assert_eq!(
            address, upc,
            "the address is the register of the instruction"
        );
        Self {
            address,
            clock: k.cell_at("clock", clock),
            initial: WordCells::declare(k, "initial", 0),
            last: WordCells::declare(k, "last", 0),
            time: k.cell("time", 0),
        }
    }
}

/// Cells of a `record` row.
#[derive(Clone, Debug)]
pub struct RecordCells {
    /// 1 for a slot, 0 for an account.
    pub slot: Cell,
    /// The record before, but for its time: values 0 to 7 at the places of the account and storage buses.
    pub record: Vec<Cell>,
    /// Its age.
    pub age: Age,
    /// Values 1 to 3 after.
    pub after: Vec<Cell>,
    /// The stamp of the access.
    pub now: Cell,
}

impl RecordCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            age: Age::declare(k, "record", 0, range),
            record: k.cells("record", 0, 8),
            after: k.cells("after", 0, 3),
            now: k.cell("now", 0),
            slot: k.bit("slot", 0),
        }
    }
}
