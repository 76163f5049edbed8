//! Keccak-256 on bytes, in parts: what a run of the chip's rows is about.

use super::{RATE_BYTES, RHO, ROUND_CONSTANTS};
use crate::io::groups_of;
use alloy_primitives::B256;

/// What a `keccak` fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// Byte stream of the message, below 2^26.
    pub stream: u64,
    /// The message's first group, below 2^39.
    pub start: u64,
    /// The message's length in bytes; a positive multiple of [`RATE_BYTES`] if `export`.
    pub length: u64,
    /// Begins from the state in groups 0 to 24 of stream `stream + 2`, not from zero.
    pub import: bool,
    /// Ends with the state in groups 0 to 24 of stream `stream + 3`, not with a digest.
    pub export: bool,
}

/// A run of the sponge: what it reads and what it gives.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Lanes before.
    pub before: [u64; 25],
    /// The message.
    pub bytes: &'a [u8],
    /// Lanes after the last permutation.
    pub after: [u64; 25],
    /// The digest, zero for an exported state.
    pub digest: B256,
}

impl<'a> Run<'a> {
    /// Absorbs `bytes` from the state `before`.
    ///
    /// # Errors
    /// A sentence when `export` asks for a state in the middle of a block, or for one that nothing was absorbed into.
    pub fn new(before: [u64; 25], bytes: &'a [u8], export: bool) -> Result<Self, String> {
        let whole = bytes.len() - bytes.len() % RATE_BYTES;
        if export && (whole == 0 || whole != bytes.len()) {
            return Err(format!(
                "{} bytes end in no sponge state; a positive multiple of {RATE_BYTES} is needed",
                bytes.len()
            ));
        }
        let mut after = before;
        absorb(&mut after, &bytes[..whole]);
        let mut digest = B256::ZERO;
        if !export {
            let mut block = [0; RATE_BYTES];
            let rest = &bytes[whole..];
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 1;
            block[RATE_BYTES - 1] |= 0x80;
            absorb(&mut after, &block);
            for (d, lane) in digest.chunks_exact_mut(8).zip(after) {
                d.copy_from_slice(&lane.to_le_bytes());
            }
        }
        Ok(Self {
            before,
            bytes,
            after,
            digest,
        })
    }
}

/// Absorbs whole blocks of [`RATE_BYTES`] bytes; a rest that is no block is left out.
///
/// Lane `x + 5 y` is an integer whose byte 0 is the least significant, as in FIPS 202.
pub fn absorb(lanes: &mut [u64; 25], blocks: &[u8]) {
    for block in blocks.chunks_exact(RATE_BYTES) {
        let mut state = State::new(*lanes);
        for (lane, group) in state.lanes.iter_mut().zip(groups_of(block)) {
            *lane ^= group.swap_bytes();
        }
        state.permute();
        *lanes = state.finished();
    }
}

/// The lanes that the first 200 of `bytes` make; missing bytes are zero.
pub fn lanes(bytes: &[u8]) -> [u64; 25] {
    let mut lanes = [0; 25];
    for (lane, group) in lanes.iter_mut().zip(groups_of(bytes)) {
        *lane = group.swap_bytes();
    }
    lanes
}

/// The 200 bytes of a state.
pub fn state_bytes(lanes: &[u64; 25]) -> [u8; 200] {
    let mut bytes = [0; 200];
    for (b, lane) in bytes.chunks_exact_mut(8).zip(lanes) {
        b.copy_from_slice(&lane.to_le_bytes());
    }
    bytes
}

/// A sponge state between rounds, lane `x + 5 y`.
#[derive(Clone, Copy)]
pub(super) struct State {
    pub(super) lanes: [u64; 25],
    /// The round constant that lane 0 has not taken yet.
    pub(super) constant: u64,
}

impl State {
    /// The state of these lanes.
    pub(super) fn new(lanes: [u64; 25]) -> Self {
        Self { lanes, constant: 0 }
    }
    /// The lanes, lane 0 with its pending constant.
    pub(super) fn finished(&self) -> [u64; 25] {
        let mut lanes = self.lanes;
        lanes[0] ^= self.constant;
        lanes
    }
    /// The lane as the rows hold it: lane 0 without its pending constant.
    pub(super) fn raw(&self, lane: usize) -> u64 {
        self.lanes[lane]
    }
    pub(super) fn set_raw(&mut self, lane: usize, v: u64) {
        self.lanes[lane] = v;
    }

    /// Keccak-f\[1600\] on bits; lane 0 keeps its last constant pending.
    pub(super) fn permute(&mut self) {
        let state = self;
        for constant in ROUND_CONSTANTS {
            let a = state.finished();
            let parity: [u64; 5] = std::array::from_fn(|x| (0..5).fold(0, |p, y| p ^ a[x + 5 * y]));
            let mut b = [0; 25];
            for x in 0..5 {
                let theta = parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
                for y in 0..5 {
                    b[y + 5 * ((2 * x + 3 * y) % 5)] =
                        (a[x + 5 * y] ^ theta).rotate_left(RHO[x + 5 * y]);
                }
            }
            for y in 0..5 {
                for x in 0..5 {
                    state.lanes[x + 5 * y] =
                        b[x + 5 * y] ^ (!b[(x + 1) % 5 + 5 * y] & b[(x + 2) % 5 + 5 * y]);
                }
            }
            state.constant = constant;
        }
    }
}
