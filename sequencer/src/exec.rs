//! The EVM as this chain configures it: Osaka, EIP-1559, no blobs.

use alloy_primitives::{Address, B256, TxKind, U256};
use protocol::SignedTransaction;
use revm::{
    Context, Database, MainBuilder, MainnetEvm,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::{
        block::BlobExcessGasAndPrice,
        transaction::{AccessList, AccessListItem},
    },
    handler::MainnetContext,
    primitives::hardfork::SpecId,
};

/// The block that transactions execute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// Chain id.
    pub chain_id: u64,
    /// Block number.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Block gas limit.
    pub gas_limit: u64,
    /// Base fee in wei per gas.
    pub base_fee: u64,
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// PREVRANDAO.
    pub prevrandao: B256,
}

impl BlockContext {
    fn env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.coinbase,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            ..BlockEnv::default()
        }
    }

    /// An EVM over the given state.
    pub fn evm<DB: Database>(&self, state: DB) -> MainnetEvm<MainnetContext<DB>> {
        self.context(state).build_mainnet()
    }

    /// The same with an inspector.
    pub(crate) fn inspected<DB: Database, I>(
        &self,
        state: DB,
        inspector: I,
    ) -> MainnetEvm<MainnetContext<DB>, I> {
        self.context(state).build_mainnet_with_inspector(inspector)
    }

    fn context<DB: Database>(&self, state: DB) -> MainnetContext<DB> {
        let mut config = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(self.chain_id);
        config.tx_chain_id_check = true;
        let context: MainnetContext<DB> = Context::new(state, SpecId::OSAKA);
        context.with_cfg(config).with_block(self.env())
    }
}

/// The transaction as `revm` takes it.
pub fn transaction_environment(signed: &SignedTransaction, sender: Address) -> TxEnv {
    let transaction = &signed.transaction;
    TxEnv {
        tx_type: transaction.tx_type(),
        caller: sender,
        gas_limit: transaction.gas_limit,
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.to.map_or(TxKind::Create, TxKind::Call),
        value: transaction.value,
        data: transaction.input.clone(),
        nonce: transaction.nonce,
        chain_id: Some(transaction.chain_id),
        access_list: AccessList(
            transaction
                .access_list()
                .iter()
                .map(|item| AccessListItem {
                    address: item.address,
                    storage_keys: item.storage_keys.clone(),
                })
                .collect(),
        ),
        gas_priority_fee: (transaction.tx_type() == protocol::transaction::TYPE_DYNAMIC_FEE)
            .then(|| transaction.max_priority_fee_per_gas()),
        ..TxEnv::default()
    }
}
