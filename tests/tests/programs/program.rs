//! Programs as a generator makes them, and their bytes.

use alloy_primitives::{U256, hex};
use circuits::cpu::opcodes::{Opcode, opcode};
use std::fmt::{self, Write};

/// Words that a stack holds at most.
pub(crate) const STACK_LIMIT: usize = 1024;
/// Steps of the sled with which a program ends: each costs one gas, so where it is entered shows in the gas used.
const SLED: usize = 64;

/// Where an operand comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand {
    /// It is pushed.
    Word(U256),
    /// It is a copy of a word of the stack, as deep as that goes.
    Copy(u8),
    /// It is what the stack holds.
    Kept,
}

/// A part of a program.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// An opcode with its operands, the one at the top first.
    Op(u8, Vec<Operand>),
    /// A PUSH of so many bytes.
    Push(u8, U256),
    /// A DUP of a word that is there.
    Dup(u8),
    /// A SWAP with a word that is there.
    Swap(u8),
    /// A JUMPI over what follows.
    If(Operand, Vec<Self>),
    /// A JUMP over bytes.
    Skip(Vec<u8>),
    /// So many rounds.
    Loop(u8, Vec<Self>),
    /// Pushes until the stack has so many words.
    Fill(u16),
    /// Bytes, whatever they do.
    Bytes(Vec<u8>),
    /// A jump to a word, whatever is there.
    Jump(U256, bool),
}

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Words of the stack, and the memory, are folded into one, which becomes a slot and a place in the sled.
    Fold,
    /// With the code.
    Code,
    /// With STOP.
    Stop,
}

/// What gas limit a call has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gas {
    /// More than enough, unless a loop does not end.
    Plenty,
    /// What a step of the execution needs, less so much.
    Edge(proptest::sample::Index, u64),
    /// This.
    Limit(u64),
}

/// One transaction to the program.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Which of the senders.
    pub(crate) sender: u8,
    /// Its gas limit.
    pub(crate) gas: Gas,
    /// Wei.
    pub(crate) value: u64,
    /// Calldata.
    pub(crate) input: Vec<u8>,
    /// Type of the envelope.
    pub(crate) kind: u8,
    /// Slots of the access list, of the program's own account or of its neighbour.
    pub(crate) list: Vec<(bool, u64)>,
}

/// A program, what its account has, and who calls it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Its parts.
    pub(crate) pieces: Vec<Piece>,
    /// Its bytes, if they are not those of its parts.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Its end.
    pub(crate) end: End,
    /// Storage before.
    pub(crate) storage: Vec<(u64, U256)>,
    /// Transactions to it, each in another block.
    pub(crate) calls: Vec<Call>,
}

/// Whether the machine has microcode for an opcode.
pub(crate) fn has_microcode(byte: u8) -> bool {
    use circuits::{cpu::isa::OPCODES_AT, machine::MainMachine};
    let program = &MainMachine::get().program;
    program.index(OPCODES_AT + u64::from(byte)).is_some()
}

/// The places of a code's opcodes.
pub(crate) fn places(code: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (0, vec![]);
    while let Some(byte) = code.get(at) {
        places.push(at);
        at += match byte {
            0x60..=0x7f => usize::from(byte - 0x5e),
            _ => 1,
        };
    }
    places
}

/// Bytes so far, and how many words the stack surely has.
#[derive(Default)]
struct Writer {
    code: Vec<u8>,
    depth: usize,
}

impl Writer {
    fn push(&mut self, word: U256) {
        let bytes = word.to_be_bytes_trimmed_vec();
        self.code.push(0x5f + bytes.len() as u8);
        self.code.extend(bytes);
        self.depth += 1;
    }

    /// PUSH2 of a place that is not known yet.
    fn push_place(&mut self) -> usize {
        self.code.extend([0x61, 0, 0]);
        self.code.len() - 2
    }

    /// The place is here, at a JUMPDEST.
    fn land(&mut self, place: usize) {
        let here = self.code.len() as u16;
        self.code[place..place + 2].copy_from_slice(&here.to_be_bytes());
        self.code.push(0x5b);
    }

    fn operands(&mut self, operands: &[Operand]) {
        let kept = operands.iter().filter(|o| matches!(o, Operand::Kept));
        for _ in self.depth..kept.count() {
            self.push(U256::from(self.code.len()));
        }
        for operand in operands.iter().rev() {
            match operand {
                Operand::Word(word) => self.push(*word),
                Operand::Copy(k) => self.dup(*k),
                Operand::Kept => {}
            }
        }
    }

    fn dup(&mut self, k: u8) {
        if self.depth == 0 {
            return self.push(U256::from(k));
        }
        self.code.push(0x80 + k % self.depth.min(16) as u8);
        self.depth += 1;
    }

    fn op(&mut self, o: &Opcode) {
        self.code.push(o.byte);
        self.depth = self.depth.saturating_sub(o.pops as usize) + o.pushes as usize;
    }

    /// The opcode, if it has microcode.
    fn op_if_any(&mut self, byte: u8) -> bool {
        let o = opcode(byte).filter(|o| has_microcode(o.byte));
        o.inspect(|o| self.op(o)).is_some()
    }

    fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Op(byte, operands) => {
                self.operands(operands);
                self.op(opcode(*byte).unwrap());
            }
            Piece::Push(width, word) => {
                let bytes: [u8; 32] = word.to_be_bytes();
                self.code.push(0x5f + width);
                self.code.extend(&bytes[32 - usize::from(*width)..]);
                self.depth += 1;
            }
            Piece::Dup(k) => self.dup(*k),
            Piece::Swap(k) => {
                let others = self.depth.saturating_sub(1).min(16) as u8;
                if let Some(k) = k.checked_rem(others) {
                    self.code.push(0x90 + k);
                }
            }
            Piece::If(condition, body) => {
                self.operands(&[*condition]);
                let end = self.push_place();
                self.code.push(0x57);
                self.depth -= 1;
                let before = self.depth;
                body.iter().for_each(|p| self.piece(p));
                self.land(end);
                self.depth = self.depth.min(before);
            }
            Piece::Skip(bytes) => {
                let end = self.push_place();
                self.code.push(0x56);
                self.code.extend(bytes);
                // The last bytes may be a PUSH that takes the JUMPDEST for data.
                self.code.extend([0xfe; 32]);
                self.land(end);
            }
            Piece::Loop(times, body) => self.rounds(*times, body),
            Piece::Fill(depth) => {
                for i in self.depth..usize::from(*depth) {
                    match i % 64 {
                        0 => self.push(U256::from(i)),
                        1 => self.dup(0),
                        _ => self.push(U256::ZERO),
                    }
                }
            }
            Piece::Bytes(bytes) => self.code.extend(bytes),
            Piece::Jump(to, conditional) => {
                let condition = conditional.then_some(U256::from(1));
                condition.into_iter().for_each(|word| self.push(word));
                self.push(*to);
                self.code.push(0x56 + u8::from(*conditional));
                self.depth -= 1 + usize::from(*conditional);
            }
        }
    }

    /// The counter is at the top of the stack before and after each round; the body sees nothing below it.
    fn rounds(&mut self, times: u8, body: &[Piece]) {
        self.push(U256::from(times));
        let below = std::mem::take(&mut self.depth);
        let start = self.code.len() as u16;
        self.code.push(0x5b);
        body.iter().for_each(|p| self.piece(p));
        self.code.extend(vec![0x50; self.depth]);
        let [high, low] = start.to_be_bytes();
        let again = [0x60, 1, 0x90, 0x03, 0x80, 0x61, high, low, 0x57, 0x50];
        self.code.extend(again);
        self.depth = below - 1;
    }

    fn end(&mut self, end: End) {
        match end {
            End::Code => return,
            End::Stop => return self.code.push(0x00),
            End::Fold => {}
        }
        // KECCAK256 of the memory, if both opcodes are there.
        if has_microcode(0x20) && has_microcode(0x59) && self.depth < STACK_LIMIT - 2 {
            self.op_if_any(0x59);
            self.push(U256::ZERO);
            self.op_if_any(0x20);
        }
        if self.depth == 0 {
            self.push(U256::ZERO);
        }
        for _ in 1..self.depth.min(24) {
            if self.depth < STACK_LIMIT {
                self.push(U256::from(0x9e37_79b1_u32));
                self.code.push(0x02);
            }
            self.code.push(0x01);
            self.depth -= 2;
        }
        if has_microcode(0x55) && self.depth < STACK_LIMIT - 1 {
            self.dup(0);
            self.push(U256::from(0x1d));
            self.op_if_any(0x55);
        }
        if self.depth >= STACK_LIMIT {
            return;
        }
        // The highest bits of the product depend on all bits of the word.
        let mut factor = [0x9b; 32];
        factor[0] = 0x51;
        self.push(U256::from_be_bytes(factor));
        self.code.extend([0x02, 0x60, 250, 0x1c]);
        let place = self.push_place();
        self.code.extend([0x01, 0x56]);
        self.land(place);
        self.code.extend([0x5b; SLED - 1]);
    }
}

impl Program {
    /// Its bytes. An opcode without microcode, which only [`Piece::Bytes`] can bring, becomes a JUMPDEST.
    pub(crate) fn code(&self) -> Vec<u8> {
        if let Some(bytes) = &self.bytes {
            return bytes.clone();
        }
        let mut writer = Writer::default();
        self.pieces.iter().for_each(|p| writer.piece(p));
        writer.end(self.end);
        let mut code = writer.code;
        // What runs is among these places, also where bytes took the beginning of what follows for data.
        for at in places(&code) {
            if opcode(code[at]).is_some_and(|o| !has_microcode(o.byte)) {
                code[at] = 0x5b;
            }
        }
        code
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code();
        writeln!(f, "code: {}", hex::encode(&code))?;
        let mut listing = String::new();
        // Without the sled.
        let steps = code.iter().rev().take_while(|b| **b == 0x5b).count();
        let places = places(&code[..code.len() - steps.saturating_sub(1)]);
        for (i, at) in places.iter().enumerate() {
            let end = places.get(i + 1).copied().unwrap_or(at + 1);
            let name = opcode(code[*at]).map_or("?", |o| o.name);
            write!(listing, "{name}")?;
            if end > at + 1 {
                write!(listing, " 0x{}", hex::encode(&code[at + 1..end]))?;
            }
            listing.push(' ');
        }
        writeln!(f, "     {listing}")?;
        writeln!(f, "storage: {:?}", self.storage)?;
        write!(f, "calls: {:?}", self.calls)
    }
}
