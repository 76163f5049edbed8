//! What proves the node's batches and makes them final on an embedded L1.

use super::{
    super::prove::write_batch,
    POLL,
    schedule::{Schedule, Step},
};
use crate::ui::Ui;
use eyre::Result;
use hallmark::{l1::EmbeddedL1, pipeline, plan};
use protocol::Genesis;
use prover::{Progress, ProofFile, SegmentId, segments::Prover};
use sequencer::{Node, Progress as NodeProgress};
use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub(super) struct Worker<'a> {
    pub(super) node: &'a Node,
    pub(super) prover: Prover,
    /// Segments have 2^this rows at most.
    pub(super) largest: u32,
    pub(super) genesis: &'a Genesis,
    pub(super) data: &'a Path,
    pub(super) ui: &'a Ui,
    /// Deployed when the first proof is there.
    pub(super) l1: Option<EmbeddedL1>,
}

impl Worker<'_> {
    /// Proves and settles sealed batches until told to stop.
    ///
    /// # Errors
    /// When the store fails. What fails about a batch is said and tried again.
    pub(super) fn work(mut self, stopped: &dyn Fn() -> bool) -> Result<()> {
        let mut schedule = Schedule::default();
        while !stopped() {
            let unfinished = self.node.unfinished_batches()?;
            let outcome = match schedule.next(&unfinished, Instant::now()) {
                Some(Step::Prove(number)) => self.prove(number).map_err(|e| (number, e)),
                Some(Step::Settle(number)) => self.settle(number).map_err(|e| (number, e)),
                None => {
                    std::thread::sleep(POLL);
                    continue;
                }
            };
            if let Err((number, error)) = outcome {
                let wait = schedule.failed(number, Instant::now());
                self.ui.say(format!(
                    "batch {number} failed: {error:#}. It is tried again in {} s; later batches become final after it",
                    wait.as_secs()
                ));
                self.node.set_failed(number, format!("{error:#}"));
            }
        }
        Ok(())
    }

    /// Makes the proofs of a batch, or takes those that were kept and verify, and stores them.
    fn prove(&self, number: u64) -> Result<()> {
        let batch = self.node.batch(number)?;
        let witness = self.node.batch_witness(number)?;
        let batches = self.data.join("batches");
        write_batch(&batches.join(format!("batch-{number}.batch")), &witness)?;
        self.ui.say(format!(
            "batch {number}: blocks {} to {}, {} transactions",
            batch.statement.first_block, batch.statement.last_block, batch.transactions
        ));
        let segments = plan::plan(&witness, self.largest)?;
        self.ui
            .say(format!("batch {number}: {}", pipeline::describe(&segments)));
        let count = u32::try_from(segments.len())?;
        let current = AtomicU32::new(0);
        let tell = |u: &prover::Update| {
            let progress = NodeProgress {
                stage: u.stage.to_string(),
                segment: current.load(Ordering::Relaxed),
                done: (u.fraction.clamp(0.0, 1.0) * 10_000.0) as u16,
                elapsed_seconds: u.elapsed.as_secs(),
                left_seconds: Some(u.remaining.as_secs()),
            };
            self.node.set_progress(number, progress);
            self.ui.update(u);
        };
        let announce = |id: SegmentId, budget: &prover::Budget| {
            current.store(id.index, Ordering::Relaxed);
            self.ui.budget(id, budget);
        };
        let proven = pipeline::prove(
            &self.prover,
            &witness,
            &segments,
            &batches,
            &announce,
            &tell,
        )?;
        for (p, i) in proven.iter().zip(0u32..) {
            let bytes = p.file.encode()?;
            self.node
                .record_proof(number, batch.statement.hash(), i, count, bytes)?;
        }
        Ok(())
    }

    /// Brings L1 up to a proven batch and tells the node that it is final. L1 lives in memory: after a restart it is
    /// told again what was final before.
    fn settle(&mut self, number: u64) -> Result<()> {
        let mut l1 = match self.l1.take() {
            Some(l1) => l1,
            None => self.deploy()?,
        };
        let outcome = (l1.committed()? + 1..=number).try_for_each(|n| {
            let refused = match self.submit(&mut l1, n) {
                Err(error) if n < number => error,
                outcome => return outcome,
            };
            // Another version of the machine may have proven it.
            self.ui
                .say(format!("{refused:#}, though it was final: once more"));
            self.prove(n)?;
            self.submit(&mut l1, n)
        });
        self.l1 = Some(l1);
        outcome?;
        self.node.set_finalized(number)?;
        self.ui.say(format!("batch {number} is final"));
        Ok(())
    }

    /// Commits and proves one batch on the embedded L1.
    fn submit(&self, l1: &mut EmbeddedL1, number: u64) -> Result<()> {
        let batch = self.node.batch(number)?;
        let proofs = self
            .node
            .proofs(number)?
            .proofs
            .iter()
            .map(|(_, bytes)| pipeline::for_l1(&ProofFile::decode(bytes)?))
            .collect::<Result<Vec<_>>>()?;
        let gas = l1.settle(&batch.statement, batch.payload, &proofs)?;
        self.ui.say(format!(
            "L1: batch {number} committed for {} gas, proven for {} gas",
            gas.commit, gas.prove
        ));
        Ok(())
    }

    fn deploy(&self) -> Result<EmbeddedL1> {
        let keys = (*pipeline::SHAPES.start()..=self.largest)
            .map(|k| pipeline::verifying_key(&self.prover, k, self.ui))
            .collect::<Result<Vec<_>>>()?;
        let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let l1 = EmbeddedL1::deploy(
            &keys,
            self.genesis.chain_id,
            &self.genesis.header(),
            protocol::field::to_bytes(&self.genesis.state()?.root),
            now,
        )?;
        self.ui.say(format!("L1: rollup contract at {}", l1.rollup));
        Ok(l1)
    }
}
