//! The buses that chips share. Who sends, who receives and why each balances is written in the book's bus inventory.

use crate::framework::{Bus, BusKind, MachineBuilder};

/// Places of a service message of `cpu.op`: one message for all services, whose values are always the same operands.
/// A service's provider has 0 where the service does not look, so an operand there must be 0.
pub mod place {
    /// What is added to the low half of C.
    pub const STEP: usize = 0;
    /// High half of A.
    pub const A_HI: usize = 1;
    /// Low half of A.
    pub const A_LO: usize = 2;
    /// High half of the result.
    pub const D_HI: usize = 3;
    /// Low half of the result.
    pub const D_LO: usize = 4;
    /// High half of B.
    pub const B_HI: usize = 5;
    /// Low half of B.
    pub const B_LO: usize = 6;
    /// High half of C.
    pub const C_HI: usize = 7;
    /// Low half of C.
    pub const C_LO: usize = 8;
    /// A constant of the instruction.
    pub const CODE: usize = 9;
}

/// Handles of the shared buses.
#[derive(Clone, Copy, Debug)]
pub struct Buses {
    /// Fact `(iv, a, b, out)`: one Poseidon2 permutation used as a compression.
    pub compress: Bus,
    /// Fact `(in0, in1, in2, out0, out1, out2 - in2)`: one Poseidon2 permutation with its whole state.
    pub permute: Bus,
    /// Fact `(stream, index, value)`: group `index` of 8 bytes of a byte stream, big-endian.
    pub bytes: Bus,
    /// Fact `(stream, start, length, import, export, digest_hi, digest_lo)`: Keccak-256 of `length` bytes from group `start`,
    /// from a state that is given (`import`) or to a state (`export`, digest 0); see [`crate::keccak`].
    pub keccak: Bus,
    /// Fact `(z_hi, z_lo, r_hi, r_lo, s_hi, s_lo, code, q_hi, q_lo)`: ECDSA public-key recovery. `q` is the key's x coordinate if
    /// `code` is the parity, its y coordinate if `code` is the parity plus 2.
    pub ecdsa: Bus,
    /// Token `(address, nonce, balance_hi, balance_lo, code_commitment, touched, created, 0, time)`.
    pub account: Bus,
    /// Token `(address, touched, value_hi, value_lo, slot_hi, slot_lo, original_hi, original_lo, time)`: what an access changes, and
    /// the time, stand at the same places as an account's.
    pub storage: Bus,
    /// Token of the cpu's own, in the places of a service message: a use of a record, see [`crate::cpu`].
    pub record: Bus,
    /// Token `(count, root, key)`: the chain of state roots over the keys of a segment.
    pub tree: Bus,
    /// Token `(stream, index, hi, lo)`: a 32-byte word written to groups `index .. index + 4` of a byte stream.
    pub word: Bus,
    /// Fact `(code, offset, size, length, hi, lo)`: the canonical RLP item of `size` bytes (of the header alone for a list) that
    /// begins at byte `offset` of the payload. Code 1: an integer, length 0, its value. Code 2: a string, its length and value.
    /// Code 4 or 5: a string or list, length 0, its length as the value.
    pub item: Bus,
    /// Fact `(offset, length, nonzero)`: how many of `length` payload bytes from byte `offset` are not zero.
    pub count: Bus,
    /// Fact `(code, x_hi, x_lo, m, y_hi, y_lo, z_hi, z_lo)`: `z + q 2^256 = x m + (1 - 2 subtract) y` with
    /// `code = subtract - 2 q`.
    pub arith: Bus,
}

impl Buses {
    /// Declares all shared buses.
    pub fn declare(b: &mut MachineBuilder) -> Self {
        use BusKind::{Fact, Token};
        use place::*;
        Self {
            compress: b.bus_at("compress", Fact, &[C_LO, A_LO, B_LO, D_LO], None),
            permute: b.bus_at("permute", Fact, &[A_HI, A_LO, C_LO, D_HI, D_LO, STEP], None),
            bytes: b.bus_at("bytes", Fact, &[A_LO, C_LO, D_LO], Some((STEP, 1))),
            keccak: b.bus_at(
                "keccak",
                Fact,
                &[A_LO, B_LO, C_LO, A_HI, B_HI, D_HI, D_LO],
                None,
            ),
            ecdsa: b.bus_at(
                "ecdsa",
                Fact,
                &[A_HI, A_LO, B_HI, B_LO, C_HI, C_LO, CODE, D_HI, D_LO],
                None,
            ),
            account: b.bus("account", Token, 9),
            storage: b.bus("storage", Token, 9),
            record: b.bus("record", Token, 10),
            tree: b.bus_at("tree", Token, &[A_HI, C_LO, A_LO], None),
            word: b.bus_at("word", Token, &[A_LO, C_LO, B_HI, B_LO], Some((STEP, 4))),
            item: b.bus_at("item", Fact, &[CODE, C_LO, STEP, B_LO, D_HI, D_LO], None),
            count: b.bus_at("count", Fact, &[A_LO, B_LO, D_LO], None),
            arith: b.bus_at(
                "arith",
                Fact,
                &[CODE, A_HI, A_LO, C_LO, B_HI, B_LO, D_HI, D_LO],
                None,
            ),
        }
    }
}
