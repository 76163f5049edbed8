//! Accepting transactions: checked at the door, durable before they are answered.

use std::{collections::VecDeque, time::Instant};

use alloy_primitives::{Address, B256};

use super::{
    core::{Core, Reply},
    parked::Parked,
};
use crate::{
    admission::{Candidate, StateRules},
    block::{Room, next_context},
    error::{AdmissionError, NodeError},
    exec::BlockContext,
    levels::{Levels, Sealed},
    pool::PooledTransaction,
    store::{Latest, POOL, Read, TRANSACTIONS, Writer, number_key},
};

impl Core {
    /// Checks transactions at the door, makes the accepted ones durable in one write transaction,
    /// mines them if that is the mode, and answers.
    pub(super) fn admit(&mut self, submissions: VecDeque<(Candidate, Reply<B256>)>) {
        let mut outcomes = Vec::new();
        let mut inserted = Vec::new();
        let result = self.admit_group(submissions, &mut outcomes, &mut inserted);
        if let Err(error) = &result {
            // Nothing of the group is durable: the pool goes back to what the store has.
            for (hash, replaced) in inserted.into_iter().rev() {
                let mut pool = self.shared.pool_mut();
                pool.remove(hash);
                if let Some(replaced) = replaced {
                    pool.insert(replaced);
                }
            }
            tracing::error!(%error, "transactions could not be stored");
        } else if outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
            self.automine();
        }
        for (reply, outcome) in outcomes {
            match &result {
                Err(error) if outcome.is_ok() => reply(Err(error.clone())),
                _ => reply(outcome.map_err(NodeError::from)),
            }
        }
    }

    fn admit_group(
        &mut self,
        submissions: VecDeque<(Candidate, Reply<B256>)>,
        outcomes: &mut Vec<(Reply<B256>, Result<B256, AdmissionError>)>,
        inserted: &mut Vec<(B256, Option<PooledTransaction>)>,
    ) -> Result<(), NodeError> {
        let mut queue = submissions;
        let failed = |queue: VecDeque<(Candidate, Reply<B256>)>, error: NodeError| {
            for (_, reply) in queue {
                reply(Err(error.clone()));
            }
            error
        };
        let opened = self
            .shared
            .db
            .write()
            .map_err(NodeError::from)
            .and_then(|writer| {
                Ok((
                    writer,
                    next_context(&self.shared.plan(self.tip, Room::NONE))?,
                ))
            });
        let (writer, block) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(failed(queue, error)),
        };
        while let Some((candidate, reply)) = queue.pop_front() {
            let hash = candidate.hash;
            match self.admit_one(&writer, block, candidate, inserted) {
                Err(error) => {
                    reply(Err(error.clone()));
                    return Err(failed(queue, error));
                }
                Ok(Verdict::Accepted { sender, nonce }) => {
                    outcomes.push((reply, Ok(hash)));
                    // A transaction that waited for this one has its turn.
                    if let Some(parked) = nonce
                        .checked_add(1)
                        .and_then(|next| self.parking.take(sender, next))
                    {
                        queue.push_front((parked.candidate, parked.reply));
                    }
                }
                Ok(Verdict::Refused(error)) => outcomes.push((reply, Err(error))),
                Ok(Verdict::Early {
                    candidate,
                    account_nonce,
                    error,
                }) => {
                    let deadline = Instant::now() + self.shared.config.pool.nonce_gap_wait;
                    let parked = Parked {
                        candidate: *candidate,
                        account_nonce,
                        deadline,
                        reply,
                    };
                    if let Err(parked) = self.parking.park(parked) {
                        outcomes.push((parked.reply, Err(error)));
                    }
                }
            }
        }
        if inserted.is_empty() {
            return Ok(());
        }
        Ok(writer.commit()?)
    }

    fn admit_one(
        &mut self,
        writer: &Writer,
        block: BlockContext,
        candidate: Candidate,
        inserted: &mut Vec<(B256, Option<PooledTransaction>)>,
    ) -> Result<Verdict, NodeError> {
        let shared = &self.shared;
        let mined = writer
            .get(TRANSACTIONS, candidate.hash.as_slice())?
            .is_some();
        let state = Latest(writer);
        let verdict = {
            let pool = shared.pool();
            StateRules {
                state: &state,
                pool: &pool,
                parent: &self.tip,
                block,
                limits: &shared.config.pool,
                tools: shared.tools(&Sealed::new(writer)?, &Levels::default()),
            }
            .check(&candidate, mined)?
        };
        let rows = match verdict {
            Ok(rows) => rows,
            Err(error @ AdmissionError::NonceGap { next, .. }) => {
                return Ok(Verdict::Early {
                    candidate: Box::new(candidate),
                    account_nonce: next,
                    error,
                });
            }
            Err(error) => return Ok(Verdict::Refused(error)),
        };
        let (hash, sender) = (candidate.hash, candidate.sender);
        let nonce = candidate.signed.transaction.nonce;
        let arrival = self.next_arrival;
        writer.put(POOL, &number_key(arrival), &candidate.raw)?;
        self.next_arrival += 1;
        let replaced = shared.pool_mut().insert(pooled(candidate, rows, arrival));
        if let Some(replaced) = &replaced {
            writer.delete(POOL, &number_key(replaced.arrival))?;
        }
        inserted.push((hash, replaced));
        Ok(Verdict::Accepted { sender, nonce })
    }
}

enum Verdict {
    Accepted {
        sender: Address,
        nonce: u64,
    },
    Refused(AdmissionError),
    Early {
        candidate: Box<Candidate>,
        account_nonce: u64,
        error: AdmissionError,
    },
}

/// A candidate that passed the door.
pub(super) fn pooled(candidate: Candidate, rows: u64, arrival: u64) -> PooledTransaction {
    let Candidate {
        signed,
        raw,
        hash,
        sender,
    } = candidate;
    PooledTransaction {
        signed,
        raw,
        hash,
        sender,
        rows,
        arrival,
    }
}
