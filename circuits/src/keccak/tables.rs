//! Small fixed tables: the schedule of a sponge step, the steps of a permutation, the padding of the last group.

use super::{ROUND_CONSTANTS, ROUNDS, plane_code};
use crate::{
    Fr,
    framework::{MachineBuilder, TableId, pow2},
    tables::spread64,
};
use ff::Field;

/// Rows of a sponge step: one for each rate lane.
pub(super) const STEP_ROWS: u64 = 17;
/// Rows of a state that comes in or goes out: one for each lane.
pub(super) const STATE_ROWS: u64 = 25;
/// How far the capacity lane that a row of a step passes on is behind its rate lane: a multiple of 5, so that they are in one
/// column. Rows 2 to 9 pass on lanes 17 to 24.
pub(super) const CAPACITY: u64 = 15;

/// What a run of sponge rows is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// A block goes into the zero state.
    First,
    /// The state comes from a byte stream.
    Import,
    /// A block goes into the state.
    Between,
    /// The state goes to a byte stream.
    Export,
    /// The digest is read, the rest of the state is dropped.
    Last,
}

impl Mode {
    const ALL: [Self; 5] = [
        Self::First,
        Self::Import,
        Self::Between,
        Self::Export,
        Self::Last,
    ];
    /// Code of its first row.
    pub(super) const fn code(self) -> u64 {
        match self {
            Self::First => 0,
            Self::Import => STEP_ROWS,
            Self::Between => STEP_ROWS + STATE_ROWS,
            Self::Export => 2 * STEP_ROWS + STATE_ROWS,
            Self::Last => 2 * STEP_ROWS + 2 * STATE_ROWS,
        }
    }
    /// Its sponge rows.
    pub(super) const fn rows(self) -> u64 {
        match self {
            Self::Import | Self::Export => STATE_ROWS,
            _ => STEP_ROWS,
        }
    }
    /// Whether it takes lanes.
    pub(super) fn receives(self) -> bool {
        !matches!(self, Self::First | Self::Import)
    }
    /// Whether it makes lanes.
    pub(super) fn sends(self) -> bool {
        !matches!(self, Self::Export | Self::Last)
    }
    /// Whether row `i` ends a step.
    pub(super) fn ends(self, i: u64) -> bool {
        self != Self::Import && i + 1 == self.rows()
    }
    /// Whether the word of row `i` is what its lane is.
    pub(super) fn squeezes(self, i: u64) -> bool {
        self == Self::Export || self == Self::Last && i < 4
    }
    /// The capacity lane that row `i` passes on.
    pub(super) fn capacity(self, i: u64) -> Option<u64> {
        let passes = !matches!(self, Self::Import | Self::Export);
        (passes && (STEP_ROWS..25).contains(&(i + CAPACITY))).then_some(i + CAPACITY)
    }
    /// Where whole states pass, row `i`'s lane.
    pub(super) fn place(self, i: u64) -> u64 {
        match self {
            Self::Import | Self::Export => i,
            _ => 0,
        }
    }
}

/// `(code, place, receive, send, capacity receive, capacity send, end, squeeze, import)`.
pub(super) fn schedule(b: &mut MachineBuilder) -> TableId {
    b.table("keccak schedule", || {
        let mut rows = vec![];
        for mode in Mode::ALL {
            for i in 0..mode.rows() {
                let live = mode.capacity(i).is_some();
                let mut row = vec![Fr::from(mode.code() + i), Fr::from(mode.place(i))];
                row.extend(
                    [
                        mode.receives(),
                        mode.sends(),
                        live && mode.receives(),
                        live && mode.sends(),
                        mode.ends(i),
                        mode.squeezes(i),
                        mode == Mode::Import,
                    ]
                    .map(|v| Fr::from(u64::from(v))),
                );
                rows.push(row);
            }
        }
        rows
    })
}

/// `(code, at least 1, at least 2, at least 3, at least 4, constant, keep)` of the five steps of each round.
pub(super) fn steps(b: &mut MachineBuilder) -> TableId {
    b.table("keccak steps", || {
        let mut rows = vec![];
        for round in 0..ROUNDS {
            for t in 0..5 {
                let last = round + 1 == ROUNDS && t == 4;
                let mut row = vec![Fr::from(plane_code(round, t))];
                row.extend((1..5).map(|n| Fr::from(u64::from(t >= n))));
                row.push(match t {
                    0 => spread64(ROUND_CONSTANTS[round]),
                    _ => Fr::ZERO,
                });
                row.push(Fr::from(u64::from(!last)));
                rows.push(row);
            }
        }
        rows
    })
}

/// `(rest, weight, some)`: bytes of the last group, weight of the byte behind them in a big-endian word, 1 if there are any.
pub(super) fn padding(b: &mut MachineBuilder) -> TableId {
    b.table("keccak padding", || {
        (0..8u64)
            .map(|rest| {
                vec![
                    Fr::from(rest),
                    pow2(8 * (7 - rest as u32)),
                    Fr::from(u64::from(rest > 0)),
                ]
            })
            .collect()
    })
}
