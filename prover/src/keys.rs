//! Verifying keys, and the cache of keys on disk.
//!
//! A cached key is used only if its file is whole and it belongs to exactly this circuit (see [`CircuitDigest`]) and this
//! reference string. Of the proving keys, the newest of each circuit, size and string is kept.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::keccak256;
use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2_proofs::halo2curves::serde::SerdeObject;
use halo2_proofs::plonk::{self, keygen_vk};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use thiserror::Error;

use crate::circuit::{self, BACKEND, CircuitDigest, ProvableCircuit};
use crate::files::{self, FileError, Lock};
use crate::progress::{self, Progress, Stage, Tracker};
use crate::proving_key::ProvingKey;
use crate::srs::{MAX_K, Srs, SrsLabel, VerifierSrs};
use crate::transcript::ProofShape;

const MAGIC: [u8; 8] = *b"HMKVK\0\0\x01";
/// A verifying key holds about 64 bytes a fixed column; this leaves room for thousands.
const MAX_FILE: u64 = 1 << 20;
const G2_BYTES: usize = 128;

/// Why there is no key to work with.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The circuit cannot be laid out.
    #[error("the circuit `{name}` of 2^{k} rows cannot be laid out: {reason}")]
    Circuit {
        /// The circuit's name.
        name: &'static str,
        /// Its rows are `2^k`.
        k: u32,
        /// What the library said.
        reason: String,
    },
    /// The backend does not support the circuit.
    #[error("the proving key of the circuit `{name}` of 2^{k} rows cannot be prepared: {source}")]
    Prepare {
        /// The circuit's name.
        name: &'static str,
        /// Its rows are `2^k`.
        k: u32,
        /// What the backend said.
        source: backend::Error,
    },
    /// The reference string is of another size.
    #[error(
        "the circuit has 2^{circuit} rows, the reference string 2^{srs} points; take the one of 2^{circuit}"
    )]
    Size {
        /// The circuit's k.
        circuit: u32,
        /// The string's k.
        srs: u32,
    },
    /// A proving key was asked for over another reference string than its verifying key's.
    #[error("the verifying key was made with the reference string {key}, the one given is {srs}")]
    Srs {
        /// The key's string.
        key: SrsLabel,
        /// The string given.
        srs: SrsLabel,
    },
    /// A key file that was named explicitly is of another circuit.
    #[error(
        "{path} is a key of another circuit, size or version ({found}; {expected} is needed); make it anew"
    )]
    OtherCircuit {
        /// The file.
        path: PathBuf,
        /// The circuit it is of.
        found: CircuitDigest,
        /// The circuit at hand.
        expected: CircuitDigest,
    },
    /// A key file that was named explicitly is of another reference string.
    #[error("{path} was made with the reference string {found}; {expected} is needed")]
    OtherSrs {
        /// The file.
        path: PathBuf,
        /// The string it was made with.
        found: SrsLabel,
        /// The string wanted.
        expected: SrsLabel,
    },
    /// A file that was named explicitly does not exist.
    #[error("there is no key file {0}")]
    Missing(PathBuf),
    /// A file cannot be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeyError {
    /// Turns the library's error about `circuit` into one that names it.
    pub(crate) fn layout<C: ProvableCircuit>(circuit: &C) -> impl FnOnce(plonk::Error) -> Self {
        let k = circuit.k();
        move |error| Self::Circuit {
            name: C::NAME,
            k,
            reason: error.to_string(),
        }
    }

    /// Turns the backend's error about the circuit of `key` into one that names it.
    pub(crate) fn prepare(key: &VerifyingKey) -> impl FnOnce(backend::Error) -> Self {
        let (name, k) = (key.name, key.k);
        move |source| Self::Prepare { name, k, source }
    }
}

/// All that is needed to verify proofs of one circuit over one reference string.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    key: plonk::VerifyingKey<G1Affine>,
    digest: CircuitDigest,
    srs: VerifierSrs,
    params: ParamsKZG<Bn256>,
    name: &'static str,
    k: u32,
    public_values: usize,
    shape: ProofShape,
}

impl VerifyingKey {
    fn new<C: ProvableCircuit>(
        key: plonk::VerifyingKey<G1Affine>,
        digest: CircuitDigest,
        srs: VerifierSrs,
        k: u32,
    ) -> Self {
        let shape = ProofShape::of(&key);
        Self {
            key,
            digest,
            srs,
            params: srs.params(k),
            name: C::NAME,
            k,
            public_values: C::PUBLIC_VALUES,
            shape,
        }
    }

