//! Cells of the `hash` chip.

use super::{FULL_ROUNDS, PARTIAL_ROUNDS};
use crate::framework::{Cell, KindBuilder};
use protocol::poseidon2::WIDTH;

/// Cells that both kinds have in the same columns, so that a row can read those of the row below.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    /// State that enters the row's first round.
    pub(super) state: [Cell; WIDTH],
    /// Position in the run.
    pub(super) pos: Cell,
    /// Claimed result of the permutation.
    pub(super) out: [Cell; WIDTH],
}

impl Shared {
    fn declare(k: &mut KindBuilder<'_>) -> Self {
        let mut cell = |name: &str| k.cell(name, 0);
        Self {
            state: ["state.0", "state.1", "state.2"].map(&mut cell),
            pos: cell("pos"),
            out: ["out.0", "out.1", "out.2"].map(&mut cell),
        }
    }
}

/// Cells of `hash.full`: 31 and two multiplicities.
#[derive(Clone, Debug)]
pub struct FullCells {
    pub(super) shared: Shared,
    /// `x^2`, by round and word.
    pub(super) square: Vec<[Cell; WIDTH]>,
    /// `x^5`, by round and word.
    pub(super) fifth: Vec<[Cell; WIDTH]>,
}

impl FullCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>) -> Self {
        let shared = Shared::declare(k);
        let mut triples = |name: &str| {
            (0..FULL_ROUNDS)
                .map(|r| [0, 1, 2].map(|w| k.cell(&format!("{name}.{r}.{w}"), 0)))
                .collect()
        };
        Self {
            shared,
            square: triples("square"),
            fifth: triples("fifth"),
        }
    }
}

/// Cells of `hash.partial`: 37.
#[derive(Clone, Debug)]
pub struct PartialCells {
    pub(super) shared: Shared,
    /// 1 on the second, third and fourth row of the kind in a run.
    pub(super) phase: [Cell; 3],
    /// Input of the S-box from round 1 on; that of round 0 is the entering state's first word and a constant.
    pub(super) input: Vec<Cell>,
    /// Its square, by round.
    pub(super) square: Vec<Cell>,
}

impl PartialCells {
    pub(super) fn declare(k: &mut KindBuilder<'_>) -> Self {
        Self {
            shared: Shared::declare(k),
            phase: ["phase.1", "phase.2", "phase.3"].map(|n| k.cell(n, 0)),
            input: k.cells("input", 0, PARTIAL_ROUNDS - 1),
            square: k.cells("square", 0, PARTIAL_ROUNDS),
        }
    }
}
