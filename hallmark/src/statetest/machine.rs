//! What the machine makes of a case: its interpreter's outcome, and whether its table holds.

use super::{
    build::{Built, Reason, World},
    compare::{Outcome, State},
    oracle::Executed,
};
use crate::{
    block::{self, StateBefore},
    pipeline,
};
use alloy_primitives::{Address, B256, U256};
use circuits::{
    cpu::{interpreter::ExecutionError, opcodes::opcode},
    framework::checker,
    machine::MainMachine,
    witness::{Cut, SegmentInput, halves},
};
use protocol::{Account, history::HISTORY_ADDRESS};
use std::collections::{BTreeMap, BTreeSet};

/// First bytes of the code of an account that has delegated (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// What the machine's interpreter says.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// A rule of the chain does not hold, and which.
    Refused(String),
    /// The case needs what the machine does not do yet.
    NotProvable(Reason),
    /// The block was executed.
    Executed {
        /// The outcome.
        outcome: Box<Outcome>,
        /// Rows of the whole batch in one segment.
        rows: usize,
    },
}

/// The segment of the batch of this block alone, with every account and slot of the state before and those that `revm` looked at.
/// It ends where its execution leads.
pub fn segment(world: &World, built: &Built, revm: Option<&Executed>) -> SegmentInput {
    let transaction = built.signed().map(|s| &s.transaction);
    let items = transaction.map_or(&[][..], |t| t.access_list());
    let mut addresses = BTreeSet::from([built.sender, built.block.coinbase, HISTORY_ADDRESS]);
    addresses.extend(transaction.and_then(|t| t.to));
    addresses.extend(items.iter().map(|item| item.address));
    let mut slots: BTreeSet<(Address, U256)> = items
        .iter()
        .flat_map(|item| {
            let keys = item.storage_keys.iter();
            keys.map(|key| (item.address, U256::from_be_bytes(key.0)))
        })
        .collect();
    let parent_slot = protocol::history::history_slot(world.parent.number);
    slots.insert((HISTORY_ADDRESS, parent_slot));
    if let Some(executed) = revm {
        addresses.extend(&executed.accounts);
        slots.extend(&executed.slots);
    }
    let absent = addresses
        .iter()
        .map(|address| (*address, Account::default()));
    let mut accounts: BTreeMap<Address, Account> = absent.collect();
    accounts.extend(&world.state.accounts);
    let zero = slots.iter().map(|slot| (*slot, U256::ZERO));
    let mut storage: BTreeMap<(Address, U256), U256> = zero.collect();
    storage.extend(&world.state.storage);
    let batch_hash = revm.map_or(B256::ZERO, |executed| executed.statement.hash());
    let state = StateBefore {
        root: world.root_bytes(),
        accounts,
        storage,
        codes: world.codes.clone(),
        nodes: world.nodes.clone(),
    };
    block::segment(
        world.chain_id,
        batch_hash,
        world.parent,
        built.block.clone(),
        state,
    )
}

/// Whether an account has delegated to code (EIP-7702).
fn is_delegated(world: &World, address: Address) -> bool {
    let account = world.state.accounts.get(&address);
    let code = account.and_then(|account| world.codes.get(&account.code.keccak));
    code.is_some_and(|code| code.starts_with(&DELEGATION))
}

/// Runs the interpreter.
pub fn run(world: &World, built: &Built, input: &SegmentInput) -> Verdict {
    let receiver = built.signed().and_then(|s| s.transaction.to);
    if receiver.is_some_and(|to| is_delegated(world, to)) {
        return Verdict::NotProvable(Reason::DelegatedReceiver);
    }
    let measured = match MainMachine::get().measure(input) {
        Ok(measured) => measured,
        Err(error) => return refusal(world, built, &error),
    };
    let state = State {
        accounts: measured.next.accounts,
        storage: measured.next.storage,
    };
    Verdict::Executed {
        outcome: Box::new(Outcome {
            state: state.normal(),
            end: measured.next.from,
            gas_used: None,
            receipts_hash: None,
        }),
        rows: measured.rows,
    }
}

/// Looks into the machine's block before it is closed: gas used and receipts hash, of which the block hash tells nothing apart.
pub fn look_inside(built: &Built, input: &SegmentInput, outcome: &mut Outcome) {
    let end = Cut {
        block: built.block.number,
        left: 0,
    };
    if let Ok(measured) = MainMachine::get().measure(&input.until(end)) {
        outcome.gas_used = Some(measured.next.from.gas_used);
        outcome.receipts_hash = Some(measured.next.from.receipts_hash);
    }
}

/// What an interpreter's error means: the one place that tells what the machine does not do yet from a broken rule.
///
/// The parts are those of the program's notes.
pub fn refusal(world: &World, built: &Built, error: &ExecutionError) -> Verdict {
    let transaction = built.signed().map(|s| &s.transaction);
    let creates = transaction.is_some_and(|t| t.to.is_none());
    let opcode = error.opcode.and_then(opcode);
    let reason = match error.part.as_str() {
        _ if opcode.is_some() => opcode.map(|o| Reason::Opcode(o.name)),
        "the receiver is no precompile" => Some(Reason::PrecompileCall),
        part if part.starts_with("EIP-3607 and nonce") && is_delegated(world, built.sender) => {
            Some(Reason::DelegatedSender)
        }
        part if part.starts_with("fields:") && creates => Some(Reason::ContractCreation),
        _ => None,
    };
    match reason {
        Some(reason) => Verdict::NotProvable(reason),
        None => Verdict::Refused(error.to_string()),
    }
}

/// Fills the table of an execution on which both sides agree, and checks it against the statement that L1 would make of it.
///
/// # Errors
/// A sentence: what does not hold.
pub fn check(input: &SegmentInput, revm: &Executed) -> Result<(), String> {
    let end = revm.statement.end();
    let input = SegmentInput {
        to: Some(end),
        ..input.clone()
    };
    let machine = MainMachine::get();
    let filled = machine.fill(&input).map_err(|e| e.to_string())?;
    let statement = &revm.statement;
    let hash = statement.segment_hash(&statement.start(input.parent.timestamp), &end);
    if filled.table.instance != halves(hash.into()) {
        return Err("the table's public values are not those of the statement".into());
    }
    match checker::check(&machine.machine, &filled.table, 1) {
        Ok(_) => Ok(()),
        Err(failures) => Err(failures
            .first()
            .map_or_else(|| "the checker says no".into(), ToString::to_string)),
    }
}

/// Rows that the largest shape holds.
pub fn largest() -> usize {
    pipeline::capacity(*pipeline::SHAPES.end())
}
