//! Cells of the `hash` chip.

use super::INNER_ROUNDS;
use crate::framework::{Cell, KindBuilder};
use protocol::poseidon2::WIDTH;

/// Cells that both kinds have in the same columns, so that a row can read those of the row below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    /// `P`: state that enters the row's first internal round.
    pub(super) inner: [Cell; WIDTH],
    /// `R`: state that leaves the row's external round.
    pub(super) outer: [Cell; WIDTH],
    /// Constant of the row's first internal round, which says which row it is; 0 on a turn.
    pub(super) mark: Cell,
}

impl Shared {
    fn declare(k: &mut KindBuilder<'_>) -> Self {
        Self {
            inner: triple(k, "inner"),
            outer: triple(k, "outer"),
            mark: k.cell("mark", 0),
        }
    }
}

fn triple(k: &mut KindBuilder<'_>, name: &str) -> [Cell; WIDTH] {
    [0, 1, 2].map(|w| k.cell(&format!("{name}.{w}"), 0))
}

/// Cells of `hash.round`: 35 and two multiplicities.
#[derive(Clone, Debug)]
pub struct RoundCells {
    pub(super) shared: Shared,
    /// `F`: state that enters the external round.
    pub(super) entering: [Cell; WIDTH],
    /// Its constants.
    pub(super) outer_constant: [Cell; WIDTH],
    /// Squares of what enters its S-boxes.
    pub(super) outer_square: [Cell; WIDTH],
    /// Constants of the internal rounds from round 1 on; that of round 0 is the mark.
    pub(super) constant: Vec<Cell>,
    /// Square of what enters the S-box, by internal round.
    pub(super) square: Vec<Cell>,
    /// `d`: the S-box's result plus the other two words, of all internal rounds but the last.
    pub(super) sum: Vec<Cell>,
}

impl RoundCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>) -> Self {
        Self {
            shared: Shared::declare(k),
            entering: triple(k, "entering"),
            outer_constant: triple(k, "outer_constant"),
            outer_square: triple(k, "outer_square"),
            constant: k.cells("constant", 0, INNER_ROUNDS - 1),
            square: k.cells("square", 0, INNER_ROUNDS),
            sum: k.cells("sum", 0, INNER_ROUNDS - 1),
        }
    }
}

/// Cells of `hash.turn`: 8.
#[derive(Clone, Debug)]
pub struct TurnCells {
    pub(super) shared: Shared,
    /// 1 if a permutation follows, 0 on the last turn.
    pub(super) more: Cell,
}

impl TurnCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>) -> Self {
        Self {
            shared: Shared::declare(k),
            more: k.boolean("more", 0),
        }
    }
}
