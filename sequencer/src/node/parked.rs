//! Transactions that arrived ahead of their predecessors, waiting for them for a moment.
//!
//! They are not accepted: their senders have no answer yet.

use std::{collections::HashMap, time::Instant};

use alloy_primitives::{Address, B256};

use super::core::Reply;
use crate::admission::Candidate;

/// A transaction that waits.
pub(super) struct Parked {
    pub(super) candidate: Candidate,
    /// The next nonce when it arrived.
    pub(super) account_nonce: u64,
    /// When it is refused.
    pub(super) deadline: Instant,
    pub(super) reply: Reply<B256>,
}

/// The waiting transactions.
pub(super) struct Parking {
    limit: usize,
    waiting: HashMap<(Address, u64), Parked>,
}

impl Parking {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: HashMap::new(),
        }
    }

    /// Lets a transaction wait; gives it back if there is no room, or if another one with its
    /// sender and nonce waits already.
    #[expect(clippy::result_large_err, reason = "the error is the argument")]
    pub(super) fn park(&mut self, parked: Parked) -> Result<(), Parked> {
        let place = (
            parked.candidate.sender,
            parked.candidate.signed.transaction.nonce,
        );
        if self.waiting.len() >= self.limit || self.waiting.contains_key(&place) {
            return Err(parked);
        }
        self.waiting.insert(place, parked);
        Ok(())
    }

    /// Takes the transaction with a sender and nonce.
    pub(super) fn take(&mut self, sender: Address, nonce: u64) -> Option<Parked> {
        self.waiting.remove(&(sender, nonce))
    }

    /// Takes all whose time is up.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Parked> {
        let expired: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, parked)| parked.deadline <= now)
            .map(|(place, _)| *place)
            .collect();
        expired
            .iter()
            .filter_map(|place| self.waiting.remove(place))
            .collect()
    }

    /// When the next one's time is up.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|parked| parked.deadline).min()
    }
}
