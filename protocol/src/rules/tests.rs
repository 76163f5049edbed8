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

#[test]
fn precompiles_are_revms() {
    let precompiles = revm::precompile::Precompiles::osaka();
    assert!(
        precompiles
            .addresses()
            .all(|address| is_precompile(*address))
    );
    assert_eq!(
        precompiles.addresses().len(),
        LAST_NUMBERED_PRECOMPILE as usize + 1
    );
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
    fn gas_agrees_with_revm(tx in transactions()) {
        let keys = tx.access_list().iter().map(|item| item.storage_keys.len() as u64).sum();
        let accounts = tx.access_list().len() as u64;
        let gas = revm::context_interface::cfg::gas::calculate_initial_tx_gas(
            revm::primitives::hardfork::SpecId::OSAKA, &tx.input, tx.to.is_none(), accounts, keys, 0, None,
        );
        prop_assert_eq!(intrinsic_gas(&tx), gas.initial_total_gas());
        prop_assert_eq!(floor_gas(&tx), gas.floor_gas());
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
