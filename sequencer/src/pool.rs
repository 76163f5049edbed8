//! Pending transactions.
//!
//! The pool holds, for each sender, a run of consecutive nonces that begins at the account's next
//! one, and the sender's balance covers all of them together. So each transaction in it can be
//! mined in its turn, as soon as the base fee allows.
//!
//! One that cannot be proven any more in its turn is dropped. Its sender's later ones stay, and wait
//! for another transaction with its nonce.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::SignedTransaction;

use crate::error::AdmissionError;

/// A transaction that passed the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledTransaction {
    /// The transaction.
    pub signed: SignedTransaction,
    /// The bytes as submitted.
    pub raw: Bytes,
    /// Transaction hash.
    pub hash: B256,
    /// Recovered sender.
    pub sender: Address,
    /// Rows that it needs in a proof, by the provability check.
    pub rows: u64,
    /// Order of arrival over the whole life of the store.
    pub arrival: u64,
}

impl PooledTransaction {
    /// The nonce.
    pub fn nonce(&self) -> u64 {
        self.signed.transaction.nonce
    }

    /// Most wei that it can take from the sender, saturated.
    pub fn cost(&self) -> U256 {
        cost(&self.signed)
    }
}

/// Gas limit x maximum fee + value in wei, saturated at 2^256 - 1.
pub(crate) fn cost(signed: &SignedTransaction) -> U256 {
    let transaction = &signed.transaction;
    (U256::from(transaction.gas_limit) * U256::from(transaction.max_fee_per_gas()))
        .saturating_add(transaction.value)
}

/// The pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    senders: HashMap<Address, BTreeMap<u64, PooledTransaction>>,
    hashes: HashMap<B256, (Address, u64)>,
}

impl Pool {
    /// Number of transactions.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Number of transactions of a sender.
    pub(crate) fn sender_len(&self, sender: Address) -> usize {
        self.senders.get(&sender).map_or(0, BTreeMap::len)
    }

    /// By hash.
    pub(crate) fn get(&self, hash: B256) -> Option<&PooledTransaction> {
        let (sender, nonce) = self.hashes.get(&hash)?;
        self.at(*sender, *nonce)
    }

    /// By sender and nonce.
    pub(crate) fn at(&self, sender: Address, nonce: u64) -> Option<&PooledTransaction> {
        self.senders.get(&sender)?.get(&nonce)
    }

    /// The first nonce that the sender has no transaction for; `account` is the one in the state.
    pub(crate) fn next_nonce(&self, sender: Address, account: u64) -> u64 {
        let run = self.senders.get(&sender);
        let pending = run.into_iter().flat_map(|run| run.range(account..));
        pending.fold(account, |next, (nonce, _)| {
            if *nonce == next {
                next.saturating_add(1)
            } else {
                next
            }
        })
    }

    /// What the sender's transactions can cost together, without the one with the given nonce.
    pub(crate) fn committed(&self, sender: Address, without: u64) -> U256 {
        self.senders
            .get(&sender)
            .into_iter()
            .flatten()
            .filter(|(nonce, _)| **nonce != without)
            .fold(U256::ZERO, |sum, (_, transaction)| {
                sum.saturating_add(transaction.cost())
            })
    }

    /// The transaction that a new one of the same sender and nonce would replace, if its fees are
    /// high enough.
    pub(crate) fn replaced_by(
        &self,
        sender: Address,
        new: &SignedTransaction,
        percent: u64,
    ) -> Result<Option<&PooledTransaction>, AdmissionError> {
        let new = &new.transaction;
        let Some(old) = self.at(sender, new.nonce) else {
            return Ok(None);
        };
        let raised = |fee: u128| {
            let bump = fee.saturating_mul(u128::from(percent)).div_ceil(100).max(1);
            fee.saturating_add(bump)
        };
        let transaction = &old.signed.transaction;
        let needed_max_fee = raised(transaction.max_fee_per_gas());
        let needed_priority = raised(transaction.max_priority_fee_per_gas());
        if new.max_fee_per_gas() < needed_max_fee
            || new.max_priority_fee_per_gas() < needed_priority
        {
            return Err(AdmissionError::ReplacementUnderpriced {
                nonce: new.nonce,
                needed_max_fee,
                needed_priority,
            });
        }
        Ok(Some(old))
    }

    /// Adds a transaction; one with the same sender and nonce goes and is returned.
    pub(crate) fn insert(&mut self, transaction: PooledTransaction) -> Option<PooledTransaction> {
        let place = (transaction.sender, transaction.nonce());
        self.hashes.insert(transaction.hash, place);
        let old = self
            .senders
            .entry(place.0)
            .or_default()
            .insert(place.1, transaction);
        if let Some(old) = &old {
            self.hashes.remove(&old.hash);
        }
        old
    }

    /// Removes a transaction.
    pub(crate) fn remove(&mut self, hash: B256) -> Option<PooledTransaction> {
        let (sender, nonce) = self.hashes.remove(&hash)?;
        let run = self.senders.get_mut(&sender)?;
        let removed = run.remove(&nonce);
        if run.is_empty() {
            self.senders.remove(&sender);
        }
        removed
    }

