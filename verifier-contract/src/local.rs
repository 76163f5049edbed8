//! An L1 inside the process: `revm` with Osaka's rules over a state in memory.
//!
//! It executes real transactions of known senders, one block each, and keeps the clock that contracts see. The
//! embedded L1 of the development node and the contracts' tests run on it.

use std::convert::Infallible;

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext,
    context::{
        BlockEnv, TxEnv, result::EVMError, result::ExecutionResult, result::InvalidTransaction,
    },
    database::CacheDB,
    database_interface::EmptyDB,
    primitives::hardfork::SpecId,
    state::AccountInfo,
};

/// Gas limit of one block and of one transaction (EIP-7825).
pub const GAS_LIMIT: u64 = 1 << 24;

/// Why a transaction left no receipt.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The transaction was not valid.
    #[error("the L1 refused the transaction: {0}")]
    Invalid(#[from] EVMError<Infallible, InvalidTransaction>),
}

/// What became of an executed transaction or call.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Whether it was neither reverted nor halted.
    pub success: bool,
    /// Gas used, refunds deducted, intrinsic gas and calldata floor included.
    pub gas_used: u64,
    /// Returned or revert data.
    pub output: Bytes,
    /// Events.
    pub logs: Vec<Log>,
    /// The contract created.
    pub created: Option<Address>,
}

impl Receipt {
    fn new(result: ExecutionResult) -> Self {
        let gas_used = result.tx_gas_used();
        let success = result.is_success();
        let created = result.created_address();
        let output = result.output().cloned().unwrap_or_default();
        Self {
            success,
            gas_used,
            output,
            logs: result.into_logs(),
            created,
        }
    }
}

/// The L1.
#[derive(Clone, Debug)]
pub struct LocalL1 {
    state: CacheDB<EmptyDB>,
    chain_id: u64,
    number: u64,
    timestamp: u64,
}

impl LocalL1 {
    /// An empty chain whose first block has the given time (Unix seconds).
    pub fn new(chain_id: u64, timestamp: u64) -> Self {
        Self {
            state: CacheDB::new(EmptyDB::default()),
            chain_id,
            number: 1,
            timestamp,
        }
    }

    /// The chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Number of the block that the next transaction enters.
    pub fn block_number(&self) -> u64 {
        self.number
    }

    /// Time of the block that the next transaction enters, in Unix seconds.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Sets the time of the block that the next transaction enters.
    pub fn set_timestamp(&mut self, timestamp: u64) {
        self.timestamp = timestamp;
    }

    /// Gives an account a balance in wei.
    pub fn fund(&mut self, account: Address, balance: U256) {
        let nonce = self.nonce(account);
        self.state.insert_account_info(
            account,
            AccountInfo {
                balance,
                nonce,
                ..Default::default()
            },
        );
    }

    /// The account's nonce.
    pub fn nonce(&self, account: Address) -> u64 {
        self.state
            .cache
            .accounts
            .get(&account)
            .map_or(0, |a| a.info.nonce)
    }

    /// The account's code, empty if it has none.
    pub fn code(&self, account: Address) -> Bytes {
        let info = self.state.cache.accounts.get(&account).map(|a| &a.info);
        let code = info.and_then(|i| {
            i.code
                .as_ref()
                .or_else(|| self.state.cache.contracts.get(&i.code_hash))
        });
        code.map(|c| c.original_bytes()).unwrap_or_default()
    }

    fn transaction(&self, from: Address, kind: TxKind, data: Bytes) -> TxEnv {
        TxEnv {
            caller: from,
            kind,
            data,
            nonce: self.nonce(from),
            gas_limit: GAS_LIMIT,
            gas_price: 0,
            chain_id: Some(self.chain_id),
            ..TxEnv::default()
        }
    }

    fn block(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            timestamp: U256::from(self.timestamp),
            gas_limit: GAS_LIMIT,
            basefee: 0,
            ..BlockEnv::default()
        }
    }

    /// Executes a transaction of `from` in a block of its own and keeps its effects.
    ///
    /// # Errors
    ///
    /// The transaction is not valid (above all: it could not buy its gas, or has too much calldata for its limit).
    pub fn send(
        &mut self,
        from: Address,
        kind: TxKind,
        data: Bytes,
    ) -> Result<Receipt, LocalError> {
        let (transaction, block) = (self.transaction(from, kind, data), self.block());
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = self.chain_id;
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            })
            .with_db(&mut self.state)
            .with_block(block)
            .build_mainnet();
        let result = evm.transact_commit(transaction)?;
        self.number += 1;
        Ok(Receipt::new(result))
    }

    /// Deploys init code.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub fn deploy(&mut self, from: Address, init_code: Bytes) -> Result<Receipt, LocalError> {
        self.send(from, TxKind::Create, init_code)
    }

    /// Executes a call without keeping its effects; gas counts as for a transaction.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub fn call(&self, from: Address, to: Address, data: Bytes) -> Result<Receipt, LocalError> {
        let (transaction, block) = (self.transaction(from, TxKind::Call(to), data), self.block());
        let mut evm = Context::mainnet()
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = self.chain_id;
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            })
            .with_db(CacheDB::new(&self.state))
            .with_block(block)
            .build_mainnet();
        Ok(Receipt::new(evm.transact(transaction)?.result))
    }
}
