//! The `cpu` chip: one contiguous run of micro-instructions from the start row to a halt.
//!
//! A row executes the ROM word at `upc`. Its operands are scratch words of the `memory` bus: reading consumes the token
//! of the word and makes it anew at the current clock, writing consumes the old word and makes the new one. One *service
//! message* a row asks another chip for a fact (payload bytes, RLP items, hashes, signatures, arithmetic) or sends a word
//! to a byte stream. `state` rows consume and make account and storage records and hold the ends of the chains.
//!
//! # What it relies on
//!
//! Every half of a scratch word is below 2^128, except for words that the program uses as field elements (`(0, element)`).
//! The program keeps to that: halves come from `arith`, `item`, `keccak`, `ecdsa` and `bytes` facts, which range their
//! results, from immediates, or from records of the state. Of these `tree` ranges nonce and high half of an account; the
//! others hold by induction from genesis, because whoever makes a record's token has ranged what it writes.
//!
//! # What it does not constrain
//!
//! A hint is any word (ranged by an `arith` fact); what pins it is in the program. `JumpHint` goes either way. The last
//! age limb's range makes `now - time - 1 < 2^26`; the clock stays below 2^26 because a table has at most 2^20 rows of
//! which two are an instruction of four ticks.

pub mod asm;
mod columns;
mod constraints;
pub mod interpreter;
pub mod isa;
pub mod program;

pub use columns::{OpCells, StateCells};

use crate::{
    buses::Buses,
    framework::{Bus, BusKind, KindId, MachineBuilder},
};
use isa::{Op, StateOp};

/// Buses of the cpu's own.
#[derive(Clone, Copy, Debug)]
pub struct CpuBuses {
    /// Token `(space, id, address, hi, lo, time)`.
    pub memory: Bus,
}

/// The chip's kinds and cells.
#[derive(Clone, Debug)]
pub struct CpuChip {
    /// Rows that compute.
    pub op: KindId,
    /// Cells of an `op` row.
    pub op_cells: OpCells,
    /// Rows that reach the state; also the start row.
    pub state: KindId,
    /// Cells of a `state` row.
    pub state_cells: StateCells,
    buses: Buses,
}

/// The controls that put a service message on a bus, and whether they make a token.
fn service_choices(b: &Buses) -> [(Op, Bus, bool); 15] {
    [
        (Op::Bytes, b.bytes, false),
        (Op::ItemInt, b.item, false),
        (Op::ItemFixed, b.item, false),
        (Op::ItemLength, b.item, false),
        (Op::Count, b.count, false),
        (Op::Keccak, b.keccak, false),
        (Op::KeyX, b.ecdsa, false),
        (Op::KeyY, b.ecdsa, false),
        (Op::Add, b.arith, false),
        (Op::Sub, b.arith, false),
        (Op::Less, b.arith, false),
        (Op::Hint, b.arith, false),
        (Op::Permute, b.permute, false),
        (Op::Compress, b.compress, false),
        (Op::Word, b.word, true),
    ]
}

/// The controls that put a chain message on a bus, and whether they make a token.
fn chain_choices(b: &Buses) -> [(StateOp, Bus, bool); 4] {
    [
        (StateOp::TreeBegin, b.tree, true),
        (StateOp::TreeEnd, b.tree, false),
        (StateOp::PayloadBegin, b.payload, true),
        (StateOp::PayloadEnd, b.payload, false),
    ]
}

/// The controls that take and make a record.
fn record_choices(b: &Buses) -> [(StateOp, Bus); 2] {
    [(StateOp::Account, b.account), (StateOp::Storage, b.storage)]
}

/// Declares the chip with the program as its ROM.
pub fn define(b: &mut MachineBuilder, buses: &Buses, program: &asm::Program) -> CpuChip {
    let cpu = CpuBuses {
        memory: b.bus("memory", BusKind::Token, 6),
    };
    let rom = b.table("rom", || {
        program
            .words
            .iter()
            .enumerate()
            .map(|(upc, w)| w.values(upc as u64))
            .collect()
    });
    let running = b.state();
    let (op, op_cells) = constraints::define_op(b, buses, &cpu, rom, running);
    let (state, state_cells) = constraints::define_state(b, buses, &cpu, rom, running);
    CpuChip {
        op,
        op_cells,
        state,
        state_cells,
        buses: *buses,
    }
}
