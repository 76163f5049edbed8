//! Cells of the three kinds of `cpu` row.

use super::isa::{DEPTH_AT, DEPTH_BITS, FIELD_BITS, GAS_AT, Op};
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

/// Limbs of a gap between addresses: 65 bits.
pub(super) const GAP_LIMBS: usize = 5;

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

/// The EVM's registers in 13-bit limbs; all 0 in an instruction that is none of the EVM's.
#[derive(Clone, Copy, Debug)]
pub struct RegisterCells {
    /// Program counter.
    pub pc: [Cell; 2],
    /// Words on the stack.
    pub depth: Cell,
    /// How many more there may be.
    pub room: Cell,
    /// Number of the frame.
    pub frame: [Cell; 2],
    /// Gas left.
    pub gas: [Cell; 2],
}

/// A number of two 13-bit limbs, least significant first.
fn two(limbs: [Cell; 2]) -> Expr {
    limbs[0] + limbs[1] * (1 << 13)
}

impl RegisterCells {
    fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let mut one = |name: &str| k.lookup(name, 1, range);
        let [depth, room] = [one("depth"), one("room")];
        let mut pair = |name: &str| [0, 1].map(|i| k.lookup(&format!("{name}.{i}"), 1, range));
        Self {
            pc: pair("pc"),
            depth,
            room,
            frame: pair("frame"),
            gas: pair("gas"),
        }
    }
    /// The program counter.
    pub(super) fn pc(&self) -> Expr {
        two(self.pc)
    }
    /// Address of the first word of the stack that does not exist.
    pub(super) fn stack(&self) -> Expr {
        self.depth + two(self.frame) * pow2(DEPTH_BITS)
    }
    /// The low half of the register word.
    pub(super) fn packed(&self) -> Expr {
        self.pc() + self.stack() * pow2(DEPTH_AT) + two(self.gas) * pow2(GAS_AT)
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
    /// Address of the next instruction, but for the opcode that is read.
    pub next: Cell,
    /// Immediate.
    pub imm: Cell,
    /// Number of the service's bus, 0 without one.
    pub bus: Cell,
    /// The service's code.
    pub code: Cell,
    /// How far the next opcode is.
    pub advance: Cell,
    /// Control bits.
    pub controls: Vec<Cell>,
    /// Addresses of A, B, C, D as the ROM has them.
    pub addresses: [Cell; 4],
    /// Address of A.
    pub at_a: Cell,
    /// Where A is made anew: at B's address if they change places.
    pub to_a: Cell,
    /// Address of B.
    pub at_b: Cell,
    /// Address of D.
    pub at_d: Cell,
    /// Address of the word at D before, or of the next opcode.
    pub at_old: Cell,
    /// Number of the code that A is read from, 0 if it is a word.
    pub data_of: Cell,
    /// Number of the code that the next opcode is read from, 0 if none is.
    pub fetch_of: Cell,
    /// Operand A.
    pub a: WordCells,
    /// Operand B, the immediate added.
    pub b: WordCells,
    /// Low half of the word at B.
    pub stored: Cell,
    /// Operand C.
    pub c: WordCells,
    /// What the service sees of it.
    pub shown: WordCells,
    /// What the service adds to C's low half.
    pub step: Cell,
    /// How far the EVM's registers advance.
    pub advanced: Cell,
    /// The service's result, or a hint.
    pub result: WordCells,
    /// Operand D.
    pub d: WordCells,
    /// The word at D before, or the next opcode.
    pub old: WordCells,
    /// 1 if the next opcode cannot begin.
    pub fault: Cell,
    /// Ages of A, B, C, and of the word at D before.
    pub ages: [Age; 4],
    /// The EVM's registers.
    pub registers: RegisterCells,
}

