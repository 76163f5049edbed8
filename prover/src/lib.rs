//! Keys, proving, verifying and proof files.
//!
//! The prover is generic over a [`ProvableCircuit`]: a two-phase halo2 circuit on BN254 with one instance column.
//!
//! | module | what it does |
//! |---|---|
//! | [`srs`] | the structured reference string: made for development (insecure, labelled so) or imported |
//! | [`keys`] | verifying keys; all keys are cached under the hash of the circuit |
//! | [`proving_key`] | proving keys, mapped from files |
//! | [`mod@prove`] | proofs, verified before they are handed out |
//! | [`machine`] | the machine's circuit as the prover sees it |
//! | [`segments`] | the prover of a directory; a batch's segments one after the other, resumable |
//! | [`budget`], [`calibration`], [`memory`] | what a proof will cost, and the refusal of one that does not fit |
//! | [`verify`] | verification, total on any bytes |
//! | [`proof`] | proof files |
//! | [`contract_key`] | the verifying key as the contract keeps it |
//! | [`synthetic`] | a circuit of the machine's final size, to measure |
//! | [`progress`] | stages, time spent, estimate of the rest |

pub mod budget;
pub mod calibration;
pub mod circuit;
pub mod contract_key;
mod files;
pub mod keys;
pub mod machine;
pub mod memory;
pub mod progress;
pub mod proof;
pub mod prove;
pub mod proving_key;
pub mod segments;
pub mod srs;
pub mod synthetic;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod toy;
mod transcript;
pub mod verify;

pub use budget::{Budget, BudgetError};
pub use calibration::Calibration;
pub use circuit::{CircuitDigest, ProvableCircuit};
pub use files::FileError;
pub use keys::{KeyError, KeyStore, VerifyingKey};
pub use progress::{Progress, Stage, Update};
pub use proof::{ProofFile, ProofFileError, ProofIoError, SegmentId};
pub use prove::{Proof, ProveError, prove};
pub use proving_key::ProvingKey;
pub use segments::{ProvenSegment, Prover, ProverError, Segment};
pub use srs::{Srs, SrsError, SrsLabel, SrsStore, VerifierSrs};
pub use transcript::ProofShape;
pub use verify::VerifyError;