    /// Makes the key of `circuit`; its witness does not matter.
    pub fn generate<C: ProvableCircuit>(srs: &Srs, circuit: &C) -> Result<Self, KeyError> {
        check_size(srs, circuit)?;
        let digest = circuit::digest(circuit).map_err(KeyError::layout(circuit))?;
        Self::generate_with(srs, circuit, digest)
    }

    fn generate_with<C: ProvableCircuit>(
        srs: &Srs,
        circuit: &C,
        digest: CircuitDigest,
    ) -> Result<Self, KeyError> {
        let key = keygen_vk(srs.params(), &circuit.without_witnesses())
            .map_err(KeyError::layout(circuit))?;
        Ok(Self::new::<C>(key, digest, srs.verifier(), circuit.k()))
    }

    /// The rows are `2^k`.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// The circuit's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The circuit that the key is of.
    pub fn digest(&self) -> CircuitDigest {
        self.digest
    }

    /// The reference string that the key was made with.
    pub fn srs(&self) -> VerifierSrs {
        self.srs
    }

    /// How many public values a proof has.
    pub fn public_values(&self) -> usize {
        self.public_values
    }

    /// How many commitments and evaluations a proof has.
    pub fn shape(&self) -> ProofShape {
        self.shape
    }

    /// Bytes of a proof, exactly.
    pub fn proof_bytes(&self) -> usize {
        self.shape.proof_bytes()
    }

    /// The key as halo2 keeps it.
    pub fn inner(&self) -> &plonk::VerifyingKey<G1Affine> {
        &self.key
    }

    pub(crate) fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// The key in a stable text form, to be kept as a golden file: whatever changes a proof's meaning changes it.
    pub fn pinned(&self) -> String {
        let cs = self.key.cs();
        let mut text = String::new();
        let fixed: Vec<u8> = self
            .key
            .fixed_commitments()
            .iter()
            .flat_map(SerdeObject::to_raw_bytes)
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "circuit = {}\nbackend = {BACKEND}\nk = {}\nsrs = {}\ncircuit_digest = {}\ntranscript_repr = {:?}\n\
             fixed_commitments = {}\ngates_degree = {}\nblinding_factors = {}\nadvice_columns = {}\nfixed_columns = {}\n\
             advice_queries = {}\nfixed_queries = {}\nproof_bytes = {}\n",
            self.name,
            self.k,
            self.srs.label(),
            self.digest,
            self.key.transcript_repr(),
            keccak256(fixed),
            cs.degree(),
            cs.blinding_factors(),
            cs.num_advice_columns(),
            cs.num_fixed_columns(),
            cs.advice_queries().len(),
            cs.fixed_queries().len(),
            self.proof_bytes(),
        );
        text
    }

    /// Writes the key to `path`.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        files::write_checked(path, |mut file| {
            file.write_all(&MAGIC)?;
            file.write_all(&self.digest.0)?;
            self.srs.s_g2().write_raw(&mut file)?;
            self.key.write(&mut file, SerdeFormat::RawBytes)
        })
    }

    /// Reads the key of `circuit` from a file that the user named: anything but that circuit's key over `srs` is an error.
    pub fn read<C: ProvableCircuit>(
        path: &Path,
        circuit: &C,
        srs: SrsLabel,
    ) -> Result<Self, KeyError> {
        let digest = circuit::digest(circuit).map_err(KeyError::layout(circuit))?;
        Self::read_with(path, circuit, digest, srs)?
            .ok_or_else(|| KeyError::Missing(path.to_owned()))
    }

    fn read_with<C: ProvableCircuit>(
        path: &Path,
        circuit: &C,
        expected: CircuitDigest,
        label: SrsLabel,
    ) -> Result<Option<Self>, KeyError> {
        let Some(bytes) = files::read_checked(path, MAX_FILE)? else {
            return Ok(None);
        };
        let damaged = |reason: &str| FileError::damaged(path, reason);
        let parts = || {
            let (magic, rest) = bytes.split_first_chunk::<8>()?;
            let (digest, rest) = rest.split_first_chunk::<32>()?;
            let (s_g2, key) = rest.split_first_chunk::<G2_BYTES>()?;
            Some((magic, CircuitDigest(*digest), s_g2, key))
        };
        let (magic, digest, s_g2, key) = parts().ok_or_else(|| damaged("it is too short"))?;
        if *magic != MAGIC {
            return Err(damaged("it is not a verifying key of this version").into());
        }
        if digest != expected {
            return Err(KeyError::OtherCircuit {
                path: path.to_owned(),
                found: digest,
                expected,
            });
        }
        let s_g2 = G2Affine::from_raw_bytes(s_g2)
            .ok_or_else(|| damaged("its reference point is not on the curve"))?;
        let srs = VerifierSrs::from_point(s_g2);
        if srs.label() != label {
            return Err(KeyError::OtherSrs {
                path: path.to_owned(),
                found: srs.label(),
                expected: label,
            });
        }
        // halo2 builds the evaluation domain of the size in its own header before anything else: check that first.
        if key.get(1..5) != Some(circuit.k().to_le_bytes().as_slice()) {
            return Err(damaged("its size is not the circuit's").into());
        }
        let mut rest = key;
        let key =
            plonk::VerifyingKey::read::<_, C>(&mut rest, SerdeFormat::RawBytes, circuit.params())
                .map_err(|error| damaged(&format!("halo2 cannot read it: {error}")))?;
        if !rest.is_empty() {
            return Err(damaged("it has trailing bytes").into());
        }
        Ok(Some(Self::new::<C>(key, digest, srs, circuit.k())))
    }
}

