//! Accounts and slots while a segment runs, and what becomes of the state tree.

use super::SegmentInput;
use crate::{
    Fr,
    tree::{Record, Step},
};
use alloy_primitives::{Address, U256};
use ff::Field;
use protocol::{
    Account, field,
    tree::{self, Change, MemoryStore, Overlay},
};
use std::collections::{BTreeMap, btree_map::Entry};

/// An account while the segment runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordUse {
    /// Its record now.
    pub(crate) record: Account,
    /// Transaction that last touched it.
    pub(crate) touched: u64,
    /// Transaction that created it.
    pub(crate) created: u64,
    /// When its token was made.
    pub(crate) time: u64,
}

/// A slot while the segment runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotUse {
    /// Its word now.
    pub(crate) value: U256,
    /// Its word at the start of the transaction.
    pub(crate) original: U256,
    /// Transaction that last touched it.
    pub(crate) touched: u64,
    /// When its token was made.
    pub(crate) time: u64,
}

/// Accounts and slots that a segment used.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a> {
    input: &'a SegmentInput,
    accounts: BTreeMap<Address, RecordUse>,
    slots: BTreeMap<(Address, U256), SlotUse>,
}

/// What a segment does to the state.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// State root before.
    pub root_before: Fr,
    /// State root after.
    pub root_after: Fr,
    /// The used keys with their last tokens and openings, in increasing order of keys.
    pub steps: Vec<Step>,
    pub(super) accounts: BTreeMap<Address, Account>,
    pub(super) storage: BTreeMap<(Address, U256), U256>,
    pub(super) nodes: MemoryStore,
}

impl<'a> Records<'a> {
    pub(crate) fn new(input: &'a SegmentInput) -> Self {
        Self {
            input,
            accounts: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    /// An account as it is now.
    pub(crate) fn peek(&self, address: Address) -> Result<RecordUse, String> {
        let begin = || {
            let known = self.input.accounts.get(&address);
            let record = *known.ok_or_else(|| format!("the witness lacks account {address}"))?;
            Ok(RecordUse {
                record,
                touched: 0,
                created: 0,
                time: 0,
            })
        };
        self.accounts.get(&address).copied().map_or_else(begin, Ok)
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<&mut RecordUse, String> {
        let now = self.peek(address)?;
        Ok(self.accounts.entry(address).or_insert(now))
    }

    pub(crate) fn slot(&mut self, address: Address, slot: U256) -> Result<&mut SlotUse, String> {
        match self.slots.entry((address, slot)) {
            Entry::Occupied(e) => Ok(e.into_mut()),
            Entry::Vacant(e) => {
                let known = self.input.storage.get(&(address, slot));
                let value =
                    *known.ok_or_else(|| format!("the witness lacks slot {slot} of {address}"))?;
                Ok(e.insert(SlotUse {
                    value,
                    original: value,
                    touched: 0,
                    time: 0,
                }))
            }
        }
    }

    /// The used keys with their last tokens, in increasing order of keys.
    fn keys(&self) -> Vec<(Change, Record)> {
        let accounts = self.accounts.iter().map(|(address, last)| {
            let before = self.input.accounts.get(address);
            let before = before.copied().unwrap_or_default();
            let marks = [last.touched, last.created, last.time];
            Record::account(*address, &before, &last.record, marks)
        });
        let slots = self.slots.iter().map(|((address, slot), last)| {
            let before = self.input.storage.get(&(*address, *slot));
            let before = before.copied().unwrap_or_default();
            let marks = [last.touched, last.time];
            Record::storage(*address, *slot, before, last.value, last.original, marks)
        });
        let mut keys: Vec<_> = accounts.chain(slots).map(|r| (r.change(), r)).collect();
        keys.sort_by_key(|k| k.0.0);
        keys
    }

    /// Opens the used keys one after the other.
    ///
    /// # Errors
    /// A sentence when the witness lacks a node or contradicts itself.
    pub(crate) fn close(&self) -> Result<StateChange, String> {
        let root = field::from_bytes(self.input.from.state_root).unwrap_or(Fr::ZERO);
        let (changes, records): (Vec<_>, Vec<_>) = self.keys().into_iter().unzip();
        let mut overlay = Overlay::new(&self.input.nodes);
        let accesses = tree::open_on(&mut overlay, root, &changes)
            .map_err(|e| format!("the witness of the state tree: {e}"))?;
        let accounts = self.accounts.iter().map(|(a, last)| (*a, last.record));
        let slots = self.slots.iter().map(|(s, last)| (*s, last.value));
        Ok(StateChange {
            root_before: root,
            root_after: accesses.last().map_or(root, |a| a.new_root),
            steps: records
                .into_iter()
                .zip(accesses)
                .map(|(record, access)| Step { record, access })
                .collect(),
            accounts: accounts.collect(),
            storage: slots.collect(),
            nodes: overlay.into_new(),
        })
    }
}

impl StateChange {
    /// The last token of the chain of roots: number of keys and last key.
    pub(crate) fn chain_end(&self) -> (u64, Fr) {
        let last = self.steps.last().map_or(Fr::ZERO, |s| s.access.key);
        (self.steps.len() as u64, last)
    }
}
