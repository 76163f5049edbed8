//! The buses that chips share. Who sends, who receives and why each balances is written in the book's bus inventory.

use crate::framework::{Bus, BusKind, MachineBuilder};

/// Handles of the shared buses.
#[derive(Clone, Copy, Debug)]
pub struct Buses {
    /// Fact `(iv, a, b, out)`: one Poseidon2 permutation used as a compression.
    pub compress: Bus,
    /// Fact `(in0, in1, in2, out0, out1, out2)`: one Poseidon2 permutation with its whole state.
    pub permute: Bus,
    /// Fact `(stream, index, value)`: group `index` of 8 bytes of a byte stream, big-endian.
    pub bytes: Bus,
    /// Fact `(stream, start, length, import, export, digest_hi, digest_lo)`: Keccak-256 of `length` bytes from group `start`,
    /// from a state that is given (`import`) or to a state (`export`, digest 0); see [`crate::keccak`].
    pub keccak: Bus,
    /// Fact `(z_hi, z_lo, r_hi, r_lo, s_hi, s_lo, parity, qx_hi, qx_lo, qy_hi, qy_lo, ok)`: ECDSA public-key recovery.
    pub ecdsa: Bus,
    /// Token `(address, nonce, balance_hi, balance_lo, code_commitment, touched, created, time)`.
    pub account: Bus,
    /// Token `(address, slot_hi, slot_lo, value_hi, value_lo, original_hi, original_lo, touched, time)`.
    pub storage: Bus,
    /// Token `(count, root, key)`: the chain of state roots over the keys of a segment.
    pub tree: Bus,
    /// Token `(index)`: the next group of the payload (stream 0) that has no provider yet.
    pub payload: Bus,
    /// Token `(stream, index, hi, lo)`: a 32-byte word written to groups `index .. index + 4` of a byte stream.
    pub word: Bus,
    /// Fact `(offset, next, is_list, length, canonical, hi, lo)`: the canonical RLP item that begins at byte `offset` of the payload.
    pub item: Bus,
    /// Fact `(offset, length, nonzero)`: how many of `length` payload bytes from byte `offset` are not zero.
    pub count: Bus,
    /// Fact `(subtract, x_hi, x_lo, m, y_hi, y_lo, z_hi, z_lo, q)`: `z + q 2^256 = x m + (1 - 2 subtract) y`.
    pub arith: Bus,
}

impl Buses {
    /// Declares all shared buses.
    pub fn declare(b: &mut MachineBuilder) -> Self {
        use BusKind::{Fact, Token};
        Self {
            compress: b.bus("compress", Fact, 4),
            permute: b.bus("permute", Fact, 6),
            bytes: b.bus("bytes", Fact, 3),
            keccak: b.bus("keccak", Fact, 7),
            ecdsa: b.bus("ecdsa", Fact, 12),
            account: b.bus("account", Token, 8),
            storage: b.bus("storage", Token, 9),
            tree: b.bus("tree", Token, 3),
            payload: b.bus("payload", Token, 1),
            word: b.bus("word", Token, 4),
            item: b.bus("item", Fact, 7),
            count: b.bus("count", Fact, 3),
            arith: b.bus("arith", Fact, 9),
        }
    }
}
