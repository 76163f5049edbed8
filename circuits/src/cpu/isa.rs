//! Micro-instructions: what a ROM word says.
//!
//! An entry of the ROM is `(upc, next, imm, addresses, controls)`: the instruction's own address, the next one's, an immediate,
//! four addresses, and control bits with a service's bus and code and the advance of the program counter. An instruction with
//! several entries does what one of them says, as the prover likes.
//!
//! Operands, in the order in which they touch the memory:
//!
//! - `A`: read; a scratch word, or with controls a word of the stack or the data of a PUSH;
//! - `B`: read; a scratch word, or with controls a word of the stack or the one that A points to. The immediate is added to its
//!   low half, unless the instruction is one of the EVM's;
//! - `C`: a scratch word, read; its low half advances by the service's step, or as the EVM's registers do;
//! - `D`: written; a scratch word, or with controls a new word of the stack or the one that A points to.
//!
//! All four are always on: an operand that an instruction does not need is a word kept at 0 (D: a word that nobody reads).
//!
//! # The EVM's registers
//!
//! With the control `Evm`, C is the register word of the frame: its high half is the number of the code, its low half
//!
//! ```text
//! pc + 2^26 depth + 2^39 frame + 2^65 gas
//! ```
//!
//! with pc, frame and gas below 2^26 and depth at most 1,024: words on the stack. `frame` is at least 1, so the address of a word of a
//! stack, `depth + 2^13 frame`, is none of a scratch word. The immediate is what the low half advances by.

use crate::{
    Fr,
    buses::Buses,
    framework::{Bus, pow2},
};
use ff::Field;

/// Clock ticks per micro-instruction: one for each operand.
pub const TICKS: u64 = 4;

/// What the clock shows while words begin, at time 0: this among the scratch words, [`TICKS`] more among the far ones. The first
/// instruction's first operand is at the latter.
pub const FIRST_CLOCK: u64 = 1;

/// Between two stamps, see [`Service::Update`]. Stamps are 1 modulo this.
pub const STAMP_STEP: u64 = 4;

/// Bits of an address, an advance, a bus and a code in the ROM.
pub const FIELD_BITS: u32 = 13;

/// Bits of the depth among the EVM's registers; addresses of two stacks differ by this power of 2.
pub const DEPTH_BITS: u32 = 13;
/// Where the depth begins among the registers.
pub const DEPTH_AT: u32 = 26;
/// Where the frame's number begins.
pub const FRAME_AT: u32 = DEPTH_AT + DEPTH_BITS;
/// Where the gas begins.
pub const GAS_AT: u32 = FRAME_AT + 26;
/// Words that a stack holds at most (Yellow Paper, 9.1).
pub const STACK_LIMIT: u64 = 1024;
/// The address field of the word at the top of a stack is one less than this: addresses are relative to the word below the
/// 17 topmost ones, which is as deep as an opcode looks.
pub const STACK_BIAS: u64 = 17;
/// Far words begin here: word `i` of region `r` is at `FAR_AT + 2^32 r + 32 i`, so an address in a region is one of a byte, and only
/// multiples of 32 are addresses of words.
pub const FAR_AT: u64 = 1 << 48;
/// Bits of an address in a region of far words.
pub const REGION_BITS: u32 = 32;
/// The region of code `number` is this number plus it; those below are numbers of frames, but for 0, the journal of storage, and the
/// greatest, the list of transient words.
pub const CODE_REGIONS: u64 = 1 << 26;
/// Address of the instruction that begins the opcode 0.
pub const OPCODES_AT: u64 = 1 << 14;
/// How much further the instruction stands that proves that an opcode cannot begin.
pub const FAULTS: u64 = 1 << 9;
/// The same as [`OPCODES_AT`] for opcodes that are jumped to: only JUMPDEST has an instruction.
pub const LANDINGS_AT: u64 = OPCODES_AT + 2 * FAULTS;

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
        /// D is what the next five say, not the service's result: the sum of them.
        Own,
        /// A.
        CopyA,
        /// B.
        CopyB,
        /// `(A.lo, B.hi)`.
        Cross,
        /// `(0, A.hi * 2^128 + A.lo)`, in the field.
        Join,
        /// `(0, 1)`.
        One,
        /// `A = B`.
        Equal,
        /// The program ends here; without `Own` the codes follow.
        Halt,
        /// C is the register word of a frame, which advances by the immediate.
        Evm,
        /// A's address is relative to the stack.
        StackA,
        /// B's address is relative to the stack.
        StackB,
        /// A is taken off its place.
        PopA,
        /// B is taken off its place.
        PopB,
        /// A is the data of a PUSH, at the program counter plus its address.
        Data,
        /// B's address is A.
        FarB,
        /// D's address is A.
        FarD,
        /// A and B change places.
        Swap,
        /// The next opcode is read; it says which instruction is next. D is not written.
        Fetch,
        /// With `Fetch`: D is a new word on the stack.
        Push,
        /// With `Fetch`: the program counter becomes A.
        Jump,
        /// With `Fetch` and `Push`: the opcode is part of D instead, and does not say what is next.
        Take,
    }
}