pub(crate) fn check_size<C: ProvableCircuit>(srs: &Srs, circuit: &C) -> Result<(), KeyError> {
    if srs.k() == circuit.k() {
        Ok(())
    } else {
        Err(KeyError::Size {
            circuit: circuit.k(),
            srs: srs.k(),
        })
    }
}

/// Keys in a directory. Safe to use from several processes.
#[derive(Clone, Debug)]
pub struct KeyStore {
    directory: PathBuf,
}

impl KeyStore {
    /// The store in `directory`, which is created when something is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The file of a circuit's verifying key over a reference string.
    pub fn path(&self, name: &str, k: u32, digest: CircuitDigest, srs: SrsLabel) -> PathBuf {
        self.directory
            .join(format!("{name}-k{k}-{}-{srs}.vk", digest.short()))
    }

    /// The file of the proving key that belongs to `key`.
    pub fn proving_path(&self, key: &VerifyingKey) -> PathBuf {
        self.path(key.name, key.k, key.digest, key.srs.label())
            .with_extension("pk")
    }

    /// The cached verifying key of `circuit`, if there is one; it takes no reference string.
    ///
    /// A damaged or foreign file counts as absent and is reported through `tracing`.
    pub fn cached<C: ProvableCircuit>(
        &self,
        circuit: &C,
        srs: SrsLabel,
    ) -> Result<Option<VerifyingKey>, KeyError> {
        let digest = circuit::digest(circuit).map_err(KeyError::layout(circuit))?;
        self.cached_with(circuit, digest, srs)
    }

