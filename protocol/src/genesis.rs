//! Genesis: the first state and block of a chain, read from JSON.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use rayon::prelude::*;
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
    /// The gas limit is too low for any transaction, or too high for a proof of the base fee.
    #[error(
        "the gas limit {0} is not between {min}, which one transfer needs, and {max}, above which the base fee cannot be proven",
        min = rules::MIN_GAS_LIMIT,
        max = rules::MAX_GAS_LIMIT
    )]
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
        if !(rules::MIN_GAS_LIMIT..=rules::MAX_GAS_LIMIT).contains(&self.gas_limit) {
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
        let of_account = |(address, account): (&Address, &GenesisAccount)| {
            let record = (hash::account_key(*address), account.record().leaf_value());
            let words = account.storage.iter();
            let words = words.map(|(slot, word)| {
                (
                    hash::storage_key(*address, *slot),
                    storage_leaf_value(*word),
                )
            });
            std::iter::once(record)
                .chain(words)
                .filter(|(_, value)| value.is_some())
                .collect::<Vec<_>>()
        };
        let mut leaves: Vec<Change> = self.accounts.par_iter().flat_map_iter(of_account).collect();
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
mod tests;
