//! The node: what the binary and tests drive.

mod admit;
mod apply;
mod core;
mod dropped;
mod genesis;
mod parked;
mod proofs;
mod seal;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread::JoinHandle,
};

use alloy_primitives::{B256, Bytes};
use protocol::{
    BlockHeader, Genesis,
    payload::{BLOCK_BYTES, MAX_PAYLOAD_BYTES, PAYLOAD_HEADER_BYTES},
};
use tokio::sync::{broadcast, oneshot};

use self::{
    core::{Command, Core},
    dropped::Dropped,
};
use crate::{
    admission::StaticRules,
    batch::{BatchProofs, ProofStatus, SealedBatch},
    block::{self, BlockPlan, Room, Tools},
    config::Config,
    error::NodeError,
    levels::{Levels, SealedTree},
    pool::Pool,
    provability::{ProvabilityCheck, TransfersOnly},
    rpc::{self, RpcHandle},
    store::{ChainRead, Db},
    witness::BatchWitness,
};

/// Events that a slow subscriber may fall behind.
const EVENTS: usize = 1_024;

/// A block that was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSummary {
    /// Number.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Number of transactions.
    pub transactions: usize,
    /// Gas used.
    pub gas_used: u64,
}

/// What the writing thread and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) config: Config,
    pub(crate) rules: StaticRules,
    pub(crate) check: Arc<dyn ProvabilityCheck>,
    pool: RwLock<Pool>,
    /// Blocks and transactions of the open batch.
    open: Mutex<(u64, u64)>,
    /// Batches that are being proven, or whose proving failed or whose proof was refused, until their proofs are stored anew.
    volatile: Mutex<BTreeMap<u64, ProofStatus>>,
    dropped: Mutex<Dropped>,
    blocks: broadcast::Sender<BlockSummary>,
    batches: broadcast::Sender<u64>,
}

// A panic while a lock is held leaves data that is whole: each critical section is a few
// assignments. So poisoning is ignored.
impl Shared {
    pub(crate) fn pool(&self) -> RwLockReadGuard<'_, Pool> {
        self.pool
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn pool_mut(&self) -> RwLockWriteGuard<'_, Pool> {
        self.pool
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn set_open(&self, blocks: u64, transactions: u64) {
        *self
            .open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = (blocks, transactions);
    }

    /// Blocks and transactions of the open batch.
    pub(crate) fn open_batch(&self) -> (u64, u64) {
        *self
            .open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn dropped(&self) -> MutexGuard<'_, Dropped> {
        self.dropped
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn volatile(&self) -> MutexGuard<'_, BTreeMap<u64, ProofStatus>> {
        self.volatile
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What a block is built with, on top of a sealed tree and the open batch's earlier keys.
    pub(crate) fn tools<'a>(&'a self, sealed: &'a dyn SealedTree, levels: &'a Levels) -> Tools<'a> {
        let seal = &self.config.seal;
        Tools {
            check: &*self.check,
            sealed,
            levels,
            max_rows: seal.max_rows.min(seal.max_segment_rows),
        }
    }

    /// What the block after `parent` is built from, at this moment.
    pub(crate) fn plan(&self, parent: BlockHeader, room: Room) -> BlockPlan {
        BlockPlan {
            chain_id: self.rules.chain_id,
            parent,
            timestamp: block::now(),
            coinbase: self.config.coinbase,
            prev_randao: self.config.prevrandao,
            room,
        }
    }

    /// Where a batch stands.
    pub(crate) fn status<R: ChainRead>(
        &self,
        store: &R,
        number: u64,
    ) -> Result<ProofStatus, NodeError> {
        if number <= store.finalized_batch()? {
            return Ok(ProofStatus::Finalized);
        }
        // What was reported last comes first: proofs that are complete may have been refused.
        if let Some(reported) = self.volatile().get(&number) {
            return Ok(reported.clone());
        }
        Ok(if store.proofs(number)?.complete() {
            ProofStatus::Proven
        } else {
            ProofStatus::Sealed
        })
    }
}

