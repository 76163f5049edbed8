//! What the binary wires together, as a library: from a batch to proofs, and an L1 in the process that takes them.
//!
//! Tests use it to run the whole line: seal a batch with a [`sequencer::Node`], turn it into segments with
//! [`plan::plan`], prove them with [`pipeline::prove`], and submit the proofs with [`l1::EmbeddedL1`]. What the node lets in, [`door::Door`] says. Official state tests run
//! with [`statetest::run`]. [`token::genesis_account`] is an ERC-20 token for a genesis.

mod block;
pub mod door;
pub mod l1;
pub mod pipeline;
pub mod plan;
pub mod statetest;
pub mod token;
