//! Forged accounts and block hashes of a contract: another account's, another block's, warm for cold.

use super::{
    super::{
        evm::blocks::{Code, World},
        with_program,
    },
    Rows, refused,
};
use crate::{
    Fr,
    cpu::{asm::Choice, isa::Service},
    machine::MainMachine,
    testing::assert_holds,
    witness::SegmentInput,
};
use alloy_primitives::{Address, U256};
use protocol::{
    field,
    genesis::GenesisAccount,
    history::{HISTORY_ADDRESS, history_slot},
};
use std::sync::Arc;

/// The account that is looked at.
const OTHER: Address = Address::repeat_byte(0x0c);
/// Where the machine opens it.
const OPENING: &str = "any account is touched";

/// BALANCE of an account that is cold, and BLOCKHASH of a block before the batch.
fn input() -> SegmentInput {
    let mut world = World::new().behind(100, 0);
    let account = GenesisAccount {
        balance: U256::from(1) << 130,
        ..Default::default()
    };
    world.account(OTHER, account);
    let other = U256::from_be_bytes(OTHER.into_word().0);
    let code = Code::default()
        .push(other)
        .op(0x31)
        .push(U256::from(50))
        .op(0x40);
    let call = world.contract(code);
    assert!(world.agrees(&[vec![call]])[0].0);
    world.input(&[vec![call]])
}

fn honest() -> Rows {
    let rows = Rows::of(&input());
    assert_holds(&MainMachine::get().machine, &rows.build());
    rows
}

impl Rows {
    /// The only row that asks for this service in this part of the program.
    fn only(&self, part: &str, service: Service) -> usize {
        let rows = self.asking(part, service);
        assert_eq!(rows.len(), 1, "{part}");
        rows[0]
    }
}

// NEGATIVE

#[test]
fn a_cold_account_is_not_warm() {
    let m = MainMachine::get();
    let mut program = m.program.clone();
    let part = |i: &usize| m.program.part(*i as u64) == OPENING;
    let picks = (0..program.words.len()).filter(part);
    let picks = picks.filter(|i| program.words[*i].entries.len() > 1);
    let picks: Vec<usize> = picks.collect();
    assert_eq!(picks.len(), 1);
    program.words[picks[0]].choice = Some(Choice::Entry(Arc::new(|_| Ok(1))));
    let error = with_program(program).execute(&input()).map(|_| ());
    assert_eq!(error.unwrap_err().reason, "0 is not 1");

    // The mark that it did not have.
    let honest = honest();
    let access = honest.record(honest.only(OPENING, Service::Account));
    let c = &m.cpu.record_cells;
    let (mark, told) = (honest.get(access, c.record[5]), honest.get(access, c.told));
    assert_eq!([mark, told], [Fr::from(0), Fr::from(1)]);
    refused(&honest, "bus account", |r| r.add(access, c.record[5], 1));
    refused(&honest, "bus record", |r| r.add(access, c.told, 1));
}

#[test]
fn the_balance_is_that_of_the_account_on_the_stack() {
    let m = MainMachine::get();
    let honest = honest();
    let op = honest.only(OPENING, Service::Account);
    let (c, access) = (&m.cpu.op_cells, honest.record(op));
    refused(&honest, "bus record", |r| {
        r.add(op, c.result.lo, 1);
        r.add(op, c.d.lo, 1);
    });
    // Another account's record, in every row that says whose it is.
    let record = &m.cpu.record_cells.record;
    refused(&honest, "bus account", |r| r.add(access, record[0], 1));
    refused(&honest, "bus memory", |r| {
        r.add(op, c.a.lo, 1);
        r.add(access, record[0], 1);
    });
    refused(&honest, "bus account", |r| {
        r.add(access, record[3], 1);
        r.add(op, c.result.lo, 1);
        r.add(op, c.d.lo, 1);
    });
}

#[test]
fn a_block_hash_is_that_of_its_block() {
    let m = MainMachine::get();
    let honest = honest();
    let slot = honest.only("BLOCKHASH", Service::Slot);
    let (c, access) = (&m.cpu.op_cells, honest.record(slot));
    let record = &m.cpu.record_cells.record;
    let [key, of] = [record[5], record[0]].map(|cell| honest.get(access, cell));
    assert_eq!(key, Fr::from(history_slot(50).to::<u64>()));
    assert_eq!(of, field::from_address(HISTORY_ADDRESS));
    // Another hash; the hash of another block; that of another contract's slot.
    refused(&honest, "bus record", |r| {
        r.add(slot, c.result.lo, 1);
        r.add(slot, c.d.lo, 1);
    });
    refused(&honest, "bus storage", |r| {
        r.add(slot, c.result.lo, 1);
        r.add(slot, c.d.lo, 1);
        r.add(access, record[3], 1);
    });
    refused(&honest, "bus memory", |r| {
        r.add(slot, c.b.lo, 1);
        r.add(slot, c.stored, 1);
        r.add(access, record[5], 1);
    });
    refused(&honest, "bus memory", |r| {
        r.add(slot, c.a.lo, 1);
        r.add(access, record[0], 1);
    });
}

#[test]
fn a_block_hash_leaves_its_slot_as_it_was() {
    let m = MainMachine::get();
    let honest = honest();
    let update = honest.only("BLOCKHASH", Service::Update);
    let access = honest.record(update);
    let (c, record) = (&m.cpu.op_cells, &m.cpu.record_cells);
    // Warm; its word the original one; another word.
    for (cells, forged) in [
        (&[c.a.lo][..], record.after[0]),
        (&[c.a.hi], record.told),
        (&[c.b.lo, c.stored], record.after[2]),
    ] {
        refused(&honest, "bus record", |r| r.add(access, forged, 1));
        refused(&honest, "bus memory", |r| {
            r.add(access, forged, 1);
            cells.iter().for_each(|cell| r.add(update, *cell, 1));
        });
    }
}
