//! Block and transaction rules: what a proof shows about headers, fees and gas (Osaka).

use alloy_primitives::Address;

use crate::{BlockHeader, Transaction, payload::BlockInput};

/// Most gas of one transaction (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;
/// Gas target of a block: its limit divided by this (EIP-1559).
pub const ELASTICITY: u64 = 2;
/// The base fee changes by at most one part in this (EIP-1559).
pub const BASE_FEE_CHANGE_DENOMINATOR: u64 = 8;
/// Least gas limit of a chain: one transfer must fit.
pub const MIN_GAS_LIMIT: u64 = TRANSACTION_GAS;
/// Highest gas limit of a chain: the base-fee rule divides by `limit / 2 * 8`, which a proof needs below 2^64.
pub const MAX_GAS_LIMIT: u64 = (1 << 62) - 1;

/// Intrinsic gas of every transaction.
pub const TRANSACTION_GAS: u64 = 21_000;
/// More intrinsic gas of a transaction that creates a contract (EIP-2).
pub const CREATE_GAS: u64 = 32_000;
/// Gas per 32-byte word of init code (EIP-3860).
pub const INIT_CODE_WORD_GAS: u64 = 2;
/// Most bytes of init code (EIP-3860).
pub const MAX_INIT_CODE_BYTES: usize = 49_152;
/// Gas per calldata token (EIP-7623): a zero byte is one token, any other byte is four.
pub const TOKEN_GAS: u64 = 4;
/// Tokens of a byte that is not zero (EIP-7623).
pub const NONZERO_BYTE_TOKENS: u64 = 4;
/// Gas per calldata token in the floor (EIP-7623).
pub const FLOOR_TOKEN_GAS: u64 = 10;
/// Gas per address of an access list (EIP-2930).
pub const ACCESS_LIST_ADDRESS_GAS: u64 = 2_400;
/// Gas per storage key of an access list (EIP-2930).
pub const ACCESS_LIST_KEY_GAS: u64 = 1_900;

/// Highest of the precompiles that are numbered from 1 on (BLS12-381 map to G2, EIP-2537).
pub const LAST_NUMBERED_PRECOMPILE: u64 = 0x11;
/// Address of the P-256 precompile (EIP-7951).
pub const P256_PRECOMPILE: u64 = 0x100;

/// Whether Osaka has a precompile at the address: 1 to 0x11, and 0x100.
pub fn is_precompile(address: Address) -> bool {
    let (high, low) = address.as_slice().split_at(12);
    let low = low
        .iter()
        .fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    high.iter().all(|byte| *byte == 0)
        && matches!(low, 1..=LAST_NUMBERED_PRECOMPILE | P256_PRECOMPILE)
}

/// Base fee in wei of the block after the given one (EIP-1559); `None` if it would not fit 64 bits or the gas limit
/// leaves no target.
pub fn next_base_fee(gas_limit: u64, gas_used: u64, base_fee: u64) -> Option<u64> {
    let target = gas_limit / ELASTICITY;
    let change = |excess: u64| {
        let product = u128::from(base_fee) * u128::from(excess);
        Some(product.checked_div(u128::from(target))? / u128::from(BASE_FEE_CHANGE_DENOMINATOR))
    };
    if gas_used == target {
        Some(base_fee)
    } else if gas_used > target {
        let raise = change(gas_used - target)?.max(1);
        u64::try_from(u128::from(base_fee) + raise).ok()
    } else {
        base_fee.checked_sub(u64::try_from(change(target - gas_used)?).ok()?)
    }
}

