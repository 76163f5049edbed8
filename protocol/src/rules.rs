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
mod tests {
    use super::*;
    use crate::{
        testing::{small, transactions},
        transaction::{AccessListItem, Envelope},
    };
    use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
    use alloy_primitives::{B256, U256};
    use proptest::prelude::*;

    fn transfer() -> Transaction {
        Transaction {
            chain_id: 1,
            nonce: 0,
            gas_limit: 21_000,
            to: Some(Address::repeat_byte(1)),
            value: U256::ZERO,
            input: Default::default(),
            envelope: Envelope::DynamicFee {
                max_priority_fee_per_gas: 1,
                max_fee_per_gas: 10,
                access_list: vec![],
            },
        }
    }

    #[test]
    fn precompiles_of_osaka() {
        let at = |value: u64| is_precompile(Address::from_word(U256::from(value).into()));
        let found: Vec<u64> = (0..0x200).filter(|value| at(*value)).collect();
        assert_eq!(found, (1..=0x11).chain([0x100]).collect::<Vec<_>>());
        let mut high = [0; 20];
        high[19] = 1;
        for byte in 0..12 {
            let mut address = high;
            address[byte] = 1;
            assert!(!is_precompile(address.into()));
        }
    }

    /// Worked by hand from the formulas of EIP-1559.
    #[test]
    fn base_fee_by_hand() {
        assert_eq!(next_base_fee(20, 10, 800), Some(800));
        assert_eq!(next_base_fee(20, 20, 800), Some(900));
        assert_eq!(next_base_fee(20, 0, 800), Some(700));
        assert_eq!(next_base_fee(20, 11, 1), Some(2));
        assert_eq!(next_base_fee(20, 9, 1), Some(1));
        assert_eq!(next_base_fee(20, 11, 0), Some(1));
        assert_eq!(next_base_fee(20, 0, 0), Some(0));
        assert_eq!(next_base_fee(20, 20, u64::MAX), None);
        assert_eq!(
            next_base_fee(20, 0, u64::MAX),
            Some(u64::MAX - u64::MAX / 8)
        );
        assert_eq!(next_base_fee(1, 1, 5), None);
        assert_eq!(next_base_fee(0, 0, 5), Some(5));
    }

    #[test]
    fn gas_by_hand() {
        let mut tx = transfer();
        assert_eq!((intrinsic_gas(&tx), floor_gas(&tx)), (21_000, 21_000));
        tx.input = vec![0, 0, 1].into();
        assert_eq!(
            (intrinsic_gas(&tx), floor_gas(&tx)),
            (21_000 + 4 + 4 + 16, 21_000 + 10 + 10 + 40)
        );
        let item = AccessListItem {
            address: Address::ZERO,
            storage_keys: vec![B256::ZERO; 3],
        };
        tx.envelope = Envelope::AccessList {
            gas_price: 1,
            access_list: vec![item.clone(), item],
        };
        assert_eq!(intrinsic_gas(&tx), 21_024 + 2 * 2_400 + 6 * 1_900);
        assert_eq!(floor_gas(&tx), 21_060);
        tx.to = None;
        assert_eq!(
            intrinsic_gas(&tx),
            21_024 + 2 * 2_400 + 6 * 1_900 + 32_000 + 2
        );
        tx.input = vec![1; 33].into();
        assert_eq!(
            intrinsic_gas(&tx),
            21_000 + 33 * 16 + 2 * 2_400 + 6 * 1_900 + 32_000 + 4
        );
    }

    proptest! {
        #[test]
        fn base_fee_agrees_with_alloy(limit in 2u64.., used in any::<u64>(), fee in small()) {
            let used = used % (limit + 1).max(1);
            // Where the result does not fit 64 bits, alloy's is meaningless.
            if let Some(next) = next_base_fee(limit, used, fee) {
                prop_assert_eq!(next, calc_next_block_base_fee(used, limit, fee, BaseFeeParams::ethereum()));
            } else {
                prop_assert!(fee >= u64::MAX / 9 * 8);
            }
        }

        #[test]
        fn any_transaction_has_an_answer(tx in transactions(), base_fee: u64, limit: u64, used: u64) {
            // A matter of not overflowing and not panicking.
            let _ = check_transaction(&tx, tx.chain_id, base_fee, limit, used);
            prop_assert!(intrinsic_gas(&tx) >= TRANSACTION_GAS && floor_gas(&tx) >= TRANSACTION_GAS);
        }
    }

    // NEGATIVE