impl OpCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, narrow: usize, range: TableId) -> Self {
        let (upc, clock) = link_columns(narrow);
        let (upc, clock) = (k.cell_at("upc", upc), k.cell_at("clock", clock));
        let bus = k.lookup("bus", 0, range);
        let code = k.lookup("code", 0, range);
        let advance = k.lookup("advance", 0, range);
        let addresses = [("a", 0), ("b", 1), ("c", 1), ("d", 1)]
            .map(|(name, row)| k.lookup(&format!("address.{name}"), row, range));
        let ages = [("a", 0), ("b", 1), ("c", 1), ("old", 1)]
            .map(|(name, row)| Age::declare(k, name, row, range));
        let registers = RegisterCells::declare(k, range);
        let controls = Op::ALL
            .iter()
            .map(|op| k.bit(&format!("{op:?}"), 0))
            .collect();
        let fault = k.bit("fault", 0);
        Self {
            upc,
            clock,
            clock_below: k.cell("clock below", 1),
            bus,
            code,
            advance,
            addresses,
            ages,
            registers,
            controls,
            fault,
            a: WordCells::declare(k, "a", 0),
            at_a: k.cell("at a", 0),
            to_a: k.cell("to a", 0),
            b: WordCells::declare(k, "b", 1),
            d: WordCells::declare(k, "d", 1),
            c: WordCells::declare(k, "c", 1),
            step: k.cell("step", 1),
            old: WordCells::declare(k, "old", 1),
            imm: k.cell("imm", 1),
            next: k.cell("next", 0),
            at_b: k.cell("at b", 1),
            at_d: k.cell("at d", 1),
            at_old: k.cell("at old", 1),
            data_of: k.cell("data of", 0),
            fetch_of: k.cell("fetch of", 1),
            stored: k.cell("stored", 1),
            shown: WordCells::declare(k, "shown", 1),
            advanced: k.cell("advanced", 1),
            result: WordCells::declare(k, "result", 1),
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

    /// Control bits, code, bus and advance as the ROM has them.
    pub(super) fn packed_controls(&self) -> Expr {
        let bits = self.controls.len() as u32;
        let fields = [&self.code, &self.bus, &self.advance];
        let fields = (0..).zip(fields).map(|(i, c)| (bits + FIELD_BITS * i, c));
        let weights = (0u32..).zip(&self.controls).chain(fields);
        lin(weights.map(|(at, c)| (pow2(at), c)))
    }
}

/// Cells of a `word` row.
#[derive(Clone, Debug)]
pub struct InitialCells {
    /// Address of the word.
    pub address: Cell,
    /// [`super::isa::FIRST_CLOCK`] for a scratch word, [`super::isa::TICKS`] more for a far one.
    pub clock: Cell,
    /// How many far words are left out before the next one.
    pub gap: Vec<Cell>,
    /// 1 if the first far word is below.
    pub far_begins: Cell,
    /// 1 if the first instruction is below.
    pub last_word: Cell,
    /// What the word begins with.
    pub initial: WordCells,
    /// What it ends with.
    pub last: WordCells,
    /// When that was written or read last.
    pub time: Cell,
}

impl InitialCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, narrow: usize, range: TableId) -> Self {
        let (address, clock) = link_columns(narrow);
        Self {
            address: k.cell_at("address", address),
            clock: k.cell_at("clock", clock),
            gap: k.lookups("gap", 0, range, GAP_LIMBS),
            far_begins: k.bit("far begins", 0),
            last_word: k.bit("last word", 0),
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
    /// What the program says of an account's mark, or whether a slot's word is the original one from now on.
    pub told: Cell,
    /// Value 5 after: an account's mark.
    pub touched: Cell,
    /// 1 if values 6 and 7 become what 2 and 3 were.
    pub fresh: Cell,
    /// Values 6 and 7 after.
    pub original: WordCells,
    /// The stamp of the access.
    pub now: Cell,
}

impl RecordCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            age: Age::declare(k, "record", 0, range),
            record: k.cells("record", 0, 8),
            after: k.cells("after", 0, 3),
            told: k.cell("told", 0),
            touched: k.cell("touched", 0),
            fresh: k.cell("fresh", 0),
            original: WordCells::declare(k, "original", 0),
            now: k.cell("now", 0),
            slot: k.bit("slot", 0),
        }
    }
}
