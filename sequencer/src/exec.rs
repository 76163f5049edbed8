//! The EVM as this chain configures it: Osaka, EIP-1559, no blobs.

use alloy_primitives::{Address, B256, U256};
use revm::{
    Context, Database, MainBuilder, MainnetEvm,
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
    handler::MainnetContext,
    primitives::hardfork::SpecId,
};

/// The block that transactions execute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockContext {
    /// Chain id.
    pub(crate) chain_id: u64,
    /// Block number.
    pub(crate) number: u64,
    /// Seconds since 1970.
    pub(crate) timestamp: u64,
    /// Block gas limit.
    pub(crate) gas_limit: u64,
    /// Base fee in wei per gas.
    pub(crate) base_fee: u64,
    /// Receiver of the priority fees.
    pub(crate) coinbase: Address,
    /// PREVRANDAO.
    pub(crate) prevrandao: B256,
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
    pub(crate) fn evm<DB: Database>(&self, state: DB) -> MainnetEvm<MainnetContext<DB>> {
        let mut config = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(self.chain_id);
        config.tx_chain_id_check = true;
        let context: MainnetContext<DB> = Context::new(state, SpecId::OSAKA);
        context
            .with_cfg(config)
            .with_block(self.env())
            .build_mainnet()
    }
}
