//! Keccak-256: padding, Keccak-f\[1600\], digest.
mod columns;
mod constraints;
mod tables;
#[cfg(test)]
mod tests;
mod trace;

pub use trace::groups;

use crate::{
    Fr,
    buses::Buses,
    framework::{Bus, BusKind, KindId, MachineBuilder, TableId},
    tables::{byte_spread, digits014, range13, sparse8, sparse13},
};
use columns::{ChiCells, MessageCells, ParityCells, SpongeCells, ThetaCells};
use ff::Field;

/// Bytes that one permutation absorbs.
pub const RATE_BYTES: usize = 136;
/// Rounds of a permutation.
const ROUNDS: usize = 24;
/// Digits of a looked-up chunk.
const CHUNK: usize = 13;
/// Chunks of a lane; the highest has room for one digit more than the lane.
const CHUNKS: usize = 5;
/// 13-bit limbs of a 64-bit word.
const WORD_LIMBS: usize = 5;
/// 13-bit limbs of a stream's number.
const STREAM_LIMBS: usize = 5;
/// 13-bit limbs of the first group's index.
const START_LIMBS: usize = 3;
/// 13-bit limbs of the count of whole groups.
const WHOLE_LIMBS: usize = 3;
/// 13-bit limbs of the count of permutations.
const BLOCK_LIMBS: usize = 2;
/// Steps of a round on the clock: one for `parity`, five for `theta` and `chi`.
const ROUND_TIME: u64 = 6;
/// Time from one sponge step to the next.
const BLOCK_TIME: u64 = 1 + ROUND_TIME * ROUNDS as u64;
/// The step number with which a digest travels; no round has it to offer.
const DIGEST_STEP: u64 = ROUND_TIME * ROUNDS as u64 - 1;
/// Bit of a joint entry at which the spread byte begins.
const JOINT_BITS: u32 = crate::tables::JOINT_BITS;

/// Offsets of rho, by `x + 5 y`.
const RHO: [u32; 25] = [
    0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
];

/// Round constants of iota.
const ROUND_CONSTANTS: [u64; ROUNDS] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Weight of digit `n`: `8^n`.
fn digit(n: u32) -> Fr {
    Fr::from(8).pow([u64::from(n)])
}

/// The fixed tables that the chip looks up.
#[derive(Clone, Copy, Debug)]
struct Tables {
    range: TableId,
    sparse: TableId,
    sparse8: TableId,
    rest: TableId,
    byte: TableId,
    padding: TableId,
    schedule: TableId,
    steps: TableId,
}

/// The chip's own token buses.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    /// `(32 time + lane, value)`.
    lane: Bus,
    /// `(time, step, sum_0 .. sum_4)`.
    sums: Bus,
    /// `(time, step, theta_0 .. theta_4, high)`.
    theta: Bus,
}

/// Handles of the chip's kinds and cells.
#[derive(Clone, Debug)]
pub struct KeccakChip {
    message: KindId,
    sponge: KindId,
    parity: KindId,
    theta: KindId,
    chi: KindId,
    m: MessageCells,
    s: SpongeCells,
    p: ParityCells,
    t: ThetaCells,
    c: ChiCells,
}

/// Declares the chip. It provides `keccak` facts and requires `bytes` facts.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> KeccakChip {
    let tables = Tables {
        range: range13(b),
        sparse: sparse13(b),
        sparse8: sparse8(b),
        rest: digits014(b),
        byte: byte_spread(b),
        padding: tables::padding(b),
        schedule: tables::schedule(b),
        steps: tables::steps(b),
    };
    let tokens = Tokens {
        lane: b.bus("keccak.lane", BusKind::Token, 2),
        sums: b.bus("keccak.sums", BusKind::Token, 7),
        theta: b.bus("keccak.theta", BusKind::Token, 8),
    };
    let absorbing = b.state();
    let permuting = b.state();
    let (message, m) = constraints::message(b, buses, &tables, &tokens, absorbing);
    let (sponge, s) = constraints::sponge(b, buses, &tables, &tokens, absorbing);
    let (parity, p) = constraints::parity(b, &tables, &tokens);
    let (theta, t) = constraints::theta(b, &tables, &tokens, permuting);
    let (chi, c) = constraints::chi(b, &tables, &tokens, permuting, &t);
    KeccakChip {
        message,
        sponge,
        parity,
        theta,
        chi,
        m,
        s,
        p,
        t,
        c,
    }
}

/// Physical rows that hashing `length` bytes takes.
pub fn rows(length: usize) -> usize {
    let blocks = length / RATE_BYTES + 1;
    2 + 18 * (blocks + 1) + 22 * ROUNDS * blocks
}
