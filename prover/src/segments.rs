//! The prover of a directory: reference strings, keys, measurements, and the proofs of a batch's segments one after the
//! other, resumed where an earlier run stopped.

use std::any::TypeId;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use halo2_proofs::halo2curves::bn256::Fr;
use thiserror::Error;

use crate::budget::{Budget, BudgetError};
use crate::calibration::Calibration;
use crate::circuit::{self, CircuitDigest, ProvableCircuit};
use crate::keys::{KeyError, KeyStore, VerifyingKey};
use crate::progress::{Progress, Stage, Update};
use crate::proof::{ProofFile, ProofIoError, SegmentId};
use crate::prove::{self, ProveError};
use crate::proving_key::ProvingKey;
use crate::srs::{Srs, SrsError, SrsLabel, SrsStore};

/// Why a batch's segments are not all proven. What was proven before stays on disk.
#[derive(Debug, Error)]
pub enum ProverError {
    /// No reference string.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too large for the memory there is.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A proof failed.
    #[error("segment {} of {} of batch {}: {source}", segment.index.saturating_add(1), segment.count, segment.batch)]
    Prove {
        /// The segment.
        segment: SegmentId,
        /// What failed.
        source: ProveError,
    },
    /// A proof file cannot be written or read.
    #[error(transparent)]
    Proof(#[from] ProofIoError),
}

/// Makes a segment's circuit with its witness, or says why it cannot.
pub type Build<C> = Box<dyn FnOnce() -> Result<C, String> + Send>;

/// A segment to prove.
pub struct Segment<C> {
    /// Which segment of which batch.
    pub id: SegmentId,
    /// The circuit without a witness, for keys and budget.
    pub blank: C,
    /// The public values.
    pub public: Vec<Fr>,
    /// Kept in the proof file; not bound by the proof.
    pub metadata: Vec<u8>,
    /// Rows that the witness uses, shown in the budget.
    pub rows_used: Option<u64>,
    /// Makes the witness; called only when the segment is really proven, so that one witness is in memory at a time.
    pub build: Build<C>,
}

impl<C> std::fmt::Debug for Segment<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment")
            .field("id", &self.id)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// A proven segment.
#[derive(Clone, Debug)]
pub struct ProvenSegment {
    /// The proof and what it is of.
    pub file: ProofFile,
    /// Seconds that proving took, witness included; `None` if the proof was there already.
    pub seconds: Option<f64>,
    /// The time of each stage; empty if the proof was there already.
    pub timings: Vec<(Stage, Duration)>,
    /// The budget shown before the start; `None` if the proof was there already.
    pub budget: Option<Budget>,
}

struct Resident {
    circuit: TypeId,
    digest: CircuitDigest,
    key: Arc<ProvingKey>,
}

/// Proves with the reference strings, keys and measurements of one directory. Keeps the last keys in memory.
pub struct Prover {
    srs: SrsStore,
    keys: KeyStore,
    calibration: Calibration,
    label: SrsLabel,
    resident: Mutex<Option<Resident>>,
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover")
            .field("srs", &self.srs)
            .field("keys", &self.keys)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Prover {
    /// The prover of `directory` over the reference string `label`; [`SrsLabel::development`] is made when needed,
    /// others must have been imported.
    pub fn new(directory: &Path, label: SrsLabel) -> Self {
        Self {
            srs: SrsStore::new(directory),
            keys: KeyStore::new(directory),
            calibration: Calibration::load(directory),
            label,
            resident: Mutex::new(None),
        }
    }

    /// The reference string that is used.
    pub fn label(&self) -> SrsLabel {
        self.label
    }

    /// The keys of the directory.
    pub fn key_store(&self) -> &KeyStore {
        &self.keys
    }

    /// What proving `circuit` will cost; its witness does not matter.
    pub fn budget<C: ProvableCircuit>(&self, circuit: &C) -> Budget {
        Budget::of(circuit, &self.calibration)
    }

    /// The reference string of `2^k` points, from disk or made.
    pub fn srs(&self, k: u32, progress: &dyn Progress) -> Result<Srs, SrsError> {
        self.srs.imported(self.label, k, progress)
    }

    /// The verifying key of `circuit`. Takes no reference string if the key is cached.
    pub fn verifying_key<C: ProvableCircuit + 'static>(
        &self,
        circuit: &C,
        progress: &dyn Progress,
    ) -> Result<Arc<VerifyingKey>, ProverError> {
        if let Some(key) = self.keys.cached(circuit, self.label)? {
            return Ok(Arc::new(key));
        }
        let srs = self.srs(circuit.k(), progress)?;
        Ok(self.keys.verifying_key(&srs, circuit, progress)?)
    }

