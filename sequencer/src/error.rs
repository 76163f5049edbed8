//! Errors of the sequencer: why a transaction is refused, what is wrong with the store, and why a
//! command to the node failed.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};

/// Why a transaction is refused at the door.
///
/// Each variant becomes one JSON-RPC error: [`AdmissionError::code`] is its number,
/// [`AdmissionError::reason`] a stable word for programs, and the display text a sentence for
/// people. Where Ethereum clients have a customary opening ("nonce too low", "insufficient funds
/// for gas * price + value"), the text begins with it, because wallets and libraries look for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The bytes are not a canonical transaction.
    #[error("malformed transaction: {0}")]
    Malformed(String),
    /// A transaction type that this chain does not have, or does not have yet.
    #[error("transaction type not supported: {0}")]
    UnsupportedType(String),
    /// A legacy transaction without the replay protection of EIP-155.
    #[error(
        "only replay-protected (EIP-155) transactions allowed over RPC: sign the legacy transaction for chain id {chain_id}"
    )]
    Unprotected {
        /// This chain's id.
        chain_id: u64,
    },
    /// Signed for another chain.
    #[error(
        "invalid chain id for signer: the transaction is signed for chain id {found}, this chain has {expected}"
    )]
    WrongChainId {
        /// This chain's id.
        expected: u64,
        /// The id in the transaction.
        found: u64,
    },
    /// The signature does not recover to an address, or is not canonical (EIP-2).
    #[error("invalid signature: {0}")]
    BadSignature(String),
    /// Larger than a batch payload can carry.
    #[error(
        "oversized data: the transaction takes {size} bytes of a batch payload, which has room for {max}; send less data"
    )]
    Oversized {
        /// Bytes of the transaction.
        size: usize,
        /// Most bytes that can be carried.
        max: usize,
    },
    /// The gas limit is above what one transaction may have (EIP-7825).
    #[error(
        "transaction gas limit too high: the gas limit is {gas_limit}, one transaction may have {cap} (EIP-7825)"
    )]
    GasLimitAboveCap {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The cap.
        cap: u64,
    },
    /// The gas limit is above the block's.
    #[error("exceeds block gas limit: the gas limit is {gas_limit}, a block has {block_gas_limit}")]
    GasLimitAboveBlock {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The block's gas limit.
        block_gas_limit: u64,
    },
    /// The gas limit does not cover the intrinsic gas.
    #[error(
        "intrinsic gas too low: the transaction needs at least {needed} gas, its gas limit is {gas_limit}"
    )]
    IntrinsicGas {
        /// Intrinsic gas.
        needed: u64,
        /// The transaction's gas limit.
        gas_limit: u64,
    },
    /// The gas limit does not cover the calldata floor (EIP-7623).
    #[error(
        "insufficient gas for floor data gas cost: the calldata needs at least {needed} gas (EIP-7623), the gas limit is {gas_limit}"
    )]
    FloorGas {
        /// Floor gas.
        needed: u64,
        /// The transaction's gas limit.
        gas_limit: u64,
    },
    /// The priority fee is above the maximum fee.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas is {priority} wei, maxFeePerGas is {max_fee} wei"
    )]
    TipAboveFeeCap {
        /// Priority fee in wei per gas.
        priority: u128,
        /// Maximum fee in wei per gas.
        max_fee: u128,
    },
    /// The maximum fee is below the next block's base fee.
    #[error(
        "transaction underpriced: max fee per gas less than block base fee: the transaction offers {max_fee} wei, the next block's base fee is {base_fee} wei"
    )]
    Underpriced {
        /// Maximum fee in wei per gas.
        max_fee: u128,
        /// Base fee of the next block in wei per gas.
        base_fee: u64,
    },
    /// Another pending transaction has this nonce and pays nearly as much.
    #[error(
        "replacement transaction underpriced: another pending transaction of this sender has nonce {nonce}; to replace it offer at least maxFeePerGas {needed_max_fee} wei and maxPriorityFeePerGas {needed_priority} wei"
    )]
    ReplacementUnderpriced {
        /// The nonce.
        nonce: u64,
        /// Least maximum fee that replaces, in wei per gas.
        needed_max_fee: u128,
        /// Least priority fee that replaces, in wei per gas.
        needed_priority: u128,
    },
    /// This very transaction is in the pool or in a block.
    #[error("already known: transaction {0} was accepted before")]
    AlreadyKnown(B256),
    /// The nonce was used.
    #[error(
        "nonce too low: next nonce {next}, tx nonce {found}; the account's earlier nonces are used up"
    )]
    NonceTooLow {
        /// The account's next nonce.
        next: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// There is a gap between the sender's next nonce and this one.
    #[error(
        "nonce too high: nonce gap: next nonce {next} (pending transactions included), tx nonce {found}; send the missing transactions first"
    )]
    NonceGap {
        /// Next nonce after the pool's transactions.
        next: u64,
        /// The transaction's nonce.
        found: u64,
    },
    /// The nonce is at its limit (EIP-2681).
    #[error("nonce has max value: an account cannot use nonce 2^64 - 1 (EIP-2681)")]
    NonceMax,
    /// The balance does not cover the transaction and the sender's pending ones.
    #[error("insufficient funds for gas * price + value: {0}")]
    InsufficientFunds(Box<Shortfall>),
    /// The sender has code (EIP-3607).
    #[error(
        "sender not an eoa: {0} has code, and an account with code cannot send transactions (EIP-3607)"
    )]
    SenderHasCode(Address),
    /// The prover cannot prove it.
    #[error("transaction cannot be proven: {0}")]
    Unprovable(#[from] Unprovable),
    /// The pool is full.
    #[error(
        "txpool is full: {limit} transactions are pending; wait for the next block and send again"
    )]
    PoolFull {
        /// Most transactions that the pool keeps.
        limit: usize,
    },
    /// Too many pending transactions of one sender.
    #[error(
        "account limit exceeded: {sender} has {limit} pending transactions; wait for the next block and send again"
    )]
    SenderFull {
        /// The sender.
        sender: Address,
        /// Most pending transactions of one sender.
        limit: usize,
    },
}

