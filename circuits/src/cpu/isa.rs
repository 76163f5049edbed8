//! Micro-instructions: what a ROM word says.
//!
//! An entry of the ROM is `(upc, next, imm, addresses, controls)`: the instruction's own address, the next one's, an immediate,
//! four addresses of scratch words, and control bits with a service's bus and code. An instruction with two entries goes either
//! way, as the prover likes.
//!
//! Operands, in the order in which they touch the memory:
//!
//! - `A`: scratch word `a`, read;
//! - `B`: scratch word `b`, read; the immediate is added to its low half;
//! - `C`: scratch word `c`, read; its low half advances by the service's step;
//! - `D`: scratch word `d`, written.
//!
//! All four are always on: an operand that an instruction does not need is a word kept at 0 (D: a word that nobody reads).

use crate::{
    Fr,
    buses::Buses,
    framework::{Bus, pow2},
};
use ff::Field;

/// A memory space of the `memory` bus. Scratch words belong to the segment's program; their frame id is 0.
pub const SPACE_SCRATCH: u64 = 1;

/// Clock ticks per micro-instruction: one for each operand.
pub const TICKS: u64 = 4;

/// Clock of the first instruction's first operand; scratch words begin at time 0.
pub const FIRST_CLOCK: u64 = 1;

/// Between two stamps, see [`Service::Update`]. Stamps are 1 modulo this.
pub const STAMP_STEP: u64 = 4;

/// Bits of a scratch address, a bus and a code.
pub const FIELD_BITS: u32 = 13;

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
    /// Control bits.
    Op {
        /// The service message is taken from its bus.
        Serve,
        /// With `Serve`: it is made instead.
        Make,
        /// `D = (A.hi + B.hi, A.lo + B.lo)`, halves added in the field.
        Copy,
        /// `D = (A.lo, B.hi)`.
        Cross,
        /// `D = (0, A.hi * 2^128 + A.lo)`, in the field.
        Join,
        /// `A = B`.
        Equal,
        /// The program ends here.
        Halt,
    }
}

/// What a service message asks of another chip. Operands that a service does not name must be 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Service {
    /// `D.lo` is group `C.lo` of stream `A.lo`; C advances by 1.
    Bytes,
    /// D is the canonical RLP integer at byte `C.lo`; C becomes the next offset.
    Integer,
    /// D is the RLP string of `B.lo` bytes at byte `C.lo`; C becomes the next offset.
    Fixed,
    /// `D.lo` is the length of the RLP item at byte `C.lo`, a string or a list; C becomes the next offset.
    Length {
        /// Whether it is a list.
        list: bool,
    },
    /// `D.lo` counts the non-zero ones of the `B.lo` payload bytes from `A.lo`.
    Count,
    /// D is the keccak-256 of `C.lo` bytes from group `B.lo` of stream `A.lo`; the hash begins from a given state if `A.hi`
    /// is 1, and ends with a state (D is 0) if `B.hi` is 1.
    Keccak,
    /// D is a coordinate of the key that signed A with `r = B`, `s = C`.
    Key {
        /// The signature's parity.
        odd: bool,
        /// Whether it is the y coordinate.
        y: bool,
    },
    /// `D = A * C.lo + B`, below 2^256.
    Add,
    /// `D = A * C.lo - B`, not below 0.
    Sub,
    /// `D = A * C.lo - B + 2^256`: it proves `A * C.lo < B`.
    Less,
    /// `(D, C.lo)` is the Poseidon2 permutation of `(A.hi, A.lo, C.lo)`.
    Permute,
    /// `D.lo` is word 0 of the permutation of `(A.lo, B.lo, C.lo)`.
    Compress,
    /// The word B becomes groups `C.lo` to `C.lo + 3` of byte stream `A.lo`; C advances by 4.
    Word,
    /// With the stamp `C.lo`: D is the balance of account `A.lo`, which has code and mark B.
    Account,
    /// With the stamp `C.lo`: D is the value of slot B of account `A.lo`.
    Slot,
    /// With the stamp `C.lo`: `D.lo` is the account's nonce, or the slot's mark.
    Mark,
    /// With the stamp `C.lo`, which advances: the balance or value becomes B, the nonce or mark `A.lo`.
    Update,
    /// The chain of state roots begins with the root `C.lo`; it must be made.
    TreeBegin,
    /// The chain of state roots ends with the root `C.lo` after `A.hi` keys, of which `A.lo` is the last.
    TreeEnd,
}

impl Service {
    /// The bus of its message, and the code in it.
    pub fn message(self, b: &Buses) -> (Bus, u64) {
        match self {
            Self::Bytes => (b.bytes, 0),
            Self::Integer => (b.item, 1),
            Self::Fixed => (b.item, 2),
            Self::Length { list } => (b.item, 4 + u64::from(list)),
            Self::Count => (b.count, 0),
            Self::Keccak => (b.keccak, 0),
            Self::Key { odd, y } => (b.ecdsa, u64::from(odd) + 2 * u64::from(y)),
            Self::Add => (b.arith, 0),
            Self::Sub => (b.arith, 1),
            Self::Less => (b.arith, 3),
            Self::Permute => (b.permute, 0),
            Self::Compress => (b.compress, 0),
            Self::Word => (b.word, 0),
            Self::Account => (b.record, 1),
            Self::Slot => (b.record, 2),
            Self::Mark => (b.record, 3),
            Self::Update => (b.record, 4),
            Self::TreeBegin | Self::TreeEnd => (b.tree, 0),
        }
    }
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Control bits: bit `i` is control `i` of [`Op`].
    pub controls: u64,
    /// What the service message asks, if there is one.
    pub service: Option<Service>,
    /// Immediate.
    pub imm: Fr,
    /// Addresses of A, B, C, D.
    pub operands: [u16; 4],
    /// Indices of the instructions that may follow: none after a halt, one, or two of which the prover chooses.
    pub next: Vec<u64>,
}

impl Word {
    /// Whether control `op` is set.
    pub fn has(&self, op: Op) -> bool {
        self.controls >> (op as u8) & 1 == 1
    }
    /// The entries of the `rom` table for instruction `index` of a program whose first instruction has the address `first`.
    pub fn entries(&self, index: u64, first: u64, buses: &Buses) -> Vec<Vec<Fr>> {
        let (bus, code) = self.service.map_or((0, 0), |s| {
            let (bus, code) = s.message(buses);
            (bus.number(), code)
        });
        let bits = Op::ALL.len() as u32;
        let controls = packed([(self.controls, bits), (code, FIELD_BITS), (bus, FIELD_BITS)]);
        let addresses = packed(self.operands.map(|a| (u64::from(a), FIELD_BITS)));
        let entry = |next: u64| {
            vec![
                Fr::from(first + index),
                Fr::from(next),
                self.imm,
                addresses,
                controls,
            ]
        };
        if self.next.is_empty() {
            return vec![entry(0)];
        }
        self.next.iter().map(|n| entry(first + n)).collect()
    }
}

/// Numbers of so many bits next to each other, the first one lowest.
fn packed<const N: usize>(parts: [(u64, u32); N]) -> Fr {
    let (mut at, mut sum) = (0, Fr::ZERO);
    for (part, bits) in parts {
        assert!(part < 1 << bits, "{part} has more than {bits} bits");
        sum += pow2(at) * Fr::from(part);
        at += bits;
    }
    sum
}
