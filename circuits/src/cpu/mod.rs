//! The `cpu` chip: one contiguous run of rows from the start row to a halt, and the uses of accounts and slots.
//!
//! | kind | rows | does |
//! |---|---|---|
//! | `cpu.word` | 1 | begins and ends one word that begins as 0; the first one is the start row |
//! | `cpu.op` | 2 | executes one micro-instruction |
//! | `cpu.record` | 1 | takes and makes the record of an account or slot |
//!
//! # `cpu.word`
//!
//! One row for each word that begins as 0: the scratch words and far words that the program uses, in increasing order of their addresses,
//! before the first instruction. It makes the word's first token, `(address, 0, 0)` at time 0, and takes its last one,
//! whatever that is. Word 0 begins with the public input: on the start row `initial` is the instance.
//!
//! ```text
//! address = 0 on the start row,  clock = 1 on the start row,    clock' = clock + 4 far begins,   far = (clock - 1) / 4
//! address' = address + 1, or + 32 + 32 gap if far,              or 2^48 if far begins, or the first instruction's below the last word
//! gap (1 - far + last) = 0,      far far begins = 0,            address * initial = 0
//! ```
//!
//! Scratch words are all there, without a gap. Far words begin at 2^48 and have multiples of 32 as addresses. Gaps are five looked-up limbs,
//! so addresses strictly increase and each word is made once at most.
//!
//! # `cpu.op`
//!
//! A row executes an entry of the ROM for `upc`. Its operands are words: reading consumes the token
//! of the word and makes it anew at the current clock, writing consumes the old word and makes the new one. All four
//! operands are always on; words kept at 0 stand in for what an instruction does not need. One *service message* asks another
//! chip for a fact, writes a word to a byte stream, uses a record, or begins and ends the chain of state roots. It has the same operands at
//! the same places for all services ([`crate::buses::place`]); the ROM gives bus and code.
//!
//! ```text
//! d.hi = (1 - own) result.hi + copy_a a.hi + copy_b b.hi + cross a.lo
//! d.lo = (1 - own) result.lo + copy_a a.lo + copy_b b.lo + cross b.hi + join (2^128 a.hi + a.lo) + one + take old.lo
//! own (1 - serve) result = 0,  equal (a - b) = 0,  (1 - serve) step = 0
//! b.lo = stored + (1 - evm) imm,  shown = (1 - evm) c
//! (1 - halt own) (upc' - next) = (fetch - take) (old.lo + 512 fault),  (1 - fetch + take) fault = 0
//! (1 - halt) (clock' - clock - 4) = 0
//! ```
//!
//! The ROM's packed fields are read back without doubt, because addresses, advance, bus and code are below 2^13 and control bits
//! are bits. An instruction has several entries where the prover may choose.
//!
//! *Instructions of the EVM.* With `evm` C is a register word ([`isa`]), whose low half is taken apart into looked-up limbs:
//!
//! ```text
//! evm c.lo = pc + 2^26 stack + 2^65 gas,  stack = depth + 2^13 frame,  depth + room = 1024 evm
//! at_a = field_a + stack_a (stack - 17) + data pc,  at_b = field_b + stack_b (stack - 17) + far_b a.lo
//! at_d = field_d + push (stack - 17) + far_d a.lo,  to_a = at_a + swap (at_b - at_a)
//! advanced = evm imm + jump (a.lo - pc),            jump a.hi = 0
//! at_old = at_d + fetch (pc + advance - at_d) + jump (a.lo - pc)
//! ```
//!
//! A and B are on the bus `stack` with `stack_a`, `stack_b`, D with `push`; A is a fact of the bus `push` with `data`, and the old word at D one
//! of the bus `code` with `fetch`: the opcode that comes next, of the code whose number is in C's high half. Words that are popped
//! are not made anew. With `swap` A is made at B's address one tick later than otherwise, when B was taken.
//!
//! # `cpu.record`
//!
//! One access: takes the record at its time, makes it at the time `now` with values 1 to 3 changed, and makes three tokens on the
//! bus `record` under the stamp `now`: what it was (`Account`, `Slot`, `Mark`), what it becomes (`Update`). Whoever takes
//! these says with them which record it is and what it becomes; for an account also its mark (value 5), for a slot whether the word until now is
//! the original one from now on (values 6 and 7). The program takes the three of one stamp and then
//! advances the stamp, so a stamp belongs to one row.
//!
//! # What it relies on
//!
//! Every half of a word, on a stack or not, is below 2^128, except for words that the program uses as field elements (`(0, element)`).
//! The program keeps to that: halves come from `arith`, `product`, `logic`, `push`, `keccak`, `ecdsa` and `bytes` facts, which range their
//! results, from spans of 16 bytes after the first, from immediates, or from records of the state. Of these `tree` ranges nonce and high half of an account; the
//! others hold by induction from genesis, because whoever makes a record's token has ranged what it writes. `CopyA` and `CopyB` together add
//! halves without a carry; it is used with one summand 0, for field elements, and for small counters.
//!
//! # What it does not constrain
//!
//! The result of an instruction without service that is not `own`: any two field elements. [`asm::Asm`] uses it for hints,
//! which an `arith` fact, a `word` token or another service pins, and for words that nobody reads. A jump hint goes either way. The
//! last age limb's range makes `now - time - 1 < 2^26`; clock and stamps stay below 2^26 because a table has at most 2^20
//! rows of which two are an instruction of four ticks.

pub mod asm;
mod columns;
mod constraints;
pub mod interpreter;
pub mod isa;
pub mod listing;
mod memory;
pub mod opcodes;
pub mod profile;
pub mod program;

pub use columns::{InitialCells, OpCells, RecordCells};

use crate::{
    buses::Buses,
    framework::{BusKind, KindId, MachineBuilder, State},
};

/// The chip's kinds and cells.
#[derive(Clone, Debug)]
pub struct CpuChip {
    /// Rows that begin and end scratch words; the first is the start row.
    pub word: KindId,
    /// Cells of a `word` row.
    pub word_cells: InitialCells,
    /// Rows that compute.
    pub op: KindId,
    /// Cells of an `op` row.
    pub op_cells: OpCells,
    /// Uses of accounts and slots.
    pub record: KindId,
    /// Cells of a `record` row.
    pub record_cells: RecordCells,
    /// The state of the run after the last instruction, where the codes follow.
    pub codes: State,
    buses: Buses,
}

#[cfg(test)]
impl CpuChip {
    /// The shared buses.
    pub(crate) fn buses(&self) -> &Buses {
        &self.buses
    }
}

/// Declares the chip with the program as its ROM.
pub fn define(b: &mut MachineBuilder, buses: &Buses, program: &asm::Program) -> CpuChip {
    let [memory, stack] = ["memory", "stack"].map(|name| b.bus(name, BusKind::Token, 4));
    let first = program.first_upc();
    let rom = b.table("rom", || {
        let values = |w: &asm::Word| {
            let entries = w.entries.iter();
            entries
                .map(|e| e.values(w.address, buses))
                .collect::<Vec<_>>()
        };
        program.words.iter().flat_map(values).collect()
    });
    let states = constraints::States {
        words: b.state(),
        running: b.state(),
        codes: b.state(),
    };
    let (word, word_cells) = constraints::define_words(b, memory, first, states);
    let (op, op_cells) = constraints::define_op(b, buses, [memory, stack], rom, states);
    let (record, record_cells) = constraints::define_record(b, buses);
    CpuChip {
        word,
        word_cells,
        op,
        op_cells,
        record,
        record_cells,
        codes: states.codes,
        buses: *buses,
    }
}