    /// The keys of `circuit`, ready to prove. Takes no reference string if they are cached. The ones loaded last are kept.
    pub fn load<C: ProvableCircuit + 'static>(
        &self,
        circuit: &C,
        progress: &dyn Progress,
    ) -> Result<Arc<ProvingKey>, ProverError> {
        let digest = circuit::digest(circuit).map_err(KeyError::layout(circuit))?;
        let mut resident = self.resident.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = resident
            .as_ref()
            .filter(|r| r.circuit == TypeId::of::<C>() && r.digest == digest)
        {
            return Ok(kept.key.clone());
        }
        // The old keys go first: two sets need not fit in memory.
        *resident = None;
        let key = match self.keys.cached_proving_key(circuit, digest, self.label)? {
            Some(key) => key,
            None => {
                let srs = self.srs(circuit.k(), progress)?;
                self.keys.proving_key(&srs, circuit, progress)?
            }
        };
        let key = Arc::new(key);
        *resident = Some(Resident {
            circuit: TypeId::of::<C>(),
            digest,
            key: key.clone(),
        });
        Ok(key)
    }

    /// The file of a segment's proof in `proofs`.
    pub fn proof_path(proofs: &Path, id: SegmentId) -> PathBuf {
        proofs.join(format!("batch-{}-segment-{}.proof", id.batch, id.index))
    }

