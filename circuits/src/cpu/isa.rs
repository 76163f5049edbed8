//! Micro-instructions: what a ROM word says.
//!
//! A word is `(upc, controls, imm, a, b, c, d)`: its own address, a packed set of control bits, an immediate, and four
//! addresses of scratch words. Two kinds of row execute words; a word's control bits belong to one of them.
//!
//! Operands, in the order in which they touch the memory:
//!
//! - `A`: scratch word `a`, read (0 if off);
//! - `B`: scratch word `b`, read (the immediate if off);
//! - `C`: scratch word `c`, read and written: its low half may change (`op` rows only);
//! - `D`: scratch word `d`, written: the old word is consumed unless this is the first write.

use crate::Fr;
use ff::PrimeField;

/// A memory space of the `memory` bus. Scratch words belong to the segment's program; their frame id is 0.
pub const SPACE_SCRATCH: u64 = 1;

/// Clock ticks per micro-instruction: one for each operand.
pub const TICKS: u64 = 4;

/// Clock before the first instruction's first operand.
pub const FIRST_CLOCK: u64 = 1;

/// First address of an instruction.
pub const FIRST_UPC: u64 = 0;

macro_rules! controls {
    ($(#[$m:meta])* $name:ident { $($(#[$d:meta])* $v:ident),* $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$d])* $v),* }
        impl $name {
            /// Every control, in the order of its bit.
            pub const ALL: &'static [Self] = &[$(Self::$v),*];
        }
    };
}

controls! {
    /// Control bits of an `op` row. `+` is made in the message's terms of the bus inventory.
    Op {
        /// Operand A is on.
        ReadA,
        /// Operand B is on.
        ReadB,
        /// Operand C is on.
        UseC,
        /// The old word at D is consumed.
        TakeD,
        /// The word D is written.
        MakeD,
        /// `D.lo` is payload group `C.lo`, and C advances by 1.
        Bytes,
        /// With `Bytes`: `D = (A.hi, A.lo * 2^64 + group)`.
        BytesShift,
        /// With `Bytes`: `D = (A.lo, group)`.
        BytesUp,
        /// D is the canonical RLP integer at byte `C.lo`; C becomes the next offset.
        ItemInt,
        /// D is the RLP string of `imm` bytes at byte `C.lo`; C becomes the next offset.
        ItemFixed,
        /// `D.lo` is the length of the RLP item at byte `C.lo`, a list if `imm` is 1; C becomes the next offset.
        ItemLength,
        /// `D.lo` counts the non-zero ones of the `B.lo` payload bytes from `A.lo`.
        Count,
        /// D is the keccak-256 of `C.lo` bytes from group `B.lo` of stream `A.lo`; the hash begins from a given state if `A.hi`
        /// is 1, and ends with a state (D is 0) if `B.hi` is 1.
        Keccak,
        /// D is the x coordinate of the key that signed A with `r = B`, `s = C`, parity `imm`.
        KeyX,
        /// D is the y coordinate of that key.
        KeyY,
        /// `D = A * C.lo + B` (`C.lo` is 1 if C is off), below 2^256.
        Add,
        /// `D = A * C.lo - B`, not below 0.
        Sub,
        /// `D = A * C.lo - B + 2^256`: it proves `A * C.lo < B`.
        Less,
        /// D is any 256-bit word.
        Hint,
        /// `(D, C.lo)` is the Poseidon2 permutation of `(B.hi + A.hi, B.lo + A.lo, C.lo)`.
        Permute,
        /// `D.lo` is word 0 of the permutation of `(A.lo, B.lo, imm)`.
        Compress,
        /// The word C becomes groups `imm` to `imm + 3` of byte stream `A.lo`.
        Word,
        /// `D = B`.
        Copy,
        /// `D = (A.lo, B.lo)`.
        Pair,
        /// `D = (0, A.hi)`.
        High,
        /// `D.lo = A.hi * 2^128 + A.lo` as a field element.
        Join,
        /// `A = B`.
        Equal,
        /// Jumps to `imm` if A is zero.
        JumpZero,
        /// Jumps to `imm` if the prover likes.
        JumpHint,
        /// The program ends here.
        Halt,
    }
}

controls! {
    /// Control bits of a `state` row.
    StateOp {
        /// Operand A is on.
        ReadA,
        /// Operand B is on.
        ReadB,
        /// The old word at D is consumed.
        TakeD,
        /// The word D is written.
        MakeD,
        /// The record is that of account A.
        Account,
        /// The record is that of slot A of the account `imm`; its value becomes B.
        Storage,
        /// The account's balance becomes B.
        SetBalance,
        /// The account's nonce grows by 1.
        NextNonce,
        /// D is the account's balance.
        Balance,
        /// `D.lo` is the account's nonce.
        Nonce,
        /// `D.lo` is 1 if the account has no code, otherwise 0.
        NoCode,
        /// `D.lo` is the clock.
        Clock,
        /// D is the public input: the first instruction, whose D is bound to the instance.
        Public,
        /// The chain of state roots begins with the root A.
        TreeBegin,
        /// The chain of state roots ends with the root A.
        TreeEnd,
        /// The chain of payload groups begins with group `A.lo`.
        PayloadBegin,
        /// The chain of payload groups ends.
        PayloadEnd,
    }
}

/// Bit that marks the words of `state` rows, above all control bits.
pub const STATE_MARK: u32 = 62;

/// A ROM word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Packed control bits: bit `i` is control `i` of [`Op`] or [`StateOp`]; [`STATE_MARK`] tells which.
    pub controls: u64,
    /// Immediate.
    pub imm: Fr,
    /// Addresses of A, B, C, D.
    pub operands: [u16; 4],
}

impl Word {
    /// Whether control `op` is set, on an `op` word.
    pub fn has(&self, op: Op) -> bool {
        !self.is_state() && self.controls >> (op as u8) & 1 == 1
    }
    /// Whether control `op` is set, on a `state` word.
    pub fn has_state(&self, op: StateOp) -> bool {
        self.is_state() && self.controls >> (op as u8) & 1 == 1
    }
    /// Whether a `state` row executes it.
    pub fn is_state(&self) -> bool {
        self.controls >> STATE_MARK == 1
    }
    /// The row of the `rom` table.
    pub fn values(&self, upc: u64) -> Vec<Fr> {
        let mut v = vec![
            Fr::from(upc),
            Fr::from_u128(u128::from(self.controls)),
            self.imm,
        ];
        v.extend(self.operands.iter().map(|a| Fr::from(u64::from(*a))));
        v
    }
}
