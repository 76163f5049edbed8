//! Proof files: what is proven, under which key, and the proof.
//!
//! A file is one version byte and a `bincode` record. Decoding is total and bounded: any bytes give either exactly one
//! proof file, whose encoding is these bytes, or an error.

use std::path::{Path, PathBuf};

use bincode::config::{self, Config};
use bincode::{Decode, Encode};
use ff::PrimeField;
use halo2_proofs::halo2curves::bn256::Fr;
use thiserror::Error;

use crate::circuit::CircuitDigest;
use crate::files::{self, FileError};
use crate::srs::{MAX_K, SrsLabel};

/// The first byte of a proof file.
pub const VERSION: u8 = 1;
/// A proof file has at most this many bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// A proof file has at most this many public values.
pub const MAX_PUBLIC_VALUES: usize = 64;

/// Why bytes are not a proof file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofFileError {
    /// No bytes, or far too many.
    #[error("{0} bytes are not a proof file: it has 1 to {MAX_BYTES} bytes")]
    Length(usize),
    /// A version that is not known.
    #[error("the proof file has version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// The record cannot be read.
    #[error("the proof file is damaged or cut short: {0}")]
    Record(String),
    /// Bytes beyond the record.
    #[error("the proof file has {0} bytes too many")]
    Trailing(usize),
    /// The same file can be written shorter.
    #[error("the proof file is not in its canonical encoding")]
    NotCanonical,
    /// A field is out of its range.
    #[error("the proof file's {0} is out of range")]
    Range(&'static str),
}

/// Why a proof file on disk cannot be written or read.
#[derive(Debug, Error)]
pub enum ProofIoError {
    /// There is no such file.
    #[error("there is no proof file {0}")]
    Missing(PathBuf),
    /// The file is no proof file.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: ProofFileError,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Which part of which batch a proof is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
pub struct SegmentId {
    /// The batch's number.
    pub batch: u64,
    /// The segment's place in the batch, from 0.
    pub index: u32,
    /// How many segments the batch has.
    pub count: u32,
}

/// A proof with what is needed to verify it against a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The circuit has `2^k` rows.
    pub k: u32,
    /// The circuit.
    pub circuit: CircuitDigest,
    /// The reference string.
    pub srs: SrsLabel,
    /// Which segment it proves. Informative: the public values bind what is proven.
    pub segment: SegmentId,
    /// The public values.
    pub public: Vec<Fr>,
    /// The proof as the contract takes it.
    pub proof: Vec<u8>,
    /// What the maker of the proof wishes to keep with it; not bound by the proof.
    pub metadata: Vec<u8>,
}

/// The record behind the version byte.
#[derive(Encode, Decode)]
struct Record {
    k: u32,
    circuit: [u8; 32],
    srs: [u8; 32],
    segment: SegmentId,
    /// Big-endian, as in the transcript.
    public: Vec<[u8; 32]>,
    proof: Vec<u8>,
    metadata: Vec<u8>,
}

fn encoding() -> impl Config {
    config::standard().with_limit::<MAX_BYTES>()
}

impl ProofFile {
    /// The file's bytes.
    ///
    /// # Errors
    ///
    /// If the metadata make the file longer than [`MAX_BYTES`], or there are too many public values.
    pub fn encode(&self) -> Result<Vec<u8>, ProofFileError> {
        if self.public.len() > MAX_PUBLIC_VALUES {
            return Err(ProofFileError::Range("number of public values"));
        }
        let record = Record {
            k: self.k,
            circuit: self.circuit.0,
            srs: self.srs.to_bytes(),
            segment: self.segment,
            public: self.public.iter().map(big_endian).collect(),
            proof: self.proof.clone(),
            metadata: self.metadata.clone(),
        };
        let mut bytes = vec![VERSION];
        let body = bincode::encode_to_vec(record, encoding())
            .map_err(|error| ProofFileError::Record(error.to_string()))?;
        bytes.extend(body);
        if bytes.len() > MAX_BYTES {
            return Err(ProofFileError::Length(bytes.len()));
        }
        Ok(bytes)
    }

    /// Writes the file to `path`, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), ProofIoError> {
        let bytes = self.encode().map_err(|reason| ProofIoError::Format {
            path: path.to_owned(),
            reason,
        })?;
        Ok(files::write_plain(path, &bytes)?)
    }

    /// Reads the file at `path`. Says nothing about whether the proof is valid.
    pub fn read(path: &Path) -> Result<Self, ProofIoError> {
        let bytes = files::read_bounded(path, MAX_BYTES as u64)?
            .ok_or_else(|| ProofIoError::Missing(path.to_owned()))?;
        Self::decode(&bytes).map_err(|reason| ProofIoError::Format {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads a file's bytes. Says nothing about whether the proof is valid.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let Some((version, body)) = bytes.split_first().filter(|_| bytes.len() <= MAX_BYTES) else {
            return Err(ProofFileError::Length(bytes.len()));
        };
        if *version != VERSION {
            return Err(ProofFileError::Version(*version));
        }
        let (record, read): (Record, usize) = bincode::decode_from_slice(body, encoding())
            .map_err(|error| ProofFileError::Record(error.to_string()))?;
        if read != body.len() {
            return Err(ProofFileError::Trailing(body.len().saturating_sub(read)));
        }
        if !(1..=MAX_K).contains(&record.k) {
            return Err(ProofFileError::Range("size"));
        }
        if record.public.len() > MAX_PUBLIC_VALUES {
            return Err(ProofFileError::Range("number of public values"));
        }
        let public = record
            .public
            .iter()
            .map(|value| from_big_endian(value).ok_or(ProofFileError::Range("public value")))
            .collect::<Result<_, _>>()?;
        let file = Self {
            k: record.k,
            circuit: CircuitDigest(record.circuit),
            srs: SrsLabel::from_bytes(record.srs),
            segment: record.segment,
            public,
            proof: record.proof,
            metadata: record.metadata,
        };
        // bincode accepts a small number in a wide encoding.
        if file.encode()? != bytes {
            return Err(ProofFileError::NotCanonical);
        }
        Ok(file)
    }
}

/// A scalar as the transcript and the contract write it.
pub fn big_endian(value: &Fr) -> [u8; 32] {
    let mut bytes = value.to_repr();
    bytes.reverse();
    bytes
}

/// Reads a scalar in the transcript's form; `None` if it is not below the field's order.
pub fn from_big_endian(bytes: &[u8; 32]) -> Option<Fr> {
    let mut repr = *bytes;
    repr.reverse();
    Fr::from_repr(repr).into()
}