    /// Proves `segments` in order and keeps each proof in the directory `proofs` as soon as it is made. A segment whose
    /// proof is there already, is of the same statement and verifies, is not proven again. `announce` is given the
    /// budget of each proof before it starts.
    ///
    /// # Errors
    ///
    /// The first failure; the proofs made before it stay.
    pub fn prove_segments<C: ProvableCircuit + 'static>(
        &self,
        segments: Vec<Segment<C>>,
        proofs: &Path,
        announce: &dyn Fn(SegmentId, &Budget),
        progress: &dyn Progress,
    ) -> Result<Vec<ProvenSegment>, ProverError> {
        let seconds: Vec<f64> = segments
            .iter()
            .map(|s| self.budget(&s.blank).seconds)
            .collect();
        let total: f64 = seconds.iter().sum();
        let started = Instant::now();
        let mut done = 0.0;
        let mut proven = Vec::with_capacity(segments.len());
        for (segment, weight) in segments.into_iter().zip(seconds) {
            let part = Part {
                inner: progress,
                subject: format!(
                    "segment {} of {}",
                    segment.id.index.saturating_add(1),
                    segment.id.count
                ),
                before: done / total.max(1e-9),
                share: weight / total.max(1e-9),
                own: weight,
                later: (total - done - weight).max(0.0),
                started,
            };
            proven.push(self.prove_segment(segment, proofs, announce, &part)?);
            done += weight;
        }
        progress.update(&Update {
            subject: String::new(),
            stage: Stage::Verify,
            fraction: 1.0,
            elapsed: started.elapsed(),
            remaining: Duration::ZERO,
            finished: true,
        });
        Ok(proven)
    }

    fn prove_segment<C: ProvableCircuit + 'static>(
        &self,
        segment: Segment<C>,
        proofs: &Path,
        announce: &dyn Fn(SegmentId, &Budget),
        part: &Part<'_>,
    ) -> Result<ProvenSegment, ProverError> {
        let path = Self::proof_path(proofs, segment.id);
        let setup = part.without_share();
        if let Some(file) = self.finished(&segment, &path, &setup)? {
            return Ok(ProvenSegment {
                file,
                seconds: None,
                timings: Vec::new(),
                budget: None,
            });
        }
        let mut budget = self.budget(&segment.blank);
        budget.rows_used = segment.rows_used;
        announce(segment.id, &budget);
        budget.check()?;
        let key = self.load(&segment.blank, &setup)?;
        let work = budget.work;
        let (plan, _) = self.calibration.plan(C::NAME, &work, segment.blank.k());
        let begun = Instant::now();
        let build = || (segment.build)().map_err(ProveError::Witness);
        let proof =
            prove::prove(&key, build, &segment.public, "", &plan, part).map_err(|source| {
                ProverError::Prove {
                    segment: segment.id,
                    source,
                }
            })?;
        let seconds = begun.elapsed().as_secs_f64();
        self.calibration
            .record(C::NAME, &work, segment.blank.k(), &proof.timings);
        let verifying = key.verifying();
        let file = ProofFile {
            k: verifying.k(),
            circuit: verifying.digest(),
            srs: self.label,
            segment: segment.id,
            public: segment.public,
            proof: proof.bytes,
            metadata: segment.metadata,
        };
        file.write(&path)?;
        Ok(ProvenSegment {
            file,
            seconds: Some(seconds),
            timings: proof.timings,
            budget: Some(budget),
        })
    }

    /// The proof that an earlier run left, if it is of exactly this segment.
    fn finished<C: ProvableCircuit + 'static>(
        &self,
        segment: &Segment<C>,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<Option<ProofFile>, ProverError> {
        let file = match ProofFile::read(path) {
            Ok(file) => file,
            Err(ProofIoError::Missing(_)) => return Ok(None),
            Err(error @ ProofIoError::Format { .. }) => {
                tracing::warn!("{error}; proving the segment again");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if file.segment != segment.id || file.public != segment.public {
            tracing::warn!(path = %path.display(), "the kept proof is of another statement; proving the segment again");
            return Ok(None);
        }
        let key = self.verifying_key(&segment.blank, progress)?;
        match key.verify_file(&file) {
            Ok(()) => Ok(Some(file)),
            Err(error) => {
                tracing::warn!(path = %path.display(), "the kept proof is not valid ({error}); proving the segment again");
                Ok(None)
            }
        }
    }
}

/// Progress of one segment as a part of the whole batch's.
struct Part<'a> {
    inner: &'a dyn Progress,
    subject: String,
    /// The part of the whole that was done before, and that this segment is.
    before: f64,
    share: f64,
    /// Expected seconds of this segment and of those that follow.
    own: f64,
    later: f64,
    started: Instant,
}

impl Part<'_> {
    /// For what precedes the proof proper and is in no estimate: keys, reference string.
    fn without_share(&self) -> Part<'_> {
        Part {
            inner: self.inner,
            subject: self.subject.clone(),
            before: self.before,
            share: 0.0,
            own: 0.0,
            later: self.later + self.own,
            started: self.started,
        }
    }
}

impl Progress for Part<'_> {
    fn update(&self, update: &Update) {
        self.inner.update(&Update {
            subject: self.subject.clone(),
            stage: update.stage,
            fraction: self.before + self.share * update.fraction,
            elapsed: self.started.elapsed(),
            remaining: update.remaining + Duration::from_secs_f64(self.later.clamp(0.0, 1e7)),
            finished: false,
        });
    }
}

#[cfg(test)]
#[path = "segments_tests.rs"]
mod tests;
