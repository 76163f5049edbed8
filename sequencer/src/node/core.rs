//! The thread that owns all writing.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use alloy_primitives::{B256, Bytes};
use protocol::{
    BlockHeader, Payload,
    payload::{BLOCK_BYTES, PAYLOAD_HEADER_BYTES},
};

use super::{BlockSummary, Shared, admit::pooled, apply, parked::Parking, seal};
use crate::{
    admission::Candidate,
    batch::SealedBatch,
    block::{self, BuiltBlock, Room},
    config::BlockProduction,
    error::{AdmissionError, NodeError},
    levels::{Levels, Sealed},
    store::{ChainRead, Latest, POOL, Read, key_number},
};

/// Takes a command's answer to whoever asked.
pub(super) type Reply<T> = Box<dyn FnOnce(Result<T, NodeError>) + Send>;

/// What the thread can be asked to do.
pub(super) enum Command {
    /// Accept a transaction.
    Submit(Box<Candidate>, Reply<B256>),
    /// Build a block now, an empty one if nothing is pending.
    BuildBlock(Reply<BlockSummary>),
    /// Seal the open batch now, if it has blocks.
    SealBatch(Reply<Option<SealedBatch>>),
    /// Rebuild the blocks of a payload and seal them.
    Replay(Bytes, Reply<SealedBatch>),
    /// Anything else that writes: the closure runs between commands.
    Write(Box<dyn FnOnce(&Shared) + Send>),
    /// End the thread.
    Stop,
}

/// The blocks that are in no batch yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OpenBatch {
    pub(super) first: u64,
    pub(super) blocks: u64,
    pub(super) transactions: u64,
    payload_bytes: u64,
    rows: u64,
    /// The keys that its blocks look at.
    levels: Levels,
    /// When the first block was applied, as far as this process knows.
    since: Option<Instant>,
}

/// Most submissions that share a write transaction.
const GROUP: usize = 512;

pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    pub(super) tip: BlockHeader,
    pub(super) open: OpenBatch,
    pub(super) next_arrival: u64,
    pub(super) parking: Parking,
    pub(super) next_tick: Option<Instant>,
}

impl Core {
    /// Reads where the store stands: tip, open batch, pool.
    pub(super) fn load(shared: Arc<Shared>) -> Result<Self, NodeError> {
        let snapshot = shared.db.read()?;
        let number = snapshot
            .latest_number()?
            .ok_or_else(|| snapshot.corrupt("it has no genesis block"))?;
        let tip = snapshot.expect_block(number)?.header;
        let sealed = match snapshot.latest_batch()? {
            0 => 0,
            batch => snapshot.expect_batch(batch)?.statement.last_block,
        };
        if sealed > number {
            return Err(snapshot
                .corrupt("the last batch ends after the last block")
                .into());
        }
        let mut open = OpenBatch {
            first: sealed + 1,
            ..OpenBatch::default()
        };
        for number in sealed + 1..=number {
            let record = snapshot.expect_block(number)?;
            open.add(
                record.payload_bytes,
                record.rows,
                record.transactions.len() as u64,
            );
        }
        let keys = snapshot.touched()?.leaves().into_keys();
        open.levels.open(&Sealed::new(&snapshot)?, keys)?;
        let mut next_arrival = 0;
        for (key, raw) in snapshot.range(POOL, &[], &[u8::MAX; 9], usize::MAX)? {
            let arrival = key_number(&key).ok_or_else(|| snapshot.corrupt("a key of the pool"))?;
            let candidate = shared
                .rules
                .check(raw.into())
                .map_err(|error| snapshot.corrupt(format!("a pending transaction: {error}")))?;
            // The rows are counted again when a block is built.
            shared.pool_mut().insert(pooled(candidate, 0, arrival));
            next_arrival = arrival + 1;
        }
        let next_tick = match shared.config.block_production {
            BlockProduction::Interval(interval) => Some(Instant::now() + interval),
            _ => None,
        };
        let core = Self {
            parking: Parking::new(shared.config.pool.waiting),
            shared,
            tip,
            open,
            next_arrival,
            next_tick,
        };
        core.publish();
        Ok(core)
    }

