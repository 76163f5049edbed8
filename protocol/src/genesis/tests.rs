use super::*;
use crate::tree::{get, prove};

const JSON: &str = r#"{
    "chainId": 1337, "timestamp": 5, "gasLimit": 30000000, "baseFee": 1000000000,
    "coinbase": "0x00000000000000000000000000000000000000cc",
    "accounts": {
        "0x00000000000000000000000000000000000000aa": { "balance": "1000000000000000000" },
        "0x00000000000000000000000000000000000000bb": {
            "balance": "0x10", "nonce": 1, "code": "0x6001",
            "storage": { "0x01": "0x02", "2": "0x00" }
        },
        "0x00000000000000000000000000000000000000dd": {}
    }
}"#;

fn account(byte: u8) -> Address {
    Address::with_last_byte(byte)
}

#[test]
fn file_to_state() {
    let genesis = Genesis::from_json(JSON).unwrap();
    assert_eq!(
        (genesis.chain_id, genesis.timestamp, genesis.gas_limit),
        (1337, 5, 30_000_000)
    );
    let addresses: Vec<Address> = genesis.accounts.keys().copied().collect();
    assert_eq!(addresses, [account(0xaa), account(0xbb), HISTORY_ADDRESS]);
    assert_eq!(
        genesis.accounts[&account(0xaa)].balance,
        U256::from(10).pow(U256::from(18))
    );
    assert_eq!(genesis.accounts[&account(0xbb)].storage.len(), 1);

    let leaves = genesis.leaves();
    assert_eq!(leaves.len(), 4);
    let state = genesis.state().unwrap();
    let mut store = MemoryStore::new();
    store.insert(state.nodes);
    let value = |key| get(&store, state.root, key).unwrap();
    let record = Account {
        nonce: 1,
        balance: U256::from(16),
        code: CodeRecord::of(&[0x60, 1]),
    };
    assert_eq!(value(hash::account_key(account(0xbb))), record.leaf_value());
    assert_eq!(
        value(hash::storage_key(account(0xbb), U256::from(1))),
        storage_leaf_value(U256::from(2))
    );
    assert_eq!(value(hash::storage_key(account(0xbb), U256::from(2))), None);
    assert_eq!(value(hash::account_key(account(0xdd))), None);
    let history = Account {
        nonce: 1,
        balance: U256::ZERO,
        code: CodeRecord::of(HISTORY_CODE),
    };
    assert_eq!(
        value(hash::account_key(HISTORY_ADDRESS)),
        history.leaf_value()
    );
    let proof = prove(&store, state.root, hash::account_key(account(0xdd))).unwrap();
    assert_eq!(
        proof.verify(state.root, hash::account_key(account(0xdd))),
        Ok(None)
    );
}

#[test]
fn header_of_block_zero() {
    let header = Genesis::from_json(JSON).unwrap().header();
    assert_eq!(
        (header.number, header.timestamp, header.gas_limit),
        (0, 5, 30_000_000)
    );
    assert_eq!(
        (header.base_fee, header.coinbase),
        (1_000_000_000, account(0xcc))
    );
    assert!(
        header.parent_hash.is_zero()
            && header.transactions_hash.is_zero()
            && header.receipts_hash.is_zero()
    );
}

#[test]
fn completing_is_idempotent_and_serde_is_inverse() {
    let genesis = Genesis::from_json(JSON).unwrap();
    assert_eq!(genesis.clone().complete().unwrap(), genesis);
    let json = serde_json::to_string(&genesis).unwrap();
    assert_eq!(Genesis::from_json(&json).unwrap(), genesis);
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(&genesis, config).unwrap();
    assert_eq!(
        bincode::serde::decode_from_slice::<Genesis, _>(&bytes, config)
            .unwrap()
            .0,
        genesis
    );
}

// NEGATIVE

fn with(change: impl FnOnce(&mut Genesis)) -> Result<Genesis, GenesisError> {
    let mut genesis = Genesis::from_json(JSON).unwrap();
    change(&mut genesis);
    genesis.complete()
}

#[test]
fn refusals() {
    assert!(matches!(
        with(|g| g.chain_id = 0),
        Err(GenesisError::ChainId)
    ));
    for limit in [0, 20_999, 1 << 62, u64::MAX] {
        let refused = with(|g| g.gas_limit = limit).unwrap_err();
        assert!(
            matches!(refused, GenesisError::GasLimit(found) if found == limit),
            "{refused}"
        );
        assert!(refused.to_string().contains(&limit.to_string()));
    }
    for limit in [21_000, (1 << 62) - 1] {
        assert!(with(|g| g.gas_limit = limit).is_ok());
        // What `MAX_GAS_LIMIT` is for.
        let divisor = (limit / rules::ELASTICITY).checked_mul(rules::BASE_FEE_CHANGE_DENOMINATOR);
        assert!(divisor.is_some());
    }
    let storage = BTreeMap::from([(U256::ZERO, U256::from(1))]);
    let bare =
        |g: &mut Genesis| g.accounts.entry(account(1)).or_default().storage = storage.clone();
    assert!(matches!(with(bare), Err(GenesisError::Storage(address)) if address == account(1)));
    assert!(
        with(|g| {
            bare(g);
            g.accounts.entry(account(1)).or_default().nonce = 1;
        })
        .is_ok()
    );
    let history = |g: &mut Genesis| {
        g.accounts.get_mut(&HISTORY_ADDRESS).unwrap().code = Bytes::from_static(&[0])
    };
    assert!(matches!(with(history), Err(GenesisError::History)));
    let history = |g: &mut Genesis| g.accounts.get_mut(&HISTORY_ADDRESS).unwrap().nonce = 0;
    assert!(matches!(with(history), Err(GenesisError::History)));
    let rich = |g: &mut Genesis| g.accounts.entry(account(1)).or_default().balance = U256::MAX;
    assert!(matches!(with(rich), Err(GenesisError::Supply)));
    for json in [
        "",
        "{}",
        r#"{"chainId": 1, "gasLimit": 30000000, "baseFee": 1, "extra": 0}"#,
        r#"{"chainId": 1, "gasLimit": 30000000, "baseFee": 1, "accounts": {"0x01": {}}}"#,
        r#"{"chainId": 1, "gasLimit": 30000000, "baseFee": -1}"#,
    ] {
        assert!(
            matches!(Genesis::from_json(json), Err(GenesisError::Json(_))),
            "{json}"
        );
    }
}
