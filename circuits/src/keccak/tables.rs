//! Small fixed tables: the schedule of a sponge step, the steps of a permutation, the padding of the last group.

use super::{ROUND_CONSTANTS, ROUND_STEPS, ROUNDS};
use crate::{
    Fr,
    framework::{MachineBuilder, TableId, pow2},
    tables::spread64,
};
use ff::Field;

/// Rows of a sponge step.
pub(super) const STEP_ROWS: u64 = 9;
/// The capacity lane that each row of a step passes on: one whose column is two right of the first rate lane's.
pub(super) const CAPACITY: [Option<u64>; STEP_ROWS as usize] = [
    Some(22),
    Some(19),
    Some(21),
    Some(18),
    Some(20),
    None,
    Some(24),
    None,
    Some(23),
];
/// Rows of an imported or exported state: 25 lanes by pairs.
pub(super) const STATE_ROWS: u64 = 13;

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
    /// Whether the words of row `i` are what its lanes are.
    pub(super) fn squeezes(self, i: u64) -> bool {
        self == Self::Export || self == Self::Last && i < 2
    }
    /// The capacity lane that row `i` passes on.
    pub(super) fn capacity(self, i: u64) -> Option<u64> {
        match self {
            Self::Import | Self::Export => None,
            _ => CAPACITY[i as usize],
        }
    }
    /// What row `i` has in the column of places: how far its capacity lane lies behind its first lane; where whole states
    /// pass, its first lane.
    pub(super) fn place(self, i: u64) -> Fr {
        match (self, self.capacity(i)) {
            (Self::Import | Self::Export, _) => Fr::from(2 * i),
            (_, Some(lane)) => Fr::from(lane) - Fr::from(2 * i),
            _ => Fr::ZERO,
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
                let mut row = vec![Fr::from(mode.code() + i), mode.place(i)];
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

/// `(step, at least 1, at least 2, at least 3, at least 4, constant, keep)`: six steps a round, the sixth has no entry.
pub(super) fn steps(b: &mut MachineBuilder) -> TableId {
    b.table("keccak steps", || {
        let mut rows = vec![];
        for round in 0..ROUNDS as u64 {
            for t in 0..5 {
                let last = round + 1 == ROUNDS as u64 && t == 4;
                let mut row = vec![Fr::from(ROUND_STEPS * round + t)];
                row.extend((1..5).map(|n| Fr::from(u64::from(t >= n))));
                row.push(match t {
                    0 => spread64(ROUND_CONSTANTS[round as usize]),
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
