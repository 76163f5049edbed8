//! Cells of the two kinds of `cpu` row.

use super::isa::{Op, StateOp};
use crate::{
    Fr,
    framework::{Bus, Cell, Expr, KindBuilder, TableId, trace::Row},
};
use ff::Field;

/// Where the registers that link consecutive rows live: the first two value columns of the head row.
pub(crate) fn link_columns(narrow: usize) -> (Cell, Cell) {
    (
        Cell {
            column: narrow as u16,
            row: 0,
        },
        Cell {
            column: narrow as u16 + 1,
            row: 0,
        },
    )
}

/// A 256-bit word in two halves.
#[derive(Clone, Copy, Debug)]
pub struct WordCells {
    /// High 128 bits.
    pub hi: Cell,
    /// Low 128 bits.
    pub lo: Cell,
}

/// An age: `now - 1 - time`, in two 13-bit limbs.
#[derive(Clone, Copy, Debug)]
pub struct Age(pub [Cell; 2]);

impl Age {
    /// The age as an expression.
    pub(crate) fn expr(&self) -> Expr {
        self.0[0] + self.0[1] * (1 << 13)
    }
}

pub(crate) fn word(k: &mut KindBuilder<'_>, name: &str, row: usize) -> WordCells {
    WordCells {
        hi: k.cell(&format!("{name}.hi"), row),
        lo: k.cell(&format!("{name}.lo"), row),
    }
}

pub(crate) fn age(k: &mut KindBuilder<'_>, name: &str, row: usize, range: TableId) -> Age {
    let c = k.lookups(&format!("{name}.age"), row, range, 2);
    Age([c[0], c[1]])
}

/// Bus number and multiplicity of a message that control bits switch.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// Number of the bus; 0 when off.
    pub bus: Cell,
    /// 1 for a token that is made, -1 for what is taken, 0 when off.
    pub count: Cell,
}

impl Switch {
    pub(crate) fn declare(k: &mut KindBuilder<'_>, name: &str, row: usize) -> Self {
        Self {
            bus: k.cell(&format!("{name}.bus"), row),
            count: k.cell(&format!("{name}.count"), row),
        }
    }

    /// Sends `values` where one of the choices is on: (control, bus, whether it is made).
    pub(crate) fn send(
        self,
        k: &mut KindBuilder<'_>,
        name: &str,
        choices: &[(Expr, Bus, bool)],
        values: Vec<Expr>,
    ) {
        let (bus, count) = self.expected(choices);
        k.equal(&format!("{name}: bus"), self.bus, bus);
        k.equal(&format!("{name}: count"), self.count, count);
        let buses: Vec<Bus> = choices.iter().map(|c| c.1).collect();
        k.switched(self.bus, self.count, &buses, values);
    }

    fn expected(self, choices: &[(Expr, Bus, bool)]) -> (Expr, Expr) {
        let sum = |f: &dyn Fn(&(Expr, Bus, bool)) -> Expr| choices.iter().map(f).sum::<Expr>();
        (
            sum(&|(on, bus, _)| on * Fr::from(bus.number())),
            sum(&|(on, _, made)| if *made { on.clone() } else { -on }),
        )
    }

    /// The cells' values when `bus` is chosen.
    pub(crate) fn fill(self, row: &mut Row<'_>, bus: Bus, made: bool) {
        row.set(self.bus, bus.number())
            .set(self.count, if made { Fr::ONE } else { -Fr::ONE });
    }
}

/// Cells common to both kinds.
#[derive(Clone, Debug)]
pub struct Common {
    /// Address of the instruction.
    pub upc: Cell,
    /// Time of operand A; B, C, D follow one tick apart.
    pub clock: Cell,
    /// The same on the second physical row, for the messages there.
    pub clock_below: Cell,
    /// Immediate.
    pub imm: Cell,
    /// Addresses of A, B, D.
    pub address: [Cell; 3],
    /// Operand A and its age.
    pub a: (WordCells, Age),
    /// Operand B and its age.
    pub b: (WordCells, Age),
    /// Operand D.
    pub d: WordCells,
    /// The word at D before, and its age.
    pub old: (WordCells, Age),
}

impl Common {
    pub(crate) fn declare(k: &mut KindBuilder<'_>, narrow: usize, range: TableId) -> Self {
        let (upc, clock) = link_columns(narrow);
        Self {
            upc: k.cell_at("upc", upc),
            clock: k.cell_at("clock", clock),
            clock_below: k.cell("clock below", 1),
            imm: k.cell("imm", 0),
            address: [
                k.cell("address.a", 0),
                k.cell("address.b", 0),
                k.cell("address.d", 1),
            ],
            a: (word(k, "a", 0), age(k, "a", 0, range)),
            b: (word(k, "b", 0), age(k, "b", 0, range)),
            d: word(k, "d", 1),
            old: (word(k, "old", 1), age(k, "old", 1, range)),
        }
    }
}

/// Cells of an `op` row.
#[derive(Clone, Debug)]
pub struct OpCells {
    /// What both kinds have.
    pub common: Common,
    /// Control bits.
    pub controls: Vec<Cell>,
    /// Address of C.
    pub address_c: Cell,
    /// Operand C before, with its age.
    pub c: (WordCells, Age),
    /// Low half of C after.
    pub c_next: Cell,
    /// Values of the service message.
    pub service: Vec<Cell>,
    /// Its bus.
    pub service_switch: Switch,
    /// Results that this instruction has no use for.
    pub unused: [Cell; 3],
    /// Whether the jump is taken.
    pub taken: Cell,
    /// Inverse that proves A non-zero.
    pub inverse: Cell,
}

impl OpCells {
    /// The cell of a control bit.
    pub fn on(&self, op: Op) -> Cell {
        self.controls[op as usize]
    }
}

/// Cells of a `state` row.
#[derive(Clone, Debug)]
pub struct StateCells {
    /// What both kinds have.
    pub common: Common,
    /// Control bits.
    pub controls: Vec<Cell>,
    /// Record before: the values of the account or storage message.
    pub record: Vec<Cell>,
    /// Its age.
    pub age: Age,
    /// Values 2, 3, 4, 7 and 8 of the record after; the others follow without a cell.
    pub next: [Cell; 5],
    /// Whether the account has no code.
    pub no_code: Cell,
    /// Inverse that proves that it has.
    pub inverse: Cell,
    /// Values of the chain message.
    pub chain: [Cell; 3],
    /// Its bus.
    pub chain_switch: Switch,
    /// Bus of the record that is taken.
    pub take_switch: Switch,
    /// Bus of the record that is made.
    pub make_switch: Switch,
}

impl StateCells {
    /// The cell of a control bit.
    pub fn on(&self, op: StateOp) -> Cell {
        self.controls[op as usize]
    }
}