    /// Serves commands until [`Command::Stop`] or until nobody can send any more.
    pub(super) fn run(mut self, commands: &mpsc::Receiver<Command>) {
        // A crash may have come between accepting transactions and mining them.
        self.automine();
        loop {
            let first = match self.wait() {
                None => commands
                    .recv()
                    .map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(wait) => commands.recv_timeout(wait),
            };
            let mut queue = VecDeque::new();
            match first {
                Ok(command) => queue.push_back(command),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            while queue.len() < GROUP
                && let Ok(command) = commands.try_recv()
            {
                queue.push_back(command);
            }
            if !self.serve(queue) {
                return;
            }
            self.tick();
        }
    }

    /// Serves commands in order; neighbouring submissions share a write transaction. `false` to end.
    fn serve(&mut self, mut queue: VecDeque<Command>) -> bool {
        let mut submissions = VecDeque::new();
        loop {
            match queue.pop_front() {
                Some(Command::Submit(candidate, reply)) => {
                    submissions.push_back((*candidate, reply))
                }
                other => {
                    if !submissions.is_empty() {
                        self.admit(std::mem::take(&mut submissions));
                    }
                    match other {
                        Some(Command::BuildBlock(reply)) => {
                            reply(self.produce(true).and_then(|block| {
                                block.ok_or_else(|| {
                                    NodeError::Inconsistent("no block was built".to_owned())
                                })
                            }))
                        }
                        Some(Command::SealBatch(reply)) => reply(self.seal()),
                        Some(Command::Replay(payload, reply)) => reply(self.replay(&payload)),
                        Some(Command::Write(write)) => write(&self.shared),
                        Some(Command::Stop) => return false,
                        Some(Command::Submit(..)) | None => return true,
                    }
                }
            }
        }
    }

    fn wait(&self) -> Option<Duration> {
        let now = Instant::now();
        let age = self
            .shared
            .config
            .seal
            .max_age
            .zip(self.open.since)
            .map(|(age, since)| since + age);
        [self.next_tick, self.parking.next_deadline(), age]
            .into_iter()
            .flatten()
            .min()
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    /// What is due by the clock.
    fn tick(&mut self) {
        let now = Instant::now();
        for parked in self.parking.take_expired(now) {
            let next = self
                .shared
                .pool()
                .next_nonce(parked.candidate.sender, parked.account_nonce);
            let found = parked.candidate.signed.transaction.nonce;
            (parked.reply)(Err(AdmissionError::NonceGap { next, found }.into()));
        }
        if let (Some(due), BlockProduction::Interval(interval)) =
            (self.next_tick, self.shared.config.block_production)
            && due <= now
        {
            self.next_tick = Some(now + interval);
            self.log(|core| core.produce(core.shared.config.empty_blocks).map(drop));
        }
        if let (Some(age), Some(since)) = (self.shared.config.seal.max_age, self.open.since)
            && since + age <= now
        {
            // Even if sealing fails, the next attempt waits for its turn.
            self.open.since = Some(now);
            self.log(|core| core.seal().map(drop));
        }
    }

    fn log(&mut self, step: impl FnOnce(&mut Self) -> Result<(), NodeError>) {
        if let Err(error) = step(self) {
            tracing::error!(%error, "a step of the sequencer failed; it will be tried again");
        }
    }

    /// Mines everything that can be mined, if that is the mode.
    pub(super) fn automine(&mut self) {
        if self.shared.config.block_production != BlockProduction::Automine {
            return;
        }
        self.log(|core| {
            while !core.shared.pool().is_empty() && core.produce(false)?.is_some() {}
            Ok(())
        });
    }

    /// What is left in the open batch.
    fn room(&self) -> Room {
        let seal = &self.shared.config.seal;
        let used = (PAYLOAD_HEADER_BYTES as u64).saturating_add(self.open.payload_bytes);
        Room {
            payload_bytes: seal
                .max_payload_bytes
                .saturating_sub(usize::try_from(used).unwrap_or(usize::MAX)),
            rows: seal
                .max_rows
                .saturating_sub(self.shared.check.batch_rows())
                .saturating_sub(self.open.rows),
            transactions: seal.max_transactions.saturating_sub(self.open.transactions),
        }
    }

    /// Builds and applies the next block. `None` if it would be empty and `empty` is false.
    fn produce(&mut self, empty: bool) -> Result<Option<BlockSummary>, NodeError> {
        loop {
            let room = self.room();
            let fresh = self.open.blocks == 0;
            if !fresh
                && (room.payload_bytes < BLOCK_BYTES || room.rows < self.shared.check.block_rows())
            {
                self.seal()?;
                continue;
            }
            let built = {
                let snapshot = self.shared.db.read()?;
                let plan = self.shared.plan(self.tip, room);
                let pool = self.shared.pool();
                let sealed = Sealed::new(&snapshot)?;
                let tools = self.shared.tools(&sealed, &self.open.levels);
                block::build(&plan, Latest(&snapshot), &pool, tools)?
            };
            if built.records.is_empty() {
                if built.batch_full && !fresh {
                    self.seal()?;
                    continue;
                }
                if !empty {
                    if !built.dropped.is_empty() {
                        apply::drop_invalid(&self.shared.db, &built, &self.shared.pool())?;
                        self.forget(&built);
                    }
                    return Ok(None);
                }
            }
            return self.apply(built).map(Some);
        }
    }

    fn apply(&mut self, built: BuiltBlock) -> Result<BlockSummary, NodeError> {
        apply::apply(&self.shared.db, &built, &self.shared.pool())?;
        self.forget(&built);
        self.tip = built.block.header;
        self.open.add(
            built.payload_bytes as u64,
            built.rows,
            built.records.len() as u64,
        );
        self.open.levels = built.levels;
        self.publish();
        let summary = BlockSummary {
            number: self.tip.number,
            hash: self.tip.hash(),
            transactions: built.records.len(),
            gas_used: self.tip.gas_used,
        };
        tracing::debug!(
            number = summary.number,
            transactions = summary.transactions,
            "block"
        );
        // Nobody may be listening.
        let _ = self.shared.blocks.send(summary);
        let seal = self.shared.config.seal;
        if built.batch_full
            || self.open.transactions >= seal.max_transactions
            || self.open.blocks >= seal.max_blocks
        {
            self.log(|core| core.seal().map(drop));
        }
        Ok(summary)
    }

    /// Takes mined and invalid transactions out of the pool.
    fn forget(&self, built: &BuiltBlock) {
        let mut pool = self.shared.pool_mut();
        for (hash, _) in &built.records {
            pool.remove(*hash);
        }
        for (hash, reason) in &built.dropped {
            tracing::warn!(%hash, reason, "a pending transaction is no longer valid and was dropped");
            pool.remove(*hash);
            self.shared.dropped().insert(*hash, reason.clone());
        }
    }

    /// Seals the open batch, if it has blocks.
    fn seal(&mut self) -> Result<Option<SealedBatch>, NodeError> {
        if self.open.blocks == 0 {
            return Ok(None);
        }
        let batch = seal::seal(
            &self.shared.db,
            self.shared.rules.chain_id,
            self.shared.check.batch_rows(),
            self.open.first,
            self.tip.number,
        )?;
        self.open = OpenBatch {
            first: self.tip.number + 1,
            ..OpenBatch::default()
        };
        self.publish();
        tracing::info!(
            number = batch.number(),
            blocks = batch.statement.last_block - batch.statement.first_block + 1,
            transactions = batch.transactions,
            payload_bytes = batch.payload.len(),
            "batch sealed"
        );
        // Nobody may be listening.
        let _ = self.shared.batches.send(batch.number());
        Ok(Some(batch))
    }

    /// Rebuilds the blocks of a payload in one write transaction, and seals them.
    fn replay(&mut self, payload: &[u8]) -> Result<SealedBatch, NodeError> {
        let refuse = |block: u64, reason: String| NodeError::Replay {
            block,
            transaction: None,
            reason,
        };
        let next = self.tip.number + 1;
        let payload = Payload::decode(payload).map_err(|error| refuse(next, error.to_string()))?;
        if self.open.blocks > 0 {
            return Err(refuse(
                next,
                format!(
                    "blocks {} to {} are in no batch yet; seal them first",
                    self.open.first, self.tip.number
                ),
            ));
        }
        let mut open = OpenBatch {
            first: next,
            ..OpenBatch::default()
        };
        let mut tip = self.tip;
        let mut built = Vec::new();
        let writer = self.shared.db.write()?;
        for input in &payload.blocks {
            let sealed = Sealed::new(&writer)?;
            let mut tools = self.shared.tools(&sealed, &open.levels);
            // It was proven, whatever a segment of this node holds.
            tools.max_rows = u64::MAX;
            let chain_id = self.shared.rules.chain_id;
            let mut block = block::replay(chain_id, &tip, input, Latest(&writer), tools)?;
            apply::apply_to(&writer, &block, &self.shared.pool())?;
            tip = block.block.header;
            open.add(
                block.payload_bytes as u64,
                block.rows,
                block.records.len() as u64,
            );
            open.levels = std::mem::take(&mut block.levels);
            built.push(block);
        }
        writer.commit()?;
        for block in &built {
            self.forget(block);
        }
        (self.tip, self.open) = (tip, open);
        self.publish();
        self.seal()?
            .ok_or_else(|| NodeError::Inconsistent("a payload without blocks".to_owned()))
    }

    fn publish(&self) {
        self.shared
            .set_open(self.open.blocks, self.open.transactions);
    }
}

impl OpenBatch {
    fn add(&mut self, payload_bytes: u64, rows: u64, transactions: u64) {
        self.blocks += 1;
        self.transactions += transactions;
        self.payload_bytes += payload_bytes;
        self.rows = self.rows.saturating_add(rows);
        self.since.get_or_insert_with(Instant::now);
    }
}
