//! Options of a node.

use std::time::Duration;

use alloy_primitives::{Address, B256};

/// When blocks are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockProduction {
    /// As soon as a transaction is accepted; transactions that arrive together share a block.
    Automine,
    /// At a fixed interval, if a transaction is pending (or always, with [`Config::empty_blocks`]).
    Interval(Duration),
    /// Only by [`crate::Node::build_block`].
    Manual,
}

/// When batches are sealed. A batch is also sealed when the next block would not fit into it, and
/// by [`crate::Node::seal_batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealPolicy {
    /// Seal once the open batch has this many transactions.
    pub max_transactions: u64,
    /// Seal once the open batch has this many blocks.
    pub max_blocks: u64,
    /// Seal once the open batch's first block is this old, by the node's clock.
    pub max_age: Option<Duration>,
    /// Payload bytes that a batch may have, at most
    /// [`protocol::payload::MAX_PAYLOAD_BYTES`].
    pub max_payload_bytes: usize,
    /// Rows that a batch may have over all its segments.
    pub max_rows: u64,
    /// Rows that a segment may have: a batch is cut between transactions, so each must fit one with its block.
    pub max_segment_rows: u64,
}

impl Default for SealPolicy {
    fn default() -> Self {
        Self {
            max_transactions: 1_000,
            max_blocks: 256,
            max_age: None,
            max_payload_bytes: protocol::payload::MAX_PAYLOAD_BYTES,
            max_rows: 1 << 22,
            max_segment_rows: 1 << 20,
        }
    }
}

/// Bounds of the pool of pending transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Pending transactions in all.
    pub transactions: usize,
    /// Pending transactions of one sender.
    pub per_sender: usize,
    /// How long a transaction whose nonce leaves a gap waits for the missing ones before it is
    /// refused. It is not accepted, hence not durable, while it waits.
    pub nonce_gap_wait: Duration,
    /// Transactions that may wait at the same time.
    pub waiting: usize,
    /// Least rise of both fees, in percent, with which a transaction replaces a pending one.
    pub replacement_percent: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            transactions: 10_000,
            per_sender: 1_000,
            nonce_gap_wait: Duration::from_millis(750),
            waiting: 1_024,
            replacement_percent: 10,
        }
    }
}

/// Bounds of the JSON-RPC server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcLimits {
    /// Bytes of a request body.
    pub request_bytes: u32,
    /// Bytes of a response body.
    pub response_bytes: u32,
    /// Calls in one batch request.
    pub batch_calls: u32,
    /// Open connections.
    pub connections: u32,
    /// Calls that execute in the EVM at the same time.
    pub executions: usize,
    /// Transactions that may be on their way through the door at the same time.
    pub submissions: usize,
    /// Blocks that one `eth_getLogs` may span.
    pub log_blocks: u64,
    /// Logs that one `eth_getLogs` may return.
    pub logs: usize,
    /// Whether an address other than loopback may be listened on.
    pub allow_remote: bool,
    /// Value of `Access-Control-Allow-Origin` for web pages; `None` sends no such header.
    pub allow_origin: Option<String>,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            request_bytes: 2 << 20,
            response_bytes: 16 << 20,
            batch_calls: 256,
            connections: 256,
            executions: 4,
            submissions: 4_096,
            log_blocks: 100_000,
            logs: 10_000,
            allow_remote: false,
            allow_origin: None,
        }
    }
}

/// Options of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// PREVRANDAO of each block.
    pub prevrandao: B256,
    /// When blocks are built.
    pub block_production: BlockProduction,
    /// Whether [`BlockProduction::Interval`] builds blocks without transactions.
    pub empty_blocks: bool,
    /// When batches are sealed.
    pub seal: SealPolicy,
    /// Bounds of the pool.
    pub pool: PoolLimits,
    /// Bounds of the JSON-RPC server.
    pub rpc: RpcLimits,
    /// What `eth_maxPriorityFeePerGas` answers while recent blocks hold no transactions, in wei per gas.
    pub suggested_priority_fee: u128,
    /// What `web3_clientVersion` answers.
    pub client_version: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            coinbase: Address::ZERO,
            prevrandao: B256::ZERO,
            block_production: BlockProduction::Automine,
            empty_blocks: false,
            seal: SealPolicy::default(),
            pool: PoolLimits::default(),
            rpc: RpcLimits::default(),
            suggested_priority_fee: 1_000_000_000,
            client_version: concat!("hallmark/v", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
