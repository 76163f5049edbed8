//! `revm`, which says what transactions do.

use crate::sample::{address, key};
use alloy_primitives::{TxKind, U256};
use protocol::{BlockInput, Genesis, Transaction};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    context_interface::transaction::{AccessList, AccessListItem},
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// A state as `revm` takes it.
pub(super) type State = CacheDB<EmptyDB>;

/// The state of a genesis.
pub(super) fn state(genesis: Genesis) -> State {
    let mut state = CacheDB::new(EmptyDB::default());
    for (address, account) in &genesis.complete().unwrap().accounts {
        let code = Bytecode::new_raw(account.code.clone());
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: code.hash_slow(),
            code: Some(code),
            ..AccountInfo::default()
        };
        state.insert_account_info(*address, info);
        for (slot, word) in &account.storage {
            state
                .insert_account_storage(*address, *slot, *word)
                .unwrap();
        }
    }
    state
}

/// Executes a call of the first funded key in a block, and keeps what it leaves.
pub(super) fn execute(state: &mut State, block: &BlockInput, t: &Transaction) -> ExecutionResult {
    let mut config = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(t.chain_id);
    config.tx_chain_id_check = true;
    let env = BlockEnv {
        number: U256::from(block.number),
        beneficiary: block.coinbase,
        timestamp: U256::from(block.timestamp),
        gas_limit: block.gas_limit,
        basefee: block.base_fee,
        difficulty: U256::ZERO,
        prevrandao: Some(block.prev_randao),
        ..BlockEnv::default()
    };
    let items = t.access_list().iter().map(|item| AccessListItem {
        address: item.address,
        storage_keys: item.storage_keys.clone(),
    });
    let context: MainnetContext<&mut State> = Context::new(state, SpecId::OSAKA);
    let mut evm = context.with_cfg(config).with_block(env).build_mainnet();
    evm.transact_commit(TxEnv {
        tx_type: 2,
        caller: address(&key(0)),
        gas_limit: t.gas_limit,
        gas_price: t.max_fee_per_gas(),
        kind: TxKind::Call(t.to.unwrap()),
        value: t.value,
        data: t.input.clone(),
        nonce: t.nonce,
        chain_id: Some(t.chain_id),
        access_list: AccessList(items.collect()),
        gas_priority_fee: Some(t.max_priority_fee_per_gas()),
        ..TxEnv::default()
    })
    .unwrap()
}
