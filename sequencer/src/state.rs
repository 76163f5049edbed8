//! The state as the EVM reads it: views of the store, and changes on top of a view.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{Address, B256, Bytes, U256, map::AddressMap};
use protocol::{
    Account, Fr,
    account::{CodeRecord, storage_leaf_value},
    hash, history,
};
use revm::{
    Database,
    database_interface::DBErrorMarker,
    state::{Account as EvmAccount, AccountInfo, Bytecode},
};

use crate::error::StoreError;

impl DBErrorMarker for StoreError {}

/// Read access to one state of the chain.
pub trait StateView {
    /// The account at an address; the empty account if there is none.
    ///
    /// # Errors
    /// When the store fails.
    fn account(&self, address: Address) -> Result<Account, StoreError>;

    /// The word in a storage slot; zero if there is none.
    ///
    /// # Errors
    /// When the store fails.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError>;

    /// The code with the given keccak hash, which an account of this state has.
    ///
    /// # Errors
    /// When the store fails or lacks the code.
    fn code(&self, keccak: B256) -> Result<Bytes, StoreError>;
}

impl<T: StateView + ?Sized> StateView for &T {
    fn account(&self, address: Address) -> Result<Account, StoreError> {
        (**self).account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        (**self).storage(address, slot)
    }

    fn code(&self, keccak: B256) -> Result<Bytes, StoreError> {
        (**self).code(keccak)
    }
}

/// Changes on top of a view, with a record of everything that was looked at.
#[derive(Debug)]
pub(crate) struct Overlay<V> {
    base: V,
    accounts: HashMap<Address, Account>,
    storage: HashMap<(Address, U256), U256>,
    codes: HashMap<B256, Bytes>,
    touched: Touched,
}

/// Accounts and slots that were read or written, with their values before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Accounts; an empty record means that the state tree has no leaf for it.
    pub accounts: BTreeMap<Address, Account>,
    /// Words by account and slot.
    pub storage: BTreeMap<(Address, U256), U256>,
    /// Codes that were loaded, by their keccak hash.
    pub codes: BTreeMap<B256, Bytes>,
}

impl Touched {
    /// Keys and leaves of the state tree, `None` for an absent leaf.
    pub fn leaves(&self) -> BTreeMap<Fr, Option<Fr>> {
        leaves(
            (self.accounts.iter()).map(|(address, account)| (*address, account)),
            (self.storage.iter()).map(|((address, slot), word)| (*address, *slot, *word)),
        )
    }
}

/// What differs from the state before.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Accounts with another record than before: before, after.
    pub accounts: Vec<(Address, Account, Account)>,
    /// Slots with another word than before: before, after.
    pub storage: Vec<((Address, U256), U256, U256)>,
    /// New codes by their keccak hash.
    pub codes: Vec<(B256, Bytes)>,
}

impl Changes {
    /// Keys and new leaves of the state tree, `None` for a leaf that goes.
    pub fn leaves(&self) -> BTreeMap<Fr, Option<Fr>> {
        leaves(
            (self.accounts.iter()).map(|(address, _, after)| (*address, after)),
            (self.storage.iter()).map(|((address, slot), _, after)| (*address, *slot, *after)),
        )
    }
}

/// Keys and leaves of accounts and slots, in increasing order of keys.
pub(crate) fn leaves<'a>(
    accounts: impl IntoIterator<Item = (Address, &'a Account)>,
    storage: impl IntoIterator<Item = (Address, U256, U256)>,
) -> BTreeMap<Fr, Option<Fr>> {
    let accounts = accounts
        .into_iter()
        .map(|(address, account)| (hash::account_key(address), account.leaf_value()));
    let storage = storage
        .into_iter()
        .map(|(address, slot, word)| (hash::storage_key(address, slot), storage_leaf_value(word)));
    accounts.chain(storage).collect()
}

impl<V: StateView> Overlay<V> {
    /// No changes yet.
    pub(crate) fn new(base: V) -> Self {
        Self {
            base,
            accounts: HashMap::new(),
            storage: HashMap::new(),
            codes: HashMap::new(),
            touched: Touched::default(),
        }
    }

    /// The account, noting that it was looked at.
    pub(crate) fn load_account(&mut self, address: Address) -> Result<Account, StoreError> {
        if let Some(account) = self.accounts.get(&address) {
            return Ok(*account);
        }
        let account = self.base.account(address)?;
        self.touched.accounts.insert(address, account);
        self.accounts.insert(address, account);
        Ok(account)
    }

    /// The word, noting that it was looked at.
    pub(crate) fn load_storage(
        &mut self,
        address: Address,
        slot: U256,
    ) -> Result<U256, StoreError> {
        if let Some(word) = self.storage.get(&(address, slot)) {
            return Ok(*word);
        }
        let word = self.base.storage(address, slot)?;
        self.touched.storage.insert((address, slot), word);
        self.storage.insert((address, slot), word);
        Ok(word)
    }

    /// Sets a word.
    pub(crate) fn set_storage(
        &mut self,
        address: Address,
        slot: U256,
        word: U256,
    ) -> Result<(), StoreError> {
        self.load_storage(address, slot)?;
        self.storage.insert((address, slot), word);
        Ok(())
    }