/// A running sequencer on one store. Clones share it; it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.commands.send(Command::Stop);
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Node {
    /// Opens the store, or makes it from the genesis, and starts the node for plain transfers.
    ///
    /// # Errors
    /// When the store cannot be used or belongs to another genesis.
    pub fn open(path: &Path, genesis: Genesis, config: Config) -> Result<Self, NodeError> {
        Self::open_with(path, genesis, config, Arc::new(TransfersOnly::default()))
    }

    /// Like [`Self::open`], with another answer to what can be proven.
    ///
    /// # Errors
    /// When the store cannot be used or belongs to another genesis.
    pub fn open_with(
        path: &Path,
        genesis: Genesis,
        mut config: Config,
        check: Arc<dyn ProvabilityCheck>,
    ) -> Result<Self, NodeError> {
        let genesis = genesis
            .complete()
            .map_err(|error| NodeError::Genesis(error.to_string()))?;
        let seal = &mut config.seal;
        seal.max_payload_bytes = seal.max_payload_bytes.min(MAX_PAYLOAD_BYTES);
        seal.max_transactions = seal.max_transactions.max(1);
        let rules = StaticRules {
            chain_id: genesis.chain_id,
            block_gas_limit: genesis.gas_limit,
            max_payload_bytes: seal
                .max_payload_bytes
                .saturating_sub(PAYLOAD_HEADER_BYTES + BLOCK_BYTES),
        };
        let db = Db::open(path)?;
        genesis::initialise(&db, &genesis)?;
        let shared = Arc::new(Shared {
            db,
            config,
            rules,
            check,
            pool: RwLock::default(),
            open: Mutex::default(),
            volatile: Mutex::default(),
            dropped: Mutex::default(),
            blocks: broadcast::Sender::new(EVENTS),
            batches: broadcast::Sender::new(EVENTS),
        });
        let core = Core::load(Arc::clone(&shared))?;
        let (commands, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(move || core.run(&receiver))
            .map_err(|error| NodeError::Stopped(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                commands,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    fn send(&self, command: Command) -> Result<(), NodeError> {
        self.inner.commands.send(command).map_err(|_| stopped())
    }

    /// Sends a command and blocks until it is answered.
    fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(core::Reply<T>) -> Command,
    ) -> Result<T, NodeError> {
        let (answer, receiver) = mpsc::channel();
        self.send(command(Box::new(move |result| {
            // Whoever asked may have gone.
            let _ = answer.send(result);
        })))?;
        receiver.recv().map_err(|_| stopped())?
    }

    /// Runs a write between two commands of the thread.
    fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Shared) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<T, NodeError> {
        self.ask(|reply| Command::Write(Box::new(move |shared| reply(write(shared)))))
    }

    /// Submits a signed transaction in its EIP-2718 encoding; returns its hash when it is durable
    /// (and, with [`crate::BlockProduction::Automine`], mined). Blocks: not for asynchronous code.
    ///
    /// # Errors
    /// [`NodeError::Admission`] when it is refused.
    pub fn submit(&self, raw: impl Into<Bytes>) -> Result<B256, NodeError> {
        let candidate = self.inner.shared.rules.check(raw.into())?;
        self.ask(|reply| Command::Submit(Box::new(candidate), reply))
    }

    /// Like [`Self::submit`], without blocking.
    ///
    /// # Errors
    /// [`NodeError::Admission`] when it is refused.
    pub async fn submit_async(&self, raw: impl Into<Bytes>) -> Result<B256, NodeError> {
        let candidate = self.inner.shared.rules.check(raw.into())?;
        let (answer, receiver) = oneshot::channel();
        let reply: core::Reply<B256> = Box::new(move |result| {
            // Whoever asked may have gone.
            let _ = answer.send(result);
        });
        self.send(Command::Submit(Box::new(candidate), reply))?;
        receiver.await.map_err(|_| stopped())?
    }

    /// Builds a block now, from what is pending, and returns it. Blocks.
    ///
    /// # Errors
    /// When execution or the store fails.
    pub fn build_block(&self) -> Result<BlockSummary, NodeError> {
        self.ask(Command::BuildBlock)
    }

    /// Seals the open batch now; `None` if it has no blocks. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn seal_batch(&self) -> Result<Option<SealedBatch>, NodeError> {
        self.ask(Command::SealBatch)
    }

    /// Rebuilds the blocks of a batch from its payload alone, as it was sent to L1, and seals them as the
    /// next batch: with the genesis and all payloads in order, the whole chain comes back. Either all
    /// blocks are applied or none. Blocks.
    ///
    /// # Errors
    /// [`NodeError::Replay`] when the payload does not decode, does not follow the last sealed batch
    /// or breaks a rule; or when the store fails.
    pub fn replay_batch(&self, payload: impl Into<Bytes>) -> Result<SealedBatch, NodeError> {
        let payload = payload.into();
        self.ask(|reply| Command::Replay(payload, reply))
    }

    /// Why an accepted transaction was dropped, if it was and this process knows: it could not be mined or proven any more when
    /// its turn came.
    pub fn dropped(&self, hash: B256) -> Option<String> {
        self.inner.shared.dropped().get(hash).cloned()
    }

    /// Blocks as they are built.
    pub fn subscribe_blocks(&self) -> broadcast::Receiver<BlockSummary> {
        self.inner.shared.blocks.subscribe()
    }

    /// Numbers of batches as they are sealed. What was sealed before is in [`Self::unfinished_batches`].
    pub fn subscribe_batches(&self) -> broadcast::Receiver<u64> {
        self.inner.shared.batches.subscribe()
    }

    /// The batches that are sealed and not finalised, oldest first, with where they stand.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unfinished_batches(&self) -> Result<Vec<(u64, ProofStatus)>, NodeError> {
        let snapshot = self.inner.shared.db.read()?;
        (snapshot.finalized_batch()? + 1..=snapshot.latest_batch()?)
            .map(|number| Ok((number, self.inner.shared.status(&snapshot, number)?)))
            .collect()
    }

    /// Number of the newest sealed batch, 0 if there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn latest_batch(&self) -> Result<u64, NodeError> {
        Ok(self.inner.shared.db.read()?.latest_batch()?)
    }

    /// A sealed batch.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn batch(&self, number: u64) -> Result<SealedBatch, NodeError> {
        self.inner
            .shared
            .db
            .read()?
            .batch(number)?
            .ok_or(NodeError::UnknownBatch(number))
    }

    /// What a prover needs to prove a sealed batch: the bytes of a batch file.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn batch_file(&self, number: u64) -> Result<Vec<u8>, NodeError> {
        self.inner
            .shared
            .db
            .read()?
            .witness_bytes(number)?
            .ok_or(NodeError::UnknownBatch(number))
    }

    /// What a prover needs to prove a sealed batch.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn batch_witness(&self, number: u64) -> Result<BatchWitness, NodeError> {
        BatchWitness::from_bytes(&self.batch_file(number)?)
            .map_err(|error| NodeError::Inconsistent(error.to_string()))
    }

    /// Where a sealed batch stands.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn proof_status(&self, number: u64) -> Result<ProofStatus, NodeError> {
        let snapshot = self.inner.shared.db.read()?;
        if number == 0 || number > snapshot.latest_batch()? {
            return Err(NodeError::UnknownBatch(number));
        }
        self.inner.shared.status(&snapshot, number)
    }

    /// The finished proofs of a batch.
    ///
    /// # Errors
    /// [`NodeError::UnknownBatch`], or when the store fails.
    pub fn proofs(&self, number: u64) -> Result<BatchProofs, NodeError> {
        let snapshot = self.inner.shared.db.read()?;
        if number == 0 || number > snapshot.latest_batch()? {
            return Err(NodeError::UnknownBatch(number));
        }
        Ok(snapshot.proofs(number)?)
    }

    /// Starts the JSON-RPC server. Port 0 takes a free port; the handle knows which.
    ///
    /// # Errors
    /// [`NodeError::Listen`], also when the address is not loopback and
    /// [`crate::RpcLimits::allow_remote`] is not set.
    pub async fn start_rpc(&self, address: SocketAddr) -> Result<RpcHandle, NodeError> {
        rpc::start(self.clone(), address).await
    }
}

fn stopped() -> NodeError {
    NodeError::Stopped("its thread has ended; start it again".to_owned())
}
