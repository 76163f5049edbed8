//! Which batch to work on next. Batches are proven oldest first and become final in order; what failed is tried again,
//! and the later batches are proven while it waits.

use sequencer::ProofStatus;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long a batch waits after its first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest that it waits.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Prove this batch, or look whether its proofs are good.
    Prove(u64),
    /// Submit this proven batch to L1; all before it are final.
    Settle(u64),
}

/// Remembers what failed until it is final, and when its turn comes again.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    failed: BTreeMap<u64, Failure>,
}

#[derive(Debug)]
struct Failure {
    wait: Duration,
    due: Instant,
}

impl Schedule {
    /// The next step at the time `now`, if there is any; `unfinished` are the batches that are not final, oldest first.
    pub(super) fn next(&mut self, unfinished: &[(u64, ProofStatus)], now: Instant) -> Option<Step> {
        let (oldest, status) = unfinished.first()?;
        self.failed.retain(|batch, _| batch >= oldest);
        let due = |batch: u64| self.failed.get(&batch).is_none_or(|f| f.due <= now);
        if *status == ProofStatus::Proven && due(*oldest) {
            return Some(Step::Settle(*oldest));
        }
        unfinished
            .iter()
            .find(|(batch, status)| *status != ProofStatus::Proven && due(*batch))
            .map(|(batch, _)| Step::Prove(*batch))
    }

    /// A step of the batch failed at the time `now`; how long it waits.
    pub(super) fn failed(&mut self, batch: u64, now: Instant) -> Duration {
        let wait = self
            .failed
            .get(&batch)
            .map_or(FIRST_WAIT, |f| (2 * f.wait).min(LONGEST_WAIT));
        let due = now + wait;
        self.failed.insert(batch, Failure { wait, due });
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed() -> ProofStatus {
        ProofStatus::Failed {
            reason: "a reason".to_owned(),
        }
    }

    #[test]
    fn the_oldest_is_proven_and_settled_before_the_next_is_proven() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let mut next = |unfinished: &[_]| schedule.next(unfinished, now);
        assert_eq!(next(&[]), None);
        let sealed = ProofStatus::Sealed;
        assert_eq!(
            next(&[(3, sealed.clone()), (4, sealed.clone())]),
            Some(Step::Prove(3))
        );
        assert_eq!(
            next(&[(3, ProofStatus::Proven), (4, sealed.clone())]),
            Some(Step::Settle(3))
        );
        // Batch 4 cannot be final before batch 3.
        assert_eq!(
            next(&[(3, sealed), (4, ProofStatus::Proven)]),
            Some(Step::Prove(3))
        );
    }

    #[test]
    fn a_failed_batch_waits_and_later_ones_are_proven_meanwhile() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        assert_eq!(schedule.failed(1, start), FIRST_WAIT);
        let mut batches = vec![(1, failed()), (2, ProofStatus::Sealed)];
        assert_eq!(schedule.next(&batches, start), Some(Step::Prove(2)));
        batches[1].1 = ProofStatus::Proven;
        assert_eq!(schedule.next(&batches, start), None);
        // Its turn comes again without a restart.
        let later = start + FIRST_WAIT;
        assert_eq!(schedule.next(&batches, later - SECOND), None);
        assert_eq!(schedule.next(&batches, later), Some(Step::Prove(1)));
        batches[0].1 = ProofStatus::Proven;
        assert_eq!(schedule.next(&batches, later), Some(Step::Settle(1)));
        assert_eq!(schedule.next(&batches[1..], later), Some(Step::Settle(2)));
    }

    #[test]
    fn a_refusal_waits_longer_each_time_though_the_proof_is_good() {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let mut batches = [(7, ProofStatus::Proven)];
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(schedule.next(&batches, now), Some(Step::Settle(7)));
            assert_eq!(schedule.failed(7, now), seconds * SECOND);
            batches[0].1 = failed();
            now += seconds * SECOND - SECOND;
            assert_eq!(schedule.next(&batches, now), None);
            now += SECOND;
            assert_eq!(schedule.next(&batches, now), Some(Step::Prove(7)));
            batches[0].1 = ProofStatus::Proven;
        }
        // Of a batch that became final nothing is left.
        assert_eq!(schedule.next(&[(8, failed())], now), Some(Step::Prove(8)));
        assert!(schedule.failed.is_empty());
        assert_eq!(schedule.failed(8, now), FIRST_WAIT);
    }
}