    /// Takes over the state that a transaction left.
    pub(crate) fn commit(&mut self, changes: AddressMap<EvmAccount>) -> Result<(), StoreError> {
        for (address, account) in changes {
            let before = self.load_account(address)?;
            if !account.is_touched() {
                continue;
            }
            // EIP-6780: only an account created in this transaction is destroyed, and it has no
            // storage from before.
            if account.is_selfdestructed() {
                self.accounts.insert(address, Account::default());
                continue;
            }
            let code = match &account.info.code {
                Some(code) if account.info.code_hash != before.code.keccak => {
                    let bytes = code.original_bytes();
                    let record = CodeRecord::of(&bytes);
                    self.codes.insert(record.keccak, bytes);
                    record
                }
                _ => before.code,
            };
            self.accounts.insert(
                address,
                Account {
                    nonce: account.info.nonce,
                    balance: account.info.balance,
                    code,
                },
            );
            for (slot, value) in account.changed_storage_slots() {
                self.set_storage(address, *slot, value.present_value)?;
            }
        }
        Ok(())
    }

    /// Takes over what was looked at, and what changed, in an overlay on top of this one.
    pub(crate) fn absorb(
        &mut self,
        touched: &Touched,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        for address in touched.accounts.keys() {
            self.load_account(*address)?;
        }
        for (address, slot) in touched.storage.keys() {
            self.load_storage(*address, *slot)?;
        }
        let codes = (touched.codes.iter()).map(|(keccak, code)| (*keccak, code.clone()));
        self.touched.codes.extend(codes);
        for (address, _, after) in &changes.accounts {
            self.accounts.insert(*address, *after);
        }
        for (slot, _, after) in &changes.storage {
            self.storage.insert(*slot, *after);
        }
        self.codes.extend(changes.codes.iter().cloned());
        Ok(())
    }

    /// What was looked at and what differs.
    pub(crate) fn finish(self) -> (Touched, Changes) {
        let Self {
            accounts,
            storage,
            codes,
            touched,
            ..
        } = self;
        let mut changes = Changes {
            codes: codes.into_iter().collect(),
            ..Changes::default()
        };
        for (address, before) in &touched.accounts {
            if let Some(after) = accounts.get(address)
                && after != before
            {
                changes.accounts.push((*address, *before, *after));
            }
        }
        for (key, before) in &touched.storage {
            if let Some(after) = storage.get(key)
                && after != before
            {
                changes.storage.push((*key, *before, *after));
            }
        }
        (touched, changes)
    }
}

impl<V: StateView> StateView for Overlay<V> {
    fn account(&self, address: Address) -> Result<Account, StoreError> {
        match self.accounts.get(&address) {
            Some(account) => Ok(*account),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        match self.storage.get(&(address, slot)) {
            Some(word) => Ok(*word),
            None => self.base.storage(address, slot),
        }
    }

    fn code(&self, keccak: B256) -> Result<Bytes, StoreError> {
        match self.codes.get(&keccak) {
            Some(code) => Ok(code.clone()),
            None => self.base.code(keccak),
        }
    }
}

impl<V: StateView> Database for Overlay<V> {
    type Error = StoreError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StoreError> {
        let account = self.load_account(address)?;
        Ok((!account.is_empty()).then(|| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code.keccak,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StoreError> {
        let code = match self.codes.get(&code_hash) {
            Some(code) => code.clone(),
            None => {
                let code = self.base.code(code_hash)?;
                self.touched.codes.insert(code_hash, code.clone());
                code
            }
        };
        Ok(Bytecode::new_raw(code))
    }

    fn storage(&mut self, address: Address, index: U256) -> Result<U256, StoreError> {
        self.load_storage(address, index)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StoreError> {
        let word = self.load_storage(history::HISTORY_ADDRESS, history::history_slot(number))?;
        Ok(B256::from(word.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use history::{HISTORY_ADDRESS, HISTORY_WINDOW, history_slot};

    /// A state without accounts, in which the first slots of the history contract were written.
    struct Written(u64);

    impl StateView for Written {
        fn account(&self, _: Address) -> Result<Account, StoreError> {
            Ok(Account::default())
        }
        fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
            let written = address == HISTORY_ADDRESS && slot < U256::from(self.0);
            Ok(if written {
                slot + U256::from(7)
            } else {
                U256::ZERO
            })
        }
        fn code(&self, _: B256) -> Result<Bytes, StoreError> {
            Ok(Bytes::new())
        }
    }

    #[test]
    fn a_block_hash_is_the_word_in_the_history_contract() {
        let mut overlay = Overlay::new(Written(3));
        let hash = |overlay: &mut Overlay<Written>, n: u64| -> U256 {
            overlay.block_hash(n).unwrap().into()
        };
        assert_eq!(hash(&mut overlay, 0), U256::from(7));
        assert_eq!(hash(&mut overlay, 2), U256::from(9));
        assert_eq!(hash(&mut overlay, HISTORY_WINDOW + 2), U256::from(9));
        // A slot that no block has written.
        assert_eq!(hash(&mut overlay, 3), U256::ZERO);
        let word = U256::from(11);
        overlay
            .set_storage(HISTORY_ADDRESS, history_slot(3), word)
            .unwrap();
        assert_eq!(hash(&mut overlay, 3), word);
        // What was looked at is in the witness.
        let (touched, _) = overlay.finish();
        let slots: Vec<U256> = touched.storage.keys().map(|k| k.1).collect();
        assert_eq!(slots, [0u64, 2, 3].map(U256::from));
    }
}
