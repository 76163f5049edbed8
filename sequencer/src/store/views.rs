//! States of the chain, and the nodes of the tree, as the store has them.

use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::{
    Account, Fr, field,
    tree::{self, Node, NodeStore},
};

use super::{
    ACCOUNT_HISTORY, ACCOUNTS, CODES, NODES, Read, STORAGE, STORAGE_HISTORY, decode, slot_key,
    suffixed,
};
use crate::{error::StoreError, state::StateView};

/// The state after the latest block.
#[derive(Debug)]
pub(crate) struct Latest<'a, R>(pub(crate) &'a R);

impl<R: Read> StateView for Latest<'_, R> {
    fn account(&self, address: Address) -> Result<Account, StoreError> {
        account_from(self.0, self.0.get(ACCOUNTS, address.as_slice())?)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        word_from(self.0, self.0.get(STORAGE, &slot_key(address, slot))?)
    }

    fn code(&self, keccak: B256) -> Result<Bytes, StoreError> {
        match self.0.get(CODES, keccak.as_slice())? {
            Some(code) => Ok(code.into()),
            None if keccak == protocol::hash::EMPTY_KECCAK => Ok(Bytes::new()),
            None => Err(self.0.corrupt(format!("the code {keccak} is missing"))),
        }
    }
}

/// The state after a past block: the value before the first later change, or the latest.
#[derive(Debug)]
pub(crate) struct ViewAt<'a, R> {
    /// The store.
    pub(crate) store: &'a R,
    /// The block.
    pub(crate) block: u64,
}

impl<R: Read> ViewAt<'_, R> {
    fn before_next_change(
        &self,
        table: super::Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(next) = self.block.checked_add(1) else {
            return Ok(None);
        };
        let found = self
            .store
            .range(table, &suffixed(key, next), &suffixed(key, u64::MAX), 1)?;
        Ok(found.into_iter().next().map(|(_, value)| value))
    }
}

impl<R: Read> StateView for ViewAt<'_, R> {
    fn account(&self, address: Address) -> Result<Account, StoreError> {
        match self.before_next_change(ACCOUNT_HISTORY, address.as_slice())? {
            Some(bytes) => account_from(self.store, Some(bytes)),
            None => Latest(self.store).account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        match self.before_next_change(STORAGE_HISTORY, &slot_key(address, slot))? {
            Some(bytes) => word_from(self.store, Some(bytes)),
            None => Latest(self.store).storage(address, slot),
        }
    }

    fn code(&self, keccak: B256) -> Result<Bytes, StoreError> {
        Latest(self.store).code(keccak)
    }
}

fn account_from<R: Read>(store: &R, bytes: Option<Vec<u8>>) -> Result<Account, StoreError> {
    bytes.map_or(Ok(Account::default()), |bytes| {
        decode(&bytes).map_err(|error| store.corrupt(format!("account record: {error}")))
    })
}

fn word_from<R: Read>(store: &R, bytes: Option<Vec<u8>>) -> Result<U256, StoreError> {
    bytes.map_or(Ok(U256::ZERO), |bytes| {
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(U256::from_be_bytes)
            .map_err(|_| store.corrupt("a storage word does not have 32 bytes"))
    })
}

/// The nodes of the state tree.
#[derive(Debug)]
pub(crate) struct TreeNodes<'a, R>(pub(crate) &'a R);

impl<R: Read + Sync> NodeStore for TreeNodes<'_, R> {
    fn node(&self, hash: &Fr) -> Result<Option<Node>, tree::StoreError> {
        let key = field::to_bytes(hash);
        match self.0.get(NODES, key.as_slice())? {
            None => Ok(None),
            Some(bytes) => Node::from_bytes(&bytes)
                .map(Some)
                .ok_or_else(|| self.0.corrupt(format!("tree node {key}")).into()),
        }
    }
}