    fn cached_with<C: ProvableCircuit>(
        &self,
        circuit: &C,
        digest: CircuitDigest,
        srs: SrsLabel,
    ) -> Result<Option<VerifyingKey>, KeyError> {
        let path = self.path(C::NAME, circuit.k(), digest, srs);
        match VerifyingKey::read_with(&path, circuit, digest, srs) {
            Ok(key) => Ok(key),
            Err(
                error @ (KeyError::File(FileError::Damaged { .. })
                | KeyError::OtherCircuit { .. }
                | KeyError::OtherSrs { .. }),
            ) => {
                tracing::warn!("{error}; making the key anew");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The verifying key of `circuit` over `srs`, from the cache or made anew and kept.
    pub fn verifying_key<C: ProvableCircuit>(
        &self,
        srs: &Srs,
        circuit: &C,
        progress: &dyn Progress,
    ) -> Result<Arc<VerifyingKey>, KeyError> {
        check_size(srs, circuit)?;
        let plan = plan(circuit);
        let plan = plan.get(..2).unwrap_or(&plan);
        progress::run(progress, "keys", plan, |tracker| {
            self.verifying_key_in(srs, circuit, tracker)
        })
        .0
    }

    /// The cached proving key of `circuit`, which has that digest, if it is there with its verifying key; it takes no
    /// reference string.
    ///
    /// Damaged and foreign files count as absent and are reported through `tracing`.
    pub(crate) fn cached_proving_key<C: ProvableCircuit>(
        &self,
        circuit: &C,
        digest: CircuitDigest,
        srs: SrsLabel,
    ) -> Result<Option<ProvingKey>, KeyError> {
        match self.cached_with(circuit, digest, srs)? {
            Some(verifying) => self.mapped(&Arc::new(verifying)),
            None => Ok(None),
        }
    }

    fn mapped(&self, verifying: &Arc<VerifyingKey>) -> Result<Option<ProvingKey>, KeyError> {
        match ProvingKey::read(&self.proving_path(verifying), verifying.clone()) {
            Err(error @ KeyError::File(FileError::Damaged { .. })) => {
                tracing::warn!("{error}; making the key anew");
                Ok(None)
            }
            other => other,
        }
    }

    /// The proving key of `circuit` over `srs`, from the cache or made anew and kept. Older ones of the same circuit, size
    /// and string are removed.
    pub fn proving_key<C: ProvableCircuit>(
        &self,
        srs: &Srs,
        circuit: &C,
        progress: &dyn Progress,
    ) -> Result<ProvingKey, KeyError> {
        check_size(srs, circuit)?;
        progress::run(progress, "keys", &plan(circuit), |tracker| {
            let verifying = self.verifying_key_in(srs, circuit, tracker)?;
            let _lock = Lock::acquire(&self.directory, "keys")?;
            if let Some(key) = self.mapped(&verifying)? {
                return Ok(key);
            }
            tracker.enter(Stage::ProvingKey);
            let key = ProvingKey::generate(srs, circuit, verifying.clone())?;
            key.write(&self.proving_path(&verifying))?;
            self.remove_older(&verifying);
            // From now on its memory is the file's.
            drop(key);
            let path = self.proving_path(&verifying);
            let key = ProvingKey::read(&path, verifying)?;
            key.ok_or(KeyError::Missing(path))
        })
        .0
    }

    /// Removes the proving keys that the one of `key` takes the place of. Those who have them mapped keep them.
    fn remove_older(&self, key: &VerifyingKey) {
        let own = self.proving_path(key);
        let start = format!("{}-k{}-", key.name, key.k);
        let end = format!("-{}.pk", key.srs.label());
        let files = fs::read_dir(&self.directory).into_iter().flatten();
        for file in files.flatten() {
            let (name, path) = (file.file_name(), file.path());
            let other = name
                .to_str()
                .is_some_and(|n| n.starts_with(&start) && n.ends_with(&end));
            if other && path != own {
                // A file that stays only takes room.
                let _ = fs::remove_file(path);
            }
        }
    }

    fn verifying_key_in<C: ProvableCircuit>(
        &self,
        srs: &Srs,
        circuit: &C,
        tracker: &Tracker<'_>,
    ) -> Result<Arc<VerifyingKey>, KeyError> {
        let digest = circuit::digest(circuit).map_err(KeyError::layout(circuit))?;
        if let Some(key) = self.cached_with(circuit, digest, srs.label())? {
            return Ok(Arc::new(key));
        }
        let _lock = Lock::acquire(&self.directory, "keys")?;
        // Another process may have made it while this one waited.
        if let Some(key) = self.cached_with(circuit, digest, srs.label())? {
            return Ok(Arc::new(key));
        }
        tracker.enter(Stage::VerifyingKey);
        let key = VerifyingKey::generate_with(srs, circuit, digest)?;
        key.write(&self.path(C::NAME, circuit.k(), digest, srs.label()))?;
        Ok(Arc::new(key))
    }
}

/// Expected seconds of key generation; only the estimate depends on them.
fn plan<C: ProvableCircuit>(circuit: &C) -> [(Stage, f64); 3] {
    let columns = circuit::constraint_system(circuit).num_fixed_columns() as f64;
    let cells =
        columns * f64::from(1u32 << circuit.k().min(MAX_K)) / rayon::current_num_threads() as f64;
    [
        (Stage::CircuitDigest, cells * 2e-7),
        (Stage::VerifyingKey, cells * 2e-6),
        (Stage::ProvingKey, cells * 1e-6),
    ]
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
