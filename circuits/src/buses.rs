//! The buses that chips share. Who sends, who receives and why each balances is written in the book's bus inventory.

use crate::{
    Fr,
    framework::{Bus, BusKind, MachineBuilder, pow2},
};
use ff::Field;

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

/// Places of a code and three words.
const WORDS: [usize; 7] = {
    use place::*;
    [CODE, A_HI, A_LO, B_HI, B_LO, D_HI, D_LO]
};

/// The entry of the table of powers of 2 for the exponent `n`, at the places of a service message.
fn power(n: u32) -> Vec<Fr> {
    let mut values = vec![Fr::ZERO; place::D_LO + 1];
    values[place::A_LO] = Fr::from(u64::from(n));
    let half = if n < 128 { place::D_LO } else { place::D_HI };
    values[half] = pow2(n % 128);
    values
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
    /// Fact `(start, length, nonzero, head, value)`: what a block of payload bytes holds, see [`crate::io`].
    pub span: Bus,
    /// Fact `(code, x_hi, x_lo, m - 1, y_hi, y_lo, z_hi, z_lo)`: `z + q 2^256 = x m + (1 - 2 subtract) y` with
    /// `code = subtract + 2 q + 2`.
    pub arith: Bus,
    /// Fact `(code, a_hi, a_lo, b_hi, b_lo, d_hi, d_lo)`: `d = a b` modulo 2^256 (code 0), or as integers (code 1).
    pub product: Bus,
    /// Fact `(code, a_hi, a_lo, b_hi, b_lo, d_hi, d_lo)`: `d` is a and b (code 0), a or b (1), a exclusive-or b (2).
    pub logic: Bus,
    /// Table `(n, hi, lo)`: the word `2^n`.
    pub power: Bus,
    /// Fact `(position, 0, byte + 256 data, 0, number)`: a byte of the code with this number; `data` is 1 inside the data of a PUSH.
    pub code: Bus,
    /// Fact `(position, hi, lo, left, number)`: the data of a PUSH up to this position of a code, of which `left` bytes are left.
    pub push: Bus,
    /// Token `(number, index, hi, lo)`: 32 bytes of a code.
    pub code_word: Bus,
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
            span: b.bus_at("span", Fact, &[A_LO, B_LO, STEP, D_HI, D_LO], None),
            arith: b.bus_at(
                "arith",
                Fact,
                &[CODE, A_HI, A_LO, C_LO, B_HI, B_LO, D_HI, D_LO],
                None,
            ),
            product: b.bus_at("product", Fact, &WORDS, None),
            logic: b.bus_at("logic", Fact, &WORDS, None),
            power: b.table("power", || (0..256).map(power).collect()),
            code: b.bus("code", Fact, 5),
            push: b.bus("push", Fact, 5),
            code_word: b.bus_at(
                "code.word",
                Token,
                &[A_LO, C_LO, B_HI, B_LO],
                Some((STEP, 1)),
            ),
        }
    }
}
