//! The JSON-RPC methods.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    rpc::types::{
        Block, FeeHistory, Filter, Log, SyncStatus, Transaction, TransactionReceipt,
        TransactionRequest,
    },
};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use serde_json::Value;

use super::types::{BatchSelector, RpcBatch, RpcProof, RpcProveStatus};

/// Methods of the `eth` namespace.
#[rpc(server, namespace = "eth")]
pub trait EthApi {
    /// The chain id.
    #[method(name = "chainId")]
    async fn chain_id(&self) -> RpcResult<U64>;

    /// The latest block's number.
    #[method(name = "blockNumber")]
    async fn block_number(&self) -> RpcResult<U64>;

    /// Always `false`: the sequencer is the head of the chain.
    #[method(name = "syncing")]
    async fn syncing(&self) -> RpcResult<SyncStatus>;

    /// Always empty: the node holds no keys.
    #[method(name = "accounts")]
    async fn accounts(&self) -> RpcResult<Vec<Address>>;

    /// Balance in wei.
    #[method(name = "getBalance")]
    async fn get_balance(&self, address: Address, block: Option<BlockId>) -> RpcResult<U256>;

    /// Next nonce; with `pending`, after the pool's transactions.
    #[method(name = "getTransactionCount")]
    async fn get_transaction_count(
        &self,
        address: Address,
        block: Option<BlockId>,
    ) -> RpcResult<U64>;

    /// Code of an account.
    #[method(name = "getCode")]
    async fn get_code(&self, address: Address, block: Option<BlockId>) -> RpcResult<Bytes>;

    /// Word in a storage slot.
    #[method(name = "getStorageAt")]
    async fn get_storage_at(
        &self,
        address: Address,
        slot: U256,
        block: Option<BlockId>,
    ) -> RpcResult<B256>;

    /// Accepts a signed transaction; when this answers, the transaction is durable.
    #[method(name = "sendRawTransaction")]
    async fn send_raw_transaction(&self, bytes: Bytes) -> RpcResult<B256>;

    /// Executes a call without changing anything.
    #[method(name = "call")]
    async fn call(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state_overrides: Option<Value>,
        block_overrides: Option<Value>,
    ) -> RpcResult<Bytes>;

    /// Least gas limit with which a transaction succeeds.
    #[method(name = "estimateGas")]
    async fn estimate_gas(
        &self,
        request: TransactionRequest,
        block: Option<BlockId>,
        state_overrides: Option<Value>,
    ) -> RpcResult<U64>;

    /// A price that the next block accepts, in wei per gas.
    #[method(name = "gasPrice")]
    async fn gas_price(&self) -> RpcResult<U256>;

    /// A customary priority fee, in wei per gas.
    #[method(name = "maxPriorityFeePerGas")]
    async fn max_priority_fee_per_gas(&self) -> RpcResult<U256>;

    /// Base fees, fullness and priority fees of past blocks.
    #[method(name = "feeHistory")]
    async fn fee_history(
        &self,
        block_count: U64,
        newest: BlockNumberOrTag,
        percentiles: Option<Vec<f64>>,
    ) -> RpcResult<FeeHistory>;

    /// Receipt of a mined transaction.
    #[method(name = "getTransactionReceipt")]
    async fn get_transaction_receipt(&self, hash: B256) -> RpcResult<Option<TransactionReceipt>>;

    /// Receipts of a block.
    #[method(name = "getBlockReceipts")]
    async fn get_block_receipts(
        &self,
        block: BlockId,
    ) -> RpcResult<Option<Vec<TransactionReceipt>>>;

    /// A transaction, mined or pending.
    #[method(name = "getTransactionByHash")]
    async fn get_transaction_by_hash(&self, hash: B256) -> RpcResult<Option<Transaction>>;

    /// A block with its transactions, or their hashes.
    #[method(name = "getBlockByNumber")]
    async fn get_block_by_number(
        &self,
        number: BlockNumberOrTag,
        full: Option<bool>,
    ) -> RpcResult<Option<Block>>;

    /// A block with its transactions, or their hashes.
    #[method(name = "getBlockByHash")]
    async fn get_block_by_hash(&self, hash: B256, full: Option<bool>) -> RpcResult<Option<Block>>;

    /// Number of transactions in a block.
    #[method(name = "getBlockTransactionCountByNumber")]
    async fn get_block_transaction_count_by_number(
        &self,
        number: BlockNumberOrTag,
    ) -> RpcResult<Option<U64>>;

    /// Number of transactions in a block.
    #[method(name = "getBlockTransactionCountByHash")]
    async fn get_block_transaction_count_by_hash(&self, hash: B256) -> RpcResult<Option<U64>>;

    /// Logs that match a filter.
    #[method(name = "getLogs")]
    async fn get_logs(&self, filter: Filter) -> RpcResult<Vec<Log>>;
}

/// Methods of the `net` namespace.
#[rpc(server, namespace = "net")]
pub trait NetApi {
    /// The chain id in decimal.
    #[method(name = "version")]
    async fn version(&self) -> RpcResult<String>;

    /// Always `true`.
    #[method(name = "listening")]
    async fn listening(&self) -> RpcResult<bool>;

    /// Always 0: the sequencer has no peers.
    #[method(name = "peerCount")]
    async fn peer_count(&self) -> RpcResult<U64>;
}

/// Methods of the `web3` namespace.
#[rpc(server, namespace = "web3")]
pub trait Web3Api {
    /// Name and version of the program.
    #[method(name = "clientVersion")]
    async fn client_version(&self) -> RpcResult<String>;

    /// keccak-256 of the given bytes.
    #[method(name = "sha3")]
    async fn sha3(&self, bytes: Bytes) -> RpcResult<B256>;
}

/// Methods of the `hallmark` namespace: batches and their proofs.
#[rpc(server, namespace = "hallmark")]
pub trait HallmarkApi {
    /// A sealed batch, by number or `"latest"`.
    #[method(name = "getBatch")]
    async fn get_batch(&self, batch: BatchSelector) -> RpcResult<RpcBatch>;

    /// What a prover needs to prove a batch: the bytes of a batch file.
    #[method(name = "getBatchFile")]
    async fn get_batch_file(&self, batch: BatchSelector) -> RpcResult<Bytes>;

    /// The proof of a batch: one entry for each segment that is finished.
    #[method(name = "getProof")]
    async fn get_proof(&self, batch: BatchSelector) -> RpcResult<RpcProof>;

    /// Why an accepted transaction was dropped; `null` if it was not, as far as this process knows.
    #[method(name = "getDropReason")]
    async fn get_drop_reason(&self, hash: B256) -> RpcResult<Option<String>>;

    /// How far proving is, over all batches.
    #[method(name = "proveStatus")]
    async fn prove_status(&self) -> RpcResult<RpcProveStatus>;
}
