//! What must hold for any bytes. Run by the fuzz target, and on the committed seeds by a test of the crate `prover`.

use prover::ProofFile;

/// A proof file decodes to the only one that has this encoding, or the error says why not.
pub(crate) fn proof(bytes: &[u8]) {
    match ProofFile::decode(bytes) {
        Ok(file) => assert_eq!(file.encode().as_deref(), Ok(bytes)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