    #[test]
    fn block_rules() {
        let parent = BlockHeader {
            number: 7,
            timestamp: 100,
            gas_limit: 30_000_000,
            gas_used: 30_000_000,
            base_fee: 800,
            ..BlockHeader::default()
        };
        let good = BlockInput {
            number: 8,
            timestamp: 100,
            gas_limit: 30_000_000,
            base_fee: 900,
            ..BlockInput::default()
        };
        assert_eq!(check_block(&parent, &good), Ok(()));
        assert_eq!(
            check_block(
                &parent,
                &BlockInput {
                    timestamp: u64::MAX,
                    ..good.clone()
                }
            ),
            Ok(())
        );
        for number in [7, 9] {
            let expected = BlockError::Number {
                expected: 8,
                found: number,
            };
            assert_eq!(
                check_block(
                    &parent,
                    &BlockInput {
                        number,
                        ..good.clone()
                    }
                ),
                Err(expected)
            );
        }
        let wrong = BlockInput {
            timestamp: 99,
            ..good.clone()
        };
        assert_eq!(
            check_block(&parent, &wrong),
            Err(BlockError::Timestamp {
                parent: 100,
                found: 99
            })
        );
        let wrong = BlockInput {
            gas_limit: 30_000_001,
            ..good.clone()
        };
        let expected = BlockError::GasLimit {
            expected: 30_000_000,
            found: 30_000_001,
        };
        assert_eq!(check_block(&parent, &wrong), Err(expected));
        for base_fee in [899, 901] {
            let wrong = BlockInput {
                base_fee,
                ..good.clone()
            };
            assert_eq!(
                check_block(&parent, &wrong),
                Err(BlockError::BaseFee {
                    expected: 900,
                    found: base_fee
                })
            );
        }
        let last = BlockHeader {
            number: u64::MAX,
            ..parent
        };
        assert_eq!(check_block(&last, &good), Err(BlockError::NoSuccessor));
        let high = BlockHeader {
            base_fee: u64::MAX,
            ..parent
        };
        assert_eq!(check_block(&high, &good), Err(BlockError::NoSuccessor));
    }

    #[test]
    fn transaction_rules() {
        use TransactionRuleError as Error;
        let check = |tx: &Transaction| check_transaction(tx, 1, 10, 100_000, 79_000);
        assert_eq!(check(&transfer()), Ok(()));
        type Change = fn(&mut Transaction);
        let table: Vec<(Change, Error)> = vec![
            (
                |tx| tx.chain_id = 2,
                Error::ChainId {
                    expected: 1,
                    found: 2,
                },
            ),
            (
                |tx| {
                    tx.envelope = Envelope::DynamicFee {
                        max_priority_fee_per_gas: 11,
                        max_fee_per_gas: 10,
                        access_list: vec![],
                    }
                },
                Error::PriorityAboveMax {
                    priority: 11,
                    max_fee: 10,
                },
            ),
            (
                |tx| tx.envelope = Envelope::Legacy { gas_price: 9 },
                Error::FeeBelowBaseFee {
                    max_fee: 9,
                    base_fee: 10,
                },
            ),
            (|tx| tx.nonce = u64::MAX, Error::NonceLimit),
            (
                |tx| tx.gas_limit = MAX_TRANSACTION_GAS + 1,
                Error::GasLimitAboveCap {
                    found: MAX_TRANSACTION_GAS + 1,
                },
            ),
            (
                |tx| tx.gas_limit = 21_001,
                Error::GasLimitAboveBlock {
                    left: 21_000,
                    found: 21_001,
                },
            ),
            (
                |tx| tx.gas_limit = 20_999,
                Error::GasLimitTooLow {
                    needed: 21_000,
                    found: 20_999,
                },
            ),
            (
                |tx| tx.input = vec![0].into(),
                Error::GasLimitTooLow {
                    needed: 21_010,
                    found: 21_000,
                },
            ),
            (
                |tx| {
                    tx.to = None;
                    tx.input = vec![0; MAX_INIT_CODE_BYTES + 1].into();
                },
                Error::InitCode {
                    found: MAX_INIT_CODE_BYTES + 1,
                },
            ),
        ];
        for (change, expected) in table {
            let mut tx = transfer();
            change(&mut tx);
            assert_eq!(check(&tx), Err(expected));
        }
        // The limits themselves are allowed.
        let mut tx = transfer();
        tx.nonce = u64::MAX - 1;
        tx.gas_limit = MAX_TRANSACTION_GAS;
        assert_eq!(
            check_transaction(&tx, 1, 10, MAX_TRANSACTION_GAS, 0),
            Ok(())
        );
        assert_eq!(
            check_transaction(&tx, 1, 10, 5, 6),
            Err(Error::GasLimitAboveBlock {
                left: 0,
                found: MAX_TRANSACTION_GAS
            })
        );
    }
}
