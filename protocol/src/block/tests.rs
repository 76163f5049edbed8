use super::*;
use crate::testing::{signed, words};
use proptest::prelude::*;

fn receipts() -> impl Strategy<Value = Receipt> {
    let log = (
        any::<[u8; 20]>(),
        prop::collection::vec(any::<[u8; 32]>(), 0..5),
        prop::collection::vec(any::<u8>(), 0..60),
    )
        .prop_map(|(address, topics, data)| Log {
            address: address.into(),
            topics: topics.into_iter().map(B256::from).collect(),
            data: data.into(),
        });
    (
        any::<bool>(),
        any::<u64>(),
        prop::collection::vec(log, 0..4),
    )
        .prop_map(|(success, cumulative_gas_used, logs)| Receipt {
            success,
            cumulative_gas_used,
            logs,
        })
}

#[test]
fn header_words_are_abi_words() {
    let header = BlockHeader {
        number: 5,
        coinbase: Address::repeat_byte(0xab),
        queue_hash: B256::repeat_byte(9),
        ..BlockHeader::default()
    };
    let bytes = header.words().concat();
    assert_eq!(bytes.len(), 32 * HEADER_WORDS);
    assert_eq!(bytes[32..64], U256::from(5).to_be_bytes::<32>());
    assert_eq!(bytes[6 * 32..6 * 32 + 12], [0; 12]);
    assert_eq!(bytes[6 * 32 + 12..7 * 32], [0xab; 20]);
    assert_eq!(header.hash(), keccak256(bytes));
}

#[test]
fn every_header_field_changes_the_hash() {
    let one = B256::repeat_byte(1);
    let base = BlockHeader::default();
    let variants = [
        base,
        BlockHeader {
            parent_hash: one,
            ..base
        },
        BlockHeader { number: 1, ..base },
        BlockHeader {
            timestamp: 1,
            ..base
        },
        BlockHeader {
            gas_limit: 1,
            ..base
        },
        BlockHeader {
            gas_used: 1,
            ..base
        },
        BlockHeader {
            base_fee: 1,
            ..base
        },
        BlockHeader {
            coinbase: Address::repeat_byte(1),
            ..base
        },
        BlockHeader {
            prev_randao: one,
            ..base
        },
        BlockHeader {
            transactions_hash: one,
            ..base
        },
        BlockHeader {
            receipts_hash: one,
            ..base
        },
        BlockHeader {
            queue_hash: one,
            ..base
        },
    ];
    let mut hashes = variants.map(|header| header.hash());
    hashes.sort();
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn every_part_of_a_log_changes_its_item() {
    let base = Log {
        address: Address::repeat_byte(1),
        topics: vec![B256::ZERO],
        data: vec![0].into(),
    };
    let variants = [
        base.clone(),
        Log {
            address: Address::repeat_byte(2),
            ..base.clone()
        },
        Log {
            topics: vec![],
            ..base.clone()
        },
        Log {
            topics: vec![B256::ZERO; 2],
            ..base.clone()
        },
        Log {
            topics: vec![B256::repeat_byte(1)],
            ..base.clone()
        },
        Log {
            data: vec![].into(),
            ..base.clone()
        },
        Log {
            data: vec![0, 0].into(),
            ..base.clone()
        },
        Log {
            data: vec![1].into(),
            ..base
        },
    ];
    let mut items: Vec<Fr> = variants.iter().map(Log::item).collect();
    items.sort();
    assert!(items.windows(2).all(|pair| pair[0] != pair[1]));
}

proptest! {
    #[test]
    fn sealed_blocks_give_their_input_back(
        transactions in prop::collection::vec(signed(), 0..4),
        receipts in prop::collection::vec(receipts(), 0..4),
        number: u64,
    ) {
        let input = BlockInput { number, transactions, base_fee: 7, ..BlockInput::default() };
        let block = Block::seal(input.clone(), B256::repeat_byte(1), receipts.clone());
        prop_assert_eq!(block.input(), input);
        prop_assert_eq!(block.header.gas_used, receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used));
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec(&block, config).unwrap();
        prop_assert_eq!(bincode::serde::decode_from_slice::<Block, _>(&bytes, config).unwrap().0, block);
    }

    #[test]
    fn chains_depend_on_every_item_and_on_the_order(
        transactions in prop::collection::vec(signed(), 2..5),
        receipts in prop::collection::vec(receipts(), 2..5),
    ) {
        let whole = TransactionsChain::over(&transactions);
        prop_assert_ne!(whole, TransactionsChain::over(&transactions[1..]));
        prop_assert_ne!(whole, TransactionsChain::over(&transactions[..transactions.len() - 1]));
        if transactions[0] != transactions[1] {
            let mut swapped = transactions;
            swapped.swap(0, 1);
            prop_assert_ne!(whole, TransactionsChain::over(&swapped));
        }
        let whole = ReceiptsChain::over(&receipts);
        prop_assert_ne!(whole, ReceiptsChain::over(&receipts[1..]));
        if receipts[0] != receipts[1] {
            let mut swapped = receipts.clone();
            swapped.swap(0, 1);
            prop_assert_ne!(whole, ReceiptsChain::over(&swapped));
        }
        let mut other = receipts;
        other[0].success = !other[0].success;
        prop_assert_ne!(whole, ReceiptsChain::over(&other));
        other[0].success = !other[0].success;
        other[0].cumulative_gas_used ^= 1;
        prop_assert_ne!(whole, ReceiptsChain::over(&other));
    }

    #[test]
    fn signature_parts_change_the_transaction_item(transaction in signed(), bit in 0usize..256, word in words()) {
        let item = transaction_item(&transaction);
        let flip = U256::from(1) << bit;
        let mut other = transaction.clone();
        other.signature.y_parity = !other.signature.y_parity;
        prop_assert_ne!(item, transaction_item(&other));
        other = transaction.clone();
        other.signature.r ^= flip;
        prop_assert_ne!(item, transaction_item(&other));
        other = transaction.clone();
        other.signature.s ^= flip;
        prop_assert_ne!(item, transaction_item(&other));
        if word != transaction.transaction.value {
            other = transaction;
            other.transaction.value = word;
            prop_assert_ne!(item, transaction_item(&other));
        }
    }
}
