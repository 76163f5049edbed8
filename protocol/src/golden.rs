//! Pinned values: an encoding or a hash that changes by accident fails here. Who changes one on purpose changes
//! [`crate::PROTOCOL_VERSION`] too.

use alloy_primitives::{Address, B256, Bytes, U256, b256};

use crate::{
    Account, BatchStatement, Block, BlockInput, Fr, Genesis, Log, Payload, Receipt, Transaction,
    account::{CodeRecord, storage_leaf_value},
    field, hash,
    statement::sponge_commitment,
    testing::{key, sign},
    transaction::Envelope,
};

fn pinned(name: &str, found: B256, expected: B256) {
    assert_eq!(found, expected, "{name}");
}

fn element(found: Fr) -> B256 {
    field::to_bytes(&found)
}

fn block() -> Block {
    let transaction = Transaction {
        chain_id: 1337,
        nonce: 3,
        gas_limit: 21_000,
        to: Some(Address::repeat_byte(0x22)),
        value: U256::from(5),
        input: Bytes::new(),
        envelope: Envelope::DynamicFee {
            max_priority_fee_per_gas: 1,
            max_fee_per_gas: 2,
            access_list: vec![],
        },
    };
    let log = Log {
        address: Address::repeat_byte(1),
        topics: vec![B256::repeat_byte(2)],
        data: vec![3; 30].into(),
    };
    let input = BlockInput {
        number: 1,
        timestamp: 2,
        gas_limit: 30_000_000,
        base_fee: 1,
        coinbase: Address::repeat_byte(0xcc),
        prev_randao: B256::ZERO,
        transactions: vec![sign(transaction, &key(1))],
    };
    let receipt = Receipt {
        success: true,
        cumulative_gas_used: 21_000,
        logs: vec![log],
    };
    Block::seal(input, B256::repeat_byte(9), vec![receipt])
}

#[test]
fn hashes() {
    let [one, two] = [1, 2].map(Fr::from);
    let address = Address::repeat_byte(0xaa);
    let account = Account {
        nonce: 1,
        balance: U256::from(1) << 200,
        code: CodeRecord::of(&[0x60; 25]),
    };
    pinned(
        "node",
        element(hash::node(one, two)),
        b256!("03333b6f89047f1e9787f802e50446e79c97001e9ebf0aeda9b00967f9bf9089"),
    );
    pinned(
        "leaf",
        element(hash::leaf(one, two)),
        b256!("223216b994ff6173c9e3d5724a5c1de3a433914c1a50d6ef9a49f22f5c89b6b2"),
    );
    pinned(
        "account key",
        element(hash::account_key(address)),
        b256!("07c118986b62023c3c63168d041f38680f91e56ef58bee175e6f4e43c0ffc7a6"),
    );
    pinned(
        "storage key",
        element(hash::storage_key(address, U256::MAX)),
        b256!("2a76c7ae39783446b785a2d6b1eb6ab021f033e3bbc64166e7254e8b76f3d6a1"),
    );
    pinned(
        "account",
        element(account.leaf_value().unwrap()),
        b256!("1ccba5b8163407b336c6663ebce454073fa8df26eff9237ccfc6667ecebf4005"),
    );
    pinned(
        "storage word",
        element(storage_leaf_value(U256::MAX).unwrap()),
        b256!("0aa457d161dba44d460fafdf6486278bed4478cf49eab19927507b66bfeb080d"),
    );
    pinned(
        "sponge",
        element(sponge_commitment(
            &std::array::from_fn(|lane| lane as u64),
            &[1, 2],
        )),
        b256!("0532a46eba2292957bfcbafe3b124ea3931e1ed01d71242827d5e2853a94a366"),
    );
}

#[test]
fn records() {
    let block = block();
    pinned(
        "transactions hash",
        block.header.transactions_hash,
        b256!("0ddcf59210503e9c2ce141d0cdb54bf12905529ea8b569e458690fa9ba929176"),
    );
    pinned(
        "receipts hash",
        block.header.receipts_hash,
        b256!("02bde2489a94081068996c17c9b3603a2a0cc7dcbf32a6cec71b38ab3ae86b39"),
    );
    pinned(
        "block hash",
        block.header.hash(),
        b256!("0e1d12e095b0fcf48cdfeabc43ab95d1af067a7b44891300080d9fd01afe78a0"),
    );
    let payload = Payload {
        blocks: vec![block.input()],
    };
    pinned(
        "payload hash",
        payload.hash(),
        b256!("b524e8d62654d7d7d876e6c741feb24e28e86a3f9c9921a0defc459c6e2bebee"),
    );
    let statement = BatchStatement {
        chain_id: 1337,
        batch_number: 1,
        first_block: 1,
        last_block: 1,
        last_timestamp: 2,
        block_hash: block.header.hash(),
        payload_hash: payload.hash(),
        ..BatchStatement::default()
    };
    pinned(
        "batch hash",
        statement.hash(),
        b256!("3c02c7fd5bab520ffdcbe78252737ec58d2e63ec91e9ff99ea3420aac41b1ab6"),
    );
    pinned(
        "start",
        statement.start(1).hash(),
        b256!("d19138fbec35b5903a97ecda2af04fe94a425a72c2a3b00ced4bc61a6c6b902f"),
    );
    pinned(
        "end",
        statement.end().hash(),
        b256!("5580af7d85b60dc83d48dc06ba98cb0b72b35c9e6e59e38f9aef0b3a28bfca45"),
    );
    pinned(
        "segment hash",
        statement.segment_hash(&statement.start(1), &statement.end()),
        b256!("9a268031bda52a19938ebd2b44f10fa4bf3f150e63a1204647fc813afc3d87bc"),
    );
}

#[test]
fn genesis() {
    let genesis =
        Genesis::from_json(r#"{"chainId": 1337, "gasLimit": 30000000, "baseFee": 1000000000}"#)
            .unwrap();
    pinned(
        "genesis block",
        genesis.header().hash(),
        b256!("fe598f4f30cdcfec1dd228875f21c375caf70b0c1660d6fe20045fe5789c1493"),
    );
    pinned(
        "genesis state root",
        element(genesis.state().unwrap().root),
        b256!("1449e12bf5ff66599a926f1195b97020b3be96a5fdaaca20b4d85da20a0962e0"),
    );
}
