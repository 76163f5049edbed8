//! Whole segments on the whole machine.

mod book;
mod choices;
mod coverage;
mod evm;
mod forgeries;
mod mutation;
mod rules;
mod segments;
mod teeth;

use super::MainMachine;
use crate::{
    Fr,
    cpu::{asm::Program, isa::Entry},
    framework::table::Table,
    sample::{Chain, address, dynamic, key, sign, transfer},
    testing::{assert_golden, assert_holds, operations},
    witness::SegmentInput,
};
use alloy_primitives::{Address, U256};
use protocol::{
    field,
    transaction::{AccessListItem, Envelope},
};

/// Transfers of every type, with and without data, an empty block, a transfer to oneself, one of nothing.
pub(crate) fn mixed() -> SegmentInput {
    let mut chain = Chain::new(3, 5);
    let to = Address::repeat_byte(0x77);
    let mut data = transfer(
        1,
        to,
        U256::from(5),
        Envelope::Legacy {
            gas_price: 2_000_000_000,
        },
    );
    data.input = vec![0, 1, 2, 0, 0, 9].into();
    let list = vec![
        AccessListItem {
            address: to,
            storage_keys: vec![],
        },
        AccessListItem {
            address: to,
            storage_keys: vec![U256::from(1).into(), U256::from(2).into()],
        },
    ];
    let with_list = Envelope::AccessList {
        gas_price: 4_000_000_000,
        access_list: list,
    };
    let first = vec![
        sign(transfer(0, to, U256::from(1), dynamic()), &key(0)),
        sign(data, &key(0)),
        sign(
            transfer(0, address(&key(0)), U256::MAX >> 200, with_list),
            &key(1),
        ),
    ];
    chain.batch(vec![
        first,
        vec![],
        vec![sign(transfer(2, to, U256::ZERO, dynamic()), &key(0))],
    ])
}

/// The machine, whose witness generator follows another program's choices; the ROM stays.
fn with_program(program: Program) -> MainMachine {
    let m = MainMachine::get();
    MainMachine {
        machine: m.machine.clone(),
        program,
        cpu: m.cpu.clone(),
        code: m.code.clone(),
        io: m.io.clone(),
        arith: m.arith.clone(),
        product: m.product.clone(),
        logic: m.logic.clone(),
        keccak: m.keccak.clone(),
        hash: m.hash.clone(),
        secp: m.secp.clone(),
        tree: m.tree.clone(),
    }
}

impl MainMachine {
    /// Index of the instruction that a row of `cpu.op` executes, and of its entry.
    fn taken(&self, table: &Table, row: usize) -> (usize, usize) {
        let c = &self.cpu.op_cells;
        let cell = |cell| table.cell(row, cell);
        let small = |at| field::to_word(&cell(at)).to::<u64>();
        let index = self.program.index(small(c.upc)).unwrap() as usize;
        let controls: Vec<Fr> = c.controls.iter().map(|b| cell(*b)).collect();
        let is_taken = |e: &Entry| {
            let (bus, code) = e.message(self.cpu.buses());
            let bits = (0..controls.len()).map(|i| Fr::from(e.controls >> i & 1));
            e.next == small(c.next)
                && e.imm == cell(c.imm)
                && (bus, code) == (small(c.bus), small(c.code))
                && (c.addresses.iter().zip(e.operands)).all(|(a, o)| small(*a) == u64::from(o))
                && bits.eq(controls.iter().copied())
        };
        let entries = &self.program.words[index].entries;
        (index, entries.iter().position(is_taken).unwrap())
    }
}

// POSITIVE

#[test]
fn a_mixed_batch_holds() {
    let m = MainMachine::get();
    let filled = m.fill(&mixed()).unwrap();
    assert_holds(&m.machine, &filled.table);
}

#[test]
fn the_machines_cost_is_the_golden_one() {
    let machine = &MainMachine::get().machine;
    let cost = machine.circuit_cost();
    let lines = [
        format!("kinds: {}", machine.kinds.len()),
        format!("advice columns: {}", cost.advice_columns),
        format!("fixed columns: {}", cost.fixed_columns),
        format!("degree: {}", cost.degree),
        format!("evaluations: {}", cost.evaluations),
        format!("field operations: {}", operations(machine)),
        format!("fixed table entries: {}", machine.entries.len()),
        format!(
            "micro-instructions: {}",
            MainMachine::get().program.words.len()
        ),
    ];
    assert_golden("machine", &lines);
    assert!(
        machine.entries.len() <= machine.capacity(15),
        "the fixed tables must fit the smallest shape"
    );
}