    /// The transactions in the order in which a block with this base fee takes them: those with
    /// the highest priority fee first, then those that arrived first; each sender's by nonce.
    /// Transactions that do not pay the base fee hold back their sender's later ones.
    pub(crate) fn best(&self, base_fee: u64) -> Best<'_> {
        let mut best = Best {
            base_fee,
            heads: BinaryHeap::new(),
            senders: &self.senders,
        };
        for run in self.senders.values() {
            if let Some((_, first)) = run.first_key_value() {
                best.push(first);
            }
        }
        best
    }
}

/// Iterator over the pool in the order of a block.
#[derive(Debug)]
pub(crate) struct Best<'a> {
    base_fee: u64,
    heads: BinaryHeap<Head<'a>>,
    senders: &'a HashMap<Address, BTreeMap<u64, PooledTransaction>>,
}

#[derive(Debug)]
struct Head<'a> {
    tip: u128,
    transaction: &'a PooledTransaction,
}

impl<'a> Best<'a> {
    fn push(&mut self, transaction: &'a PooledTransaction) {
        let base_fee = u128::from(self.base_fee);
        if let Some(price) = transaction
            .signed
            .transaction
            .effective_gas_price(self.base_fee)
        {
            self.heads.push(Head {
                tip: price.saturating_sub(base_fee),
                transaction,
            });
        }
    }

    /// The next transaction.
    pub(crate) fn peek(&self) -> Option<&'a PooledTransaction> {
        self.heads.peek().map(|head| head.transaction)
    }

    /// Takes the next transaction into the block: its sender's next one comes into view.
    pub(crate) fn take(&mut self) {
        let Some(Head { transaction, .. }) = self.heads.pop() else {
            return;
        };
        let next = transaction
            .nonce()
            .checked_add(1)
            .and_then(|nonce| self.senders.get(&transaction.sender)?.get(&nonce));
        if let Some(next) = next {
            self.push(next);
        }
    }

    /// Leaves the next transaction and its sender's later ones for another block.
    pub(crate) fn skip(&mut self) {
        self.heads.pop();
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.tip
            .cmp(&other.tip)
            .then_with(|| other.transaction.arrival.cmp(&self.transaction.arrival))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

#[cfg(test)]
mod tests {
    use protocol::{Signature, Transaction, transaction::Envelope};

    use super::*;

    fn transaction(sender: u8, nonce: u64, tip: u128, arrival: u64) -> PooledTransaction {
        let signed = SignedTransaction {
            transaction: Transaction {
                chain_id: 1,
                nonce,
                gas_limit: 21_000,
                to: Some(Address::ZERO),
                value: U256::from(5),
                input: Bytes::new(),
                envelope: Envelope::DynamicFee {
                    max_priority_fee_per_gas: tip,
                    max_fee_per_gas: 100 + tip,
                    access_list: vec![],
                },
            },
            signature: Signature::default(),
        };
        PooledTransaction {
            raw: Bytes::new(),
            hash: B256::from(U256::from(arrival)),
            sender: Address::repeat_byte(sender),
            rows: 1,
            arrival,
            signed,
        }
    }

    fn order(pool: &Pool, base_fee: u64) -> Vec<u64> {
        let mut best = pool.best(base_fee);
        let mut arrivals = Vec::new();
        while let Some(transaction) = best.peek() {
            arrivals.push(transaction.arrival);
            best.take();
        }
        arrivals
    }

    #[test]
    fn order_is_by_tip_then_arrival_within_nonces() {
        let mut pool = Pool::default();
        for (sender, nonce, tip, arrival) in [
            (1, 0, 1, 0),
            (1, 1, 50, 1),
            (2, 7, 10, 2),
            (3, 0, 10, 3),
            (2, 8, 10, 4),
        ] {
            pool.insert(transaction(sender, nonce, tip, arrival));
        }
        assert_eq!(order(&pool, 100), [2, 3, 4, 0, 1]);
        // At a base fee of 105 the first of sender 1 cannot pay, so neither can go.
        assert_eq!(order(&pool, 105), [2, 3, 4]);
        assert_eq!(order(&pool, 1_000), [0_u64; 0]);
        let mut best = pool.best(100);
        best.skip();
        assert_eq!(best.peek().map(|t| t.arrival), Some(3));
    }

    #[test]
    fn replacement_needs_both_fees_higher() {
        let mut pool = Pool::default();
        pool.insert(transaction(1, 4, 100, 0));
        let sender = Address::repeat_byte(1);
        let mut new = transaction(1, 4, 109, 1);
        assert!(matches!(
            pool.replaced_by(sender, &new.signed, 10),
            Err(AdmissionError::ReplacementUnderpriced {
                nonce: 4,
                needed_max_fee: 220,
                needed_priority: 110
            })
        ));
        new = transaction(1, 4, 120, 1);
        assert_eq!(
            pool.replaced_by(sender, &new.signed, 10)
                .unwrap()
                .map(|t| t.arrival),
            Some(0)
        );
        assert_eq!(pool.committed(sender, 4), U256::ZERO);
        assert_eq!(pool.insert(new).map(|t| t.arrival), Some(0));
        assert_eq!(pool.len(), 1);
        assert!(pool.get(B256::ZERO).is_none());
        assert_eq!(pool.next_nonce(sender, 4), 5);
        assert_eq!(pool.committed(sender, 9), U256::from(21_000 * 220 + 5));
        pool.remove(B256::from(U256::from(1)));
        assert!(pool.is_empty() && pool.sender_len(sender) == 0);
        assert_eq!(pool.next_nonce(sender, 4), 4);
    }
}