/// What a sender has and what it would need.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{sender} has {balance} wei, this transaction may cost {cost} wei and the sender's pending ones {pending} wei"
)]
pub struct Shortfall {
    /// The sender.
    pub sender: Address,
    /// Balance in wei.
    pub balance: U256,
    /// Gas limit x maximum fee + value, in wei; saturated at 2^256 - 1.
    pub cost: U256,
    /// The same sum over the sender's pending transactions, in wei.
    pub pending: U256,
}

/// Why the prover cannot prove a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unprovable {
    /// Contract creation.
    #[error("it creates a contract, which cannot be proven yet; call one that exists")]
    Creation,
    /// The recipient has code, and this node takes transfers only.
    #[error(
        "{0} is a contract, and this node takes ETH transfers between accounts without code only"
    )]
    RecipientHasCode(Address),
    /// A call to a precompile.
    #[error("{0} is a precompiled contract; a call to it cannot be proven yet")]
    Precompile(Address),
    /// The sender, or an account that is called, delegates to code (EIP-7702).
    #[error("the account {0} delegates to code (EIP-7702), which cannot be proven yet")]
    Delegated(Address),
    /// An opcode that the machine does not have.
    #[error("the opcode {0} cannot be proven yet")]
    Opcode(String),
    /// More rows than one segment of a batch can hold.
    #[error(
        "it needs at least {rows} rows with its block, and a proof holds {max}; split it into smaller transactions"
    )]
    TooManyRows {
        /// Rows of a batch with this transaction alone, as far as they were counted.
        rows: u64,
        /// Rows that a segment holds, or that a batch may have if these are fewer.
        max: u64,
    },
    /// Any other reason, in a sentence.
    #[error("{0}")]
    Other(String),
}

impl AdmissionError {
    /// The JSON-RPC error code: -32602 for bytes that are no transaction, -32004 for what this
    /// chain does not support or cannot prove, -32005 for limits of this node, -32000 otherwise
    /// (the code that Ethereum clients use).
    pub const fn code(&self) -> i32 {
        match self {
            Self::Malformed(_) => -32602,
            Self::UnsupportedType(_) | Self::Unprovable(_) => -32004,
            Self::PoolFull { .. } | Self::SenderFull { .. } => -32005,
            _ => -32000,
        }
    }

