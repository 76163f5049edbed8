//! Proving keys: what the backend prepares of halo2's, kept in a file that is mapped into memory.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use halo2_proofs::plonk::keygen_pk;

use crate::circuit::ProvableCircuit;
use crate::files::{self, FileError};
use crate::keys::{KeyError, VerifyingKey, check_size};
use crate::srs::Srs;

/// A proving key with its verifying key. It holds all that proofs need, also of the reference string.
#[derive(Debug)]
pub struct ProvingKey {
    verifying: Arc<VerifyingKey>,
    prover: backend::Prover,
}

impl ProvingKey {
    /// Makes the proving key that belongs to `verifying`.
    pub fn generate<C: ProvableCircuit>(
        srs: &Srs,
        circuit: &C,
        verifying: Arc<VerifyingKey>,
    ) -> Result<Self, KeyError> {
        check_size(srs, circuit)?;
        let label = verifying.srs().label();
        if srs.label() != label {
            return Err(KeyError::Srs {
                key: label,
                srs: srs.label(),
            });
        }
        let blank = circuit.without_witnesses();
        let key = keygen_pk(srs.params(), verifying.inner().clone(), &blank)
            .map_err(KeyError::layout(circuit))?;
        let prover = backend::Prover::new(srs.params(), &key, backend::Options::default())
            .map_err(KeyError::prepare(&verifying))?;
        Ok(Self { verifying, prover })
    }

    /// The verifying key.
    pub fn verifying(&self) -> &Arc<VerifyingKey> {
        &self.verifying
    }

    /// Writes the key to `path`: 32 bytes for each fixed cell and 256 for each row.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        files::write_atomic(path, |file| self.prover.write(file))
    }

    /// Maps the key that belongs to `verifying` from a file; `None` if there is none.
    ///
    /// A file that is not whole, of another key, or written on another kind of processor is [`FileError::Damaged`].
    pub fn read(path: &Path, verifying: Arc<VerifyingKey>) -> Result<Option<Self>, KeyError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::io("open", path)(error).into()),
        };
        let key = verifying.inner().clone();
        match backend::Prover::open(key, &file, backend::Options::default()) {
            Ok(prover) => Ok(Some(Self { verifying, prover })),
            Err(backend::Error::KeyFile(reason)) => Err(FileError::damaged(path, reason).into()),
            Err(backend::Error::Map(error)) => Err(FileError::io("map", path)(error).into()),
            Err(error) => Err(KeyError::prepare(&verifying)(error)),
        }
    }

    /// What makes proofs with the key.
    pub(crate) fn prover(&self) -> &backend::Prover {
        &self.prover
    }
}