/// What a service message asks of another chip. Operands that a service does not name must be 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Service {
    /// `D.lo` is group `C.lo` of stream `A.lo`; C advances by 1.
    Bytes,
    /// Of the `B.lo` payload bytes from byte `A.lo`: `D.lo` is the value of all but the first, `D.hi` says what the first is (see
    /// [`crate::io`]). C, which must be 0, becomes how many are not zero.
    Span,
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
    /// `D = A * (C.lo + 1) + B`, below 2^256.
    Add,
    /// `D = A * (C.lo + 1) + B - 2^256`, from 2^256 on.
    AddOver,
    /// `D = A * (C.lo + 1) - B`, not below 0.
    Sub,
    /// `D = A * (C.lo + 1) - B + 2^256`: it proves `A * (C.lo + 1) < B`.
    Less,
    /// `D = 2^(A.lo)`, for `A.lo` below 256.
    Power,
    /// D is A and B, bit by bit.
    And,
    /// D is A or B.
    Or,
    /// D is A exclusive-or B.
    Xor,
    /// `D = A * B` modulo 2^256.
    Product,
    /// `D = A * B`, below 2^256.
    Exact,
    /// The word B is word `C.lo` of code `A.lo`; C advances by 1.
    CodeWord,
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
    /// With the stamp `C.lo`: `D.lo` is the account's nonce, or the slot's mark; B is `(created, 0)`, or the slot's original word.
    Mark,
    /// With the stamp `C.lo`, which advances: the balance or value becomes B, the nonce or a slot's mark `A.lo`. An account's mark
    /// becomes `A.hi`; for a slot `A.hi` is 1 if its word until now is the original one from now on, else 0.
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
            Self::Span => (b.span, 0),
            Self::Keccak => (b.keccak, 0),
            Self::Key { odd, y } => (b.ecdsa, u64::from(odd) + 2 * u64::from(y)),
            Self::Add => (b.arith, 2),
            Self::AddOver => (b.arith, 4),
            Self::Sub => (b.arith, 3),
            Self::Less => (b.arith, 1),
            Self::Power => (b.power, 0),
            Self::And => (b.logic, 0),
            Self::Or => (b.logic, 1),
            Self::Xor => (b.logic, 2),
            Self::Product => (b.product, 0),
            Self::Exact => (b.product, 1),
            Self::CodeWord => (b.code_word, 0),
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

/// One way in which an instruction goes: an entry of the ROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Control bits: bit `i` is control `i` of [`Op`].
    pub controls: u64,
    /// What the service message asks, if there is one.
    pub service: Option<Service>,
    /// Immediate.
    pub imm: Fr,
    /// Addresses of A, B, C, D.
    pub operands: [u16; 4],
    /// With [`Op::Fetch`]: how far the next opcode is, in bytes.
    pub advance: u16,
    /// Address of the next instruction; with [`Op::Fetch`] the opcode is added to it.
    pub next: u64,
}

impl Entry {
    /// Whether control `op` is set.
    pub fn has(&self, op: Op) -> bool {
        self.controls >> (op as u8) & 1 == 1
    }
    /// Number of the service's bus and the code; 0 without one.
    pub fn message(&self, buses: &Buses) -> (u64, u64) {
        self.service.map_or((0, 0), |s| {
            let (bus, code) = s.message(buses);
            (bus.number(), code)
        })
    }
    /// The entry of the `rom` table for an instruction at `address`.
    pub fn values(&self, address: u64, buses: &Buses) -> Vec<Fr> {
        let (bus, code) = self.message(buses);
        let bits = Op::ALL.len() as u32;
        let advance = (u64::from(self.advance), FIELD_BITS);
        let controls = [(self.controls, bits), (code, FIELD_BITS), (bus, FIELD_BITS)];
        let [controls, code, bus] = controls;
        vec![
            Fr::from(address),
            Fr::from(self.next),
            self.imm,
            packed(self.operands.map(|a| (u64::from(a), FIELD_BITS))),
            packed([controls, code, bus, advance]),
        ]
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