    /// A stable word that names the reason, sent in the error's `data.reason`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnsupportedType(_) => "unsupportedType",
            Self::Unprotected { .. } => "unprotected",
            Self::WrongChainId { .. } => "wrongChainId",
            Self::BadSignature(_) => "badSignature",
            Self::Oversized { .. } => "oversized",
            Self::GasLimitAboveCap { .. } => "gasLimitAboveCap",
            Self::GasLimitAboveBlock { .. } => "gasLimitAboveBlock",
            Self::IntrinsicGas { .. } => "intrinsicGas",
            Self::FloorGas { .. } => "floorGas",
            Self::TipAboveFeeCap { .. } => "tipAboveFeeCap",
            Self::Underpriced { .. } => "underpriced",
            Self::ReplacementUnderpriced { .. } => "replacementUnderpriced",
            Self::AlreadyKnown(_) => "alreadyKnown",
            Self::NonceTooLow { .. } => "nonceTooLow",
            Self::NonceGap { .. } => "nonceGap",
            Self::NonceMax => "nonceMax",
            Self::InsufficientFunds(_) => "insufficientFunds",
            Self::SenderHasCode(_) => "senderHasCode",
            Self::Unprovable(_) => "unprovable",
            Self::PoolFull { .. } => "poolFull",
            Self::SenderFull { .. } => "senderFull",
        }
    }
}

/// What is wrong with the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened, read or written.
    #[error("the store {path} cannot be used: {message}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// The file is damaged.
    #[error(
        "the store {path} is corrupted: {message}; restore it from a copy, or move it away and rebuild the chain from L1"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Another process has the file open.
    #[error("the store {0} is in use by another process; stop it first")]
    InUse(PathBuf),
    /// The file was written by another version.
    #[error("the store {path} has schema version {found}, this program reads version {expected}")]
    SchemaVersion {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Version of this program.
        expected: u32,
    },
    /// The file belongs to another chain.
    #[error(
        "the store {path} belongs to another chain: its genesis hash is {found}, the given genesis has {expected}; use another directory or the genesis it was made with"
    )]
    OtherGenesis {
        /// The file.
        path: PathBuf,
        /// Genesis hash in the file.
        found: B256,
        /// Genesis hash asked for.
        expected: B256,
    },
}

/// Why a command to the node failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NodeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction was refused.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The genesis is not usable.
    #[error("the genesis cannot be used: {0}")]
    Genesis(String),
    /// The state tree or an encoding refused something that the node itself made.
    #[error("internal inconsistency: {0}")]
    Inconsistent(String),
    /// The EVM failed for another reason than the transaction.
    #[error("execution failed at block {block}, transaction {transaction}: {message}")]
    Execution {
        /// Block being built.
        block: u64,
        /// Index of the transaction in the block.
        transaction: usize,
        /// What the EVM said.
        message: String,
    },
    /// A payload that cannot be replayed on this chain.
    #[error("the payload cannot be replayed: block {block}{}: {reason}", .transaction.map_or(String::new(), |index| format!(", transaction {index}")))]
    Replay {
        /// The block.
        block: u64,
        /// Index of the transaction in the block, if one is at fault.
        transaction: Option<usize>,
        /// Which rule it breaks.
        reason: String,
    },
    /// There is no such batch.
    #[error("unknown batch {0}")]
    UnknownBatch(u64),
    /// A status or proof that does not fit the batch.
    #[error("batch {batch}: {message}")]
    BatchState {
        /// The batch.
        batch: u64,
        /// What does not fit.
        message: String,
    },
    /// The network listener could not be started.
    #[error("the RPC server cannot listen on {address}: {message}")]
    Listen {
        /// Address asked for.
        address: String,
        /// What the system said.
        message: String,
    },
    /// The node has stopped, because it was shut down or because its store failed before.
    #[error("the node has stopped: {0}")]
    Stopped(String),
}
