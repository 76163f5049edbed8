//! Genesis: the first state and block of a chain, read from JSON.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::{
    Account, BlockHeader,
    account::{CodeRecord, storage_leaf_value},
    hash,
    history::{HISTORY_ADDRESS, HISTORY_CODE, HISTORY_NONCE},
    rules,
    tree::{self, Change, MemoryStore, TreeError, Update},
};

/// An account of the genesis file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// Balance in wei, decimal or 0x-prefixed hex.
    #[serde(default)]
    pub balance: U256,
    /// Nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Runtime code.
    #[serde(default)]
    pub code: Bytes,
    /// Storage words by slot. Zero words are as good as absent.
    #[serde(default)]
    pub storage: BTreeMap<U256, U256>,
}

/// The genesis of a chain.
///
/// In JSON: `chainId`, `timestamp`, `gasLimit`, `baseFee`, `coinbase`, `accounts` (by address: `balance`, `nonce`,
/// `code`, `storage`). Unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Genesis {
    /// Chain id, not 0.
    pub chain_id: u64,
    /// Timestamp of block 0 in seconds since 1970.
    #[serde(default)]
    pub timestamp: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Base fee of block 0 in wei per gas.
    pub base_fee: u64,
    /// Coinbase of block 0.
    #[serde(default)]
    pub coinbase: Address,
    /// Accounts by address.
    #[serde(default)]
    pub accounts: BTreeMap<Address, GenesisAccount>,
}

/// Why a genesis is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// Not the JSON of a genesis.
    #[error("the genesis file: {0}")]
    Json(#[from] serde_json::Error),
    /// Chain id 0.
    #[error("the chain id is 0, which EIP-155 cannot protect")]
    ChainId,
    /// The gas limit is too low for any transaction.
    #[error("the gas limit {0} is below {min}", min = rules::MIN_GAS_LIMIT)]
    GasLimit(u64),
    /// Storage on an account that a contract could still be created on.
    #[error("account {0} has storage but neither code nor nonce")]
    Storage(Address),
    /// The history contract's address has something else.
    #[error(
        "account {HISTORY_ADDRESS} must be absent, or have nonce {HISTORY_NONCE} and the code of EIP-2935"
    )]
    History,
    /// The sum of all balances does not fit 256 bits.
    #[error("the balances add up to 2^256 wei or more")]
    Supply,
}

impl Genesis {
    /// Reads and checks a genesis file, and adds the history contract.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn from_json(json: &str) -> Result<Self, GenesisError> {
        serde_json::from_str::<Self>(json)?.complete()
    }

    /// Checks a genesis and puts it in its normal form: the EIP-2935 contract added, zero words and empty accounts
    /// removed.
    ///
    /// # Errors
    /// Every [`GenesisError`] but [`GenesisError::Json`].
    pub fn complete(mut self) -> Result<Self, GenesisError> {
        if self.chain_id == 0 {
            return Err(GenesisError::ChainId);
        }
        if self.gas_limit < rules::MIN_GAS_LIMIT {
            return Err(GenesisError::GasLimit(self.gas_limit));
        }
        let history = self
            .accounts
            .entry(HISTORY_ADDRESS)
            .or_insert_with(|| GenesisAccount {
                nonce: HISTORY_NONCE,
                code: Bytes::from_static(HISTORY_CODE),
                ..GenesisAccount::default()
            });
        if history.nonce != HISTORY_NONCE || *history.code != *HISTORY_CODE {
            return Err(GenesisError::History);
        }
        let mut supply = U256::ZERO;
        for (address, account) in &mut self.accounts {
            account.storage.retain(|_, word| !word.is_zero());
            if !account.storage.is_empty() && account.code.is_empty() && account.nonce == 0 {
                return Err(GenesisError::Storage(*address));
            }
            supply = supply
                .checked_add(account.balance)
                .ok_or(GenesisError::Supply)?;
        }
        self.accounts
            .retain(|_, account| !account.record().is_empty());
        Ok(self)
    }

    /// The leaves of the state tree, in strictly increasing key order, as changes of the empty tree.
    pub fn leaves(&self) -> Vec<Change> {
        let mut leaves: Vec<Change> = Vec::new();
        for (address, account) in &self.accounts {
            leaves.push((hash::account_key(*address), account.record().leaf_value()));
            leaves.extend(account.storage.iter().map(|(slot, word)| {
                (
                    hash::storage_key(*address, *slot),
                    storage_leaf_value(*word),
                )
            }));
        }
        leaves.retain(|(_, value)| value.is_some());
        leaves.sort_unstable();
        leaves
    }

    /// The state tree: its root and all its nodes.
    ///
    /// # Errors
    /// [`TreeError::UnsortedKeys`] if two keys are the same, which takes a collision of Poseidon2.
    pub fn state(&self) -> Result<Update, TreeError> {
        tree::update(&MemoryStore::new(), tree::EMPTY, &self.leaves())
    }

    /// The header of block 0.
    pub fn header(&self) -> BlockHeader {
        BlockHeader {
            parent_hash: B256::ZERO,
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            base_fee: self.base_fee,
            coinbase: self.coinbase,
            ..BlockHeader::default()
        }
    }
}

impl GenesisAccount {
    /// The account's record in the state.
    pub fn record(&self) -> Account {
        Account {
            nonce: self.nonce,
            balance: self.balance,
            code: CodeRecord::of(&self.code),
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert!(matches!(
            with(|g| g.gas_limit = 20_999),
            Err(GenesisError::GasLimit(20_999))
        ));
        assert!(with(|g| g.gas_limit = 21_000).is_ok());
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
}
