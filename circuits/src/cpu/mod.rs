//! The `cpu` chip: one contiguous run of rows from the start row to a halt, and the uses of accounts and slots.
//!
//! | kind | rows | does |
//! |---|---|---|
//! | `cpu.word` | 1 | begins and ends one scratch word; the first one is the start row |
//! | `cpu.op` | 2 | executes one micro-instruction |
//! | `cpu.record` | 1 | takes and makes the record of an account or slot |
//!
//! # `cpu.word`
//!
//! One row for each scratch word, in the order of their addresses, before the first instruction: it makes the word's first token,
//! `(address, 0, 0)` at time 0, and takes its last one, whatever that is. Word 0 begins with the public input: on the start
//! row `initial` is the instance.
//!
//! ```text
//! address = 0 on the start row,  address' = address + 1,  address in the table of scratch addresses
//! address * initial = 0,         clock' = clock
//! ```
//!
//! The row below the last one is the first instruction, by the same relation: its address is the number of scratch words, and
//! no smaller address is in the ROM, no greater one in the table. So each word is made exactly once.
//!
//! # `cpu.op`
//!
//! A row executes an entry of the ROM for `upc`. Its operands are scratch words of the `memory` bus: reading consumes the token
//! of the word and makes it anew at the current clock, writing consumes the old word and makes the new one. All four
//! operands are always on; words kept at 0 stand in for what an instruction does not need. One *service message* asks another
//! chip for a fact (payload bytes, hashes, signatures, arithmetic), writes a word to a byte stream, uses a
//! record, or begins and ends the chain of state roots. It has the same operands at the same places for all services
//! ([`crate::buses::place`]); the ROM gives bus and code.
//!
//! ```text
//! own = copy + cross + join
//! own d.hi = copy (a.hi + b.hi) + cross a.lo
//! own d.lo = copy (a.lo + b.lo) + cross b.hi + join (2^128 a.hi + a.lo)
//! equal (a - b) = 0,  (1 - serve) step = 0
//! (1 - halt) (upc' - next) = 0,  (1 - halt) (clock' - clock - 4) = 0
//! ```
//!
//! The ROM's packed fields are read back without doubt, because addresses, bus and code are below 2^13 and control bits
//! are bits. An instruction has a second entry where the prover may choose the next instruction.
//!
//! # `cpu.record`
//!
//! One access: takes the record at its time, makes it at the time `now` with values 1 to 3 changed, and makes three tokens on the
//! bus `record` under the stamp `now`: what it was (`Account`, `Slot`, `Mark`), what it becomes (`Update`). Whoever takes
//! these says with them which record it is and what it becomes. The program takes the three of one stamp and then
//! advances the stamp, so a stamp belongs to one row.
//!
//! # What it relies on
//!
//! Every half of a scratch word is below 2^128, except for words that the program uses as field elements (`(0, element)`).
//! The program keeps to that: halves come from `arith`, `keccak`, `ecdsa` and `bytes` facts, which range their
//! results, from spans of 16 bytes after the first, from immediates, or from records of the state. Of these `tree` ranges nonce and high half of an account; the
//! others hold by induction from genesis, because whoever makes a record's token has ranged what it writes. `Copy` adds
//! halves without a carry; it is used with one summand 0, for field elements, and for small counters.
//!
//! # What it does not constrain
//!
//! D of an instruction without service and without a result of its own: any two field elements. [`asm::Asm`] uses it for hints,
//! which an `arith` fact, a `word` token or another service pins, and for words that nobody reads. A jump hint goes either way. The
//! last age limb's range makes `now - time - 1 < 2^26`; clock and stamps stay below 2^26 because a table has at most 2^20
//! rows of which two are an instruction of four ticks.

pub mod asm;
mod columns;
mod constraints;
pub mod interpreter;
pub mod isa;
mod memory;
pub mod opcodes;
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