/// Why a block cannot follow its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The number is not the parent's plus 1.
    #[error("block number {found}, must be {expected}")]
    Number {
        /// Required number.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// The timestamp is before the parent's.
    #[error("timestamp {found} is before the parent's {parent}")]
    Timestamp {
        /// The parent's timestamp.
        parent: u64,
        /// The block's.
        found: u64,
    },
    /// The gas limit is not the parent's.
    #[error("gas limit {found}, must be {expected}")]
    GasLimit {
        /// The chain's gas limit.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// The base fee is not what EIP-1559 gives.
    #[error("base fee {found} wei, must be {expected} wei")]
    BaseFee {
        /// Required base fee.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// No block can follow: number or base fee would not fit 64 bits, or the gas limit is below 2.
    #[error("no block can follow the parent: its number, base fee or gas limit is out of range")]
    NoSuccessor,
}

/// Checks a block's input against its parent's header.
///
/// # Errors
/// [`BlockError`] for the first rule that is broken.
pub fn check_block(parent: &BlockHeader, block: &BlockInput) -> Result<(), BlockError> {
    let number = parent
        .number
        .checked_add(1)
        .ok_or(BlockError::NoSuccessor)?;
    let base_fee = next_base_fee(parent.gas_limit, parent.gas_used, parent.base_fee)
        .ok_or(BlockError::NoSuccessor)?;
    if block.number != number {
        return Err(BlockError::Number {
            expected: number,
            found: block.number,
        });
    }
    if block.timestamp < parent.timestamp {
        return Err(BlockError::Timestamp {
            parent: parent.timestamp,
            found: block.timestamp,
        });
    }
    if block.gas_limit != parent.gas_limit {
        return Err(BlockError::GasLimit {
            expected: parent.gas_limit,
            found: block.gas_limit,
        });
    }
    if block.base_fee != base_fee {
        return Err(BlockError::BaseFee {
            expected: base_fee,
            found: block.base_fee,
        });
    }
    Ok(())
}

/// Tokens of calldata (EIP-7623).
pub fn calldata_tokens(input: &[u8]) -> u64 {
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    zeros + (input.len() as u64 - zeros) * NONZERO_BYTE_TOKENS
}

/// Gas that a transaction pays before it runs.
pub fn intrinsic_gas(transaction: &Transaction) -> u64 {
    let keys: u64 = transaction
        .access_list()
        .iter()
        .map(|item| item.storage_keys.len() as u64)
        .sum();
    let create = match transaction.to {
        Some(_) => 0,
        None => CREATE_GAS + (transaction.input.len() as u64).div_ceil(32) * INIT_CODE_WORD_GAS,
    };
    TRANSACTION_GAS
        + TOKEN_GAS * calldata_tokens(&transaction.input)
        + ACCESS_LIST_ADDRESS_GAS * transaction.access_list().len() as u64
        + ACCESS_LIST_KEY_GAS * keys
        + create
}

/// Least gas that a transaction pays in all (EIP-7623).
pub fn floor_gas(transaction: &Transaction) -> u64 {
    TRANSACTION_GAS + FLOOR_TOKEN_GAS * calldata_tokens(&transaction.input)
}

/// Why a transaction cannot be in a block, whatever the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionRuleError {
    /// Another chain's transaction.
    #[error("chain id {found}, must be {expected}")]
    ChainId {
        /// This chain's id.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// The maximum fee is below the base fee.
    #[error("max fee {max_fee} wei is below the base fee {base_fee} wei")]
    FeeBelowBaseFee {
        /// The transaction's maximum fee per gas.
        max_fee: u128,
        /// The block's base fee.
        base_fee: u64,
    },
    /// The maximum priority fee is above the maximum fee.
    #[error("max priority fee {priority} wei is above the max fee {max_fee} wei")]
    PriorityAboveMax {
        /// The transaction's maximum priority fee per gas.
        priority: u128,
        /// The transaction's maximum fee per gas.
        max_fee: u128,
    },
    /// More gas than one transaction may have (EIP-7825).
    #[error("gas limit {found} is above {MAX_TRANSACTION_GAS} (EIP-7825)")]
    GasLimitAboveCap {
        /// The transaction's gas limit.
        found: u64,
    },
    /// More gas than the block has left.
    #[error("gas limit {found} is above the {left} gas that the block has left")]
    GasLimitAboveBlock {
        /// Gas limit of the block minus gas used so far.
        left: u64,
        /// The transaction's gas limit.
        found: u64,
    },
    /// Less gas than the intrinsic gas or the calldata floor.
    #[error("gas limit {found} is below the {needed} gas that the transaction costs at least")]
    GasLimitTooLow {
        /// The greater of intrinsic gas and floor.
        needed: u64,
        /// The transaction's gas limit.
        found: u64,
    },
    /// The nonce has its last value, after which there is none (EIP-2681).
    #[error("nonce 2^64 - 1 cannot be used (EIP-2681)")]
    NonceLimit,
    /// Too much init code (EIP-3860).
    #[error("{found} bytes of init code are more than {MAX_INIT_CODE_BYTES} (EIP-3860)")]
    InitCode {
        /// Length in bytes.
        found: usize,
    },
}

/// Checks the rules that need no state: chain id, fees, gas limits, intrinsic gas, nonce limit, init code size.
///
/// `gas_used` is the gas used in the block before the transaction. What is left to the state: nonce, balance,
/// EIP-3607.
///
/// # Errors
/// [`TransactionRuleError`] for the first rule that is broken.
pub fn check_transaction(
    transaction: &Transaction,
    chain_id: u64,
    base_fee: u64,
    gas_limit: u64,
    gas_used: u64,
) -> Result<(), TransactionRuleError> {
    use TransactionRuleError as Error;
    if transaction.chain_id != chain_id {
        return Err(Error::ChainId {
            expected: chain_id,
            found: transaction.chain_id,
        });
    }
    let (max_fee, priority) = (
        transaction.max_fee_per_gas(),
        transaction.max_priority_fee_per_gas(),
    );
    if priority > max_fee {
        return Err(Error::PriorityAboveMax { priority, max_fee });
    }
    if max_fee < u128::from(base_fee) {
        return Err(Error::FeeBelowBaseFee { max_fee, base_fee });
    }
    if transaction.nonce == u64::MAX {
        return Err(Error::NonceLimit);
    }
    let found = transaction.gas_limit;
    if found > MAX_TRANSACTION_GAS {
        return Err(Error::GasLimitAboveCap { found });
    }
    let left = gas_limit.saturating_sub(gas_used);
    if found > left {
        return Err(Error::GasLimitAboveBlock { left, found });
    }
    if transaction.to.is_none() && transaction.input.len() > MAX_INIT_CODE_BYTES {
        return Err(Error::InitCode {
            found: transaction.input.len(),
        });
    }
    let needed = intrinsic_gas(transaction).max(floor_gas(transaction));
    if found < needed {
        return Err(Error::GasLimitTooLow { needed, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
