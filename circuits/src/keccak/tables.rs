//! Small fixed tables: the schedule of a sponge step, the steps of a permutation, the padding of the last group.

use super::{ROUND_CONSTANTS, ROUND_TIME, ROUNDS};
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
/// First code of the first step, of the steps between, of the last step.
pub(super) const MODES: [u64; 3] = [0, STEP_ROWS, 2 * STEP_ROWS];

/// `(code, first lane, capacity lane, receive, send, capacity receive, capacity send, end, digest)`.
pub(super) fn schedule(b: &mut MachineBuilder) -> TableId {
    b.table("keccak schedule", || {
        let mut rows = vec![];
        for (mode, from) in MODES.into_iter().enumerate() {
            let (receive, send) = (u64::from(mode > 0), u64::from(mode < 2));
            for i in 0..STEP_ROWS {
                let lane = CAPACITY[i as usize];
                let live = u64::from(lane.is_some());
                let row = [
                    from + i,
                    2 * i,
                    lane.unwrap_or(0),
                    receive,
                    send,
                    live * receive,
                    live * send,
                    u64::from(i + 1 == STEP_ROWS),
                    u64::from(mode == 2 && i < 2),
                ];
                rows.push(row.map(Fr::from).to_vec());
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
                let mut row = vec![Fr::from(ROUND_TIME * round + t)];
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
