//! Why pending transactions were dropped, for their senders to look up.

use std::collections::{HashMap, VecDeque};

use alloy_primitives::B256;

/// The reasons of the latest dropped transactions.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    order: VecDeque<B256>,
    reasons: HashMap<B256, String>,
}

/// Reasons that are kept.
const KEPT: usize = 10_000;

impl Dropped {
    pub(super) fn insert(&mut self, hash: B256, reason: String) {
        if self.reasons.insert(hash, reason).is_none() {
            self.order.push_back(hash);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.reasons.remove(&oldest);
        }
    }

    pub(super) fn get(&self, hash: B256) -> Option<&String> {
        self.reasons.get(&hash)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let mut dropped = Dropped::default();
        let hash = |n: usize| B256::from(U256::from(n));
        for n in 0..KEPT + 2 {
            dropped.insert(hash(n), n.to_string());
            dropped.insert(hash(n), format!("{n} again"));
        }
        assert_eq!(dropped.get(hash(1)), None);
        assert_eq!(dropped.get(hash(2)), Some(&"2 again".to_owned()));
        assert_eq!(dropped.order.len(), KEPT);
        assert_eq!(dropped.reasons.len(), KEPT);
    }
}
