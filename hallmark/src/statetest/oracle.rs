//! What `revm` makes of a case, in the configuration of the sequencer.

use super::{
    build::{Built, World},
    compare::{Outcome, State},
};
use crate::block;
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use protocol::{
    Account, BatchStatement, BlockHeader, Receipt,
    account::CodeRecord,
    field,
    history::{HISTORY_ADDRESS, history_slot},
};
use revm::{
    Database, ExecuteEvm,
    context_interface::result::EVMError,
    state::{AccountInfo, Bytecode, EvmState},
};
use sequencer::BlockContext;
use std::{collections::BTreeSet, convert::Infallible};

/// What `revm` says.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The transaction cannot be in the block, and why.
    Refused(String),
    /// The transaction was executed.
    Executed(Box<Executed>),
}

/// An execution by `revm`.
#[derive(Clone, Debug)]
pub struct Executed {
    /// State, header and gas after.
    pub outcome: Outcome,
    /// The statement of the batch of this block alone.
    pub statement: BatchStatement,
    /// Logs of a successful execution.
    pub logs: Vec<Log>,
    /// What the outermost frame returned.
    pub output: Bytes,
    /// Accounts that were touched in the sense of EIP-161.
    pub touched: BTreeSet<Address>,
    /// Accounts that were looked at.
    pub accounts: BTreeSet<Address>,
    /// Slots that were looked at.
    pub slots: BTreeSet<(Address, U256)>,
}

/// Executes the case.
///
/// # Errors
/// A sentence when `revm` fails in a way that depends on no transaction, or the world is damaged.
pub fn run(world: &World, built: &Built) -> Result<Verdict, String> {
    let signed = built.signed().ok_or("the block has no transaction")?;
    let mut database = WorldDatabase::new(world);
    let context = BlockContext {
        chain_id: world.chain_id,
        number: built.block.number,
        timestamp: built.block.timestamp,
        gas_limit: built.block.gas_limit,
        base_fee: built.block.base_fee,
        coinbase: built.block.coinbase,
        prevrandao: built.block.prev_randao,
    };
    let transaction = sequencer::transaction_environment(signed, built.sender);
    let result = context.evm(&mut database).transact(transaction);
    let executed = match result {
        Ok(executed) => executed,
        Err(EVMError::Transaction(reason)) => return Ok(Verdict::Refused(reason.to_string())),
        Err(error) => return Err(format!("revm: {error}")),
    };
    let WorldDatabase {
        mut state,
        accounts,
        slots,
        ..
    } = database;
    let result = executed.result;
    let touched = commit(&mut state, executed.state);
    let state = state.normal();

    let success = result.is_success();
    let gas_used = result.tx_gas_used();
    let output = result.output().cloned().unwrap_or_default();
    let logs = if success { result.into_logs() } else { vec![] };
    let receipt = Receipt {
        success,
        cumulative_gas_used: gas_used,
        logs: logs
            .iter()
            .map(|log| protocol::Log {
                address: log.address,
                topics: log.data.topics().to_vec(),
                data: log.data.data.clone(),
            })
            .collect(),
    };
    let roots = [
        world.root_bytes(),
        field::to_bytes(&state.tree_root(world)?),
    ];
    let (statement, header) = block::statement(
        world.chain_id,
        &world.parent,
        built.block.clone(),
        vec![receipt],
        roots,
    );
    Ok(Verdict::Executed(Box::new(Executed {
        outcome: Outcome {
            state,
            end: statement.end(),
            gas_used: Some(gas_used),
            receipts_hash: Some(header.receipts_hash),
        },
        statement,
        logs,
        output,
        touched,
        accounts,
        slots,
    })))
}

/// Takes over what the transaction left; the accounts that it touched.
pub fn commit(state: &mut State, changes: EvmState) -> BTreeSet<Address> {
    let mut touched = BTreeSet::new();
    for (address, account) in changes {
        if !account.is_touched() {
            continue;
        }
        touched.insert(address);
        // EIP-6780: only an account of this transaction is destroyed, and it has no storage from before.
        if account.is_selfdestructed() {
            state.accounts.remove(&address);
            continue;
        }
        let before = state.accounts.get(&address).copied().unwrap_or_default();
        let code = match &account.info.code {
            Some(code) if account.info.code_hash != before.code.keccak => {
                CodeRecord::of(&code.original_bytes())
            }
            _ => before.code,
        };
        let record = Account {
            nonce: account.info.nonce,
            balance: account.info.balance,
            code,
        };
        state.accounts.insert(address, record);
        for (slot, value) in account.changed_storage_slots() {
            state.storage.insert((address, *slot), value.present_value);
        }
    }
    touched
}

/// The state after the block's start, with a record of what was looked at.
#[derive(Clone, Debug)]
pub struct WorldDatabase<'a> {
    world: &'a World,
    /// The state.
    pub state: State,
    /// Accounts that were looked at.
    pub accounts: BTreeSet<Address>,
    /// Slots that were looked at.
    pub slots: BTreeSet<(Address, U256)>,
}

impl<'a> WorldDatabase<'a> {
    /// The block after the world's parent starts.
    pub fn new(world: &'a World) -> Self {
        let mut database = Self {
            world,
            state: world.state.clone(),
            accounts: BTreeSet::from([HISTORY_ADDRESS, world.block.coinbase]),
            slots: BTreeSet::new(),
        };
        database.start_block(&world.parent);
        database
    }

    /// The block after `parent` starts: the parent's hash goes into the history contract (EIP-2935).
    pub fn start_block(&mut self, parent: &BlockHeader) {
        let slot = (HISTORY_ADDRESS, history_slot(parent.number));
        self.slots.insert(slot);
        self.state.storage.insert(slot, parent.hash().into());
    }
}

impl Database for WorldDatabase<'_> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        self.accounts.insert(address);
        let account = self.state.accounts.get(&address);
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code.keccak,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Infallible> {
        let code = self.world.codes.get(&code_hash).cloned();
        Ok(Bytecode::new_raw(code.unwrap_or_default()))
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, Infallible> {
        self.slots.insert((address, index));
        let word = self.state.storage.get(&(address, index));
        Ok(word.copied().unwrap_or_default())
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        let slot = history_slot(number);
        Ok(self.storage(HISTORY_ADDRESS, slot)?.into())
    }
}
