//! What an execution was doing when: transactions, opcodes, parts of the program, and how much each had asked for by then.

use super::{asm::Program, isa::OPCODES_AT};

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// The opcode with this byte, or the proof that it cannot begin.
    Opcode(u8),
    /// A part of the program outside of contracts, by the index of its first instruction; see [`Program::part`].
    Part(u64),
}

impl Activity {
    /// What the instruction with this index belongs to, if it does not go on with an opcode.
    pub fn of(program: &Program, index: u64) -> Option<Self> {
        if !program.opcodes.contains(&index) {
            return Some(Self::Part(program.part_begin(index)));
        }
        let word = program.words.get(usize::try_from(index).ok()?)?;
        let at = word.address.checked_sub(OPCODES_AT)?;
        Some(Self::Opcode((at & 0xff) as u8))
    }
    /// Its name: an opcode's in the execution specification, or what a part is for.
    pub fn name(self, program: &Program) -> String {
        match self {
            Self::Opcode(byte) => super::opcodes::name(byte),
            Self::Part(index) => program.part(index).to_owned(),
        }
    }
}

/// A moment at which another activity begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number of the transaction in the segment, from 1, if one is being executed.
    pub transaction: Option<u64>,
    /// What begins.
    pub activity: Activity,
    /// Micro-instructions before.
    pub instructions: usize,
    /// What was asked for before.
    pub asked: Asked,
}

/// How many of each the program has asked for; the order is that of [`crate::witness::Requests`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Accesses to records.
    pub accesses: usize,
    /// Linear operations.
    pub ariths: usize,
    /// Products.
    pub products: usize,
    /// Bitwise operations.
    pub logics: usize,
    /// Words written to streams.
    pub words: usize,
    /// Rows that read the payload.
    pub reads: usize,
    /// Runs of the keccak sponge.
    pub keccaks: usize,
    /// Keys recovered from signatures.
    pub signatures: usize,
    /// Poseidon2 permutations.
    pub permutations: usize,
}

/// Notes the marks of an execution.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    pub(super) marks: Vec<Mark>,
    instructions: usize,
    transactions: u64,
}

impl Recorder {
    /// The instruction with this index is next. An opcode begins only if it was `fetched`: one may go on as another one.
    pub(super) fn next(
        &mut self,
        program: &Program,
        index: u64,
        fetched: bool,
        asked: impl Fn() -> Asked,
    ) {
        self.transactions += u64::from(index == program.transaction.start);
        let begins = |a: &Activity| fetched || matches!(a, Activity::Part(_));
        if let Some(activity) = Activity::of(program, index).filter(begins) {
            let inside = program.transaction.contains(&index);
            let transaction = inside.then_some(self.transactions);
            let goes_on = |m: &Mark| {
                (m.transaction, m.activity) == (transaction, activity)
                    && matches!(activity, Activity::Part(_))
            };
            if !self.marks.last().is_some_and(goes_on) {
                self.marks.push(Mark {
                    transaction,
                    activity,
                    instructions: self.instructions,
                    asked: asked(),
                });
            }
        }
        self.instructions += 1;
    }
}
