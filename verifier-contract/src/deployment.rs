//! What must be sent to an L1, in which order, to deploy a rollup.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolConstructor;

use crate::{Rollup, artifact};

/// A verifying key as runtime code: `prover::contract_key::ContractKey` of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCode {
    /// The head.
    pub head: Bytes,
    /// The constraint programs.
    pub programs: Vec<Bytes>,
}

/// What a rollup fixes for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupParameters {
    /// Who commits batches.
    pub sequencer: Address,
    /// Chain id of the L2.
    pub chain_id: u64,
    /// Seconds after which anyone may revert an unproven batch.
    pub revert_timeout: u64,
    /// Rows of the first key's shape, as a power of two.
    pub first_k: u8,
    /// Label of the structured reference string (`prover::SrsLabel`); it begins with `INSECURE` if its secret is known.
    pub srs_label: B256,
    /// State root of genesis.
    pub state_root: B256,
    /// Hash of block 0.
    pub block_hash: B256,
    /// Timestamp of block 0, Unix seconds.
    pub timestamp: u64,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Number of keys.
    #[error("a rollup has one to six verifying keys, not {0}")]
    Keys(usize),
    /// Number of programs.
    #[error("a verifying key has one to four programs, not {0}")]
    Programs(usize),
    /// The shapes are not of one circuit.
    #[error("the keys' programs differ: they are not shapes of one circuit")]
    ProgramsDiffer,
    /// Number of addresses given to [`Plan::rollup`].
    #[error("{expected} contracts come before the rollup, {given} addresses are given")]
    Addresses {
        /// As many as [`Plan::parts`].
        expected: usize,
        /// Given.
        given: usize,
    },
    /// An embedded artifact does not parse.
    #[error("an artifact is damaged: {0}")]
    Artifact(#[from] serde_json::Error),
}

/// The transactions that deploy a rollup: [`Self::parts`] in any order, then [`Self::rollup`].
#[derive(Clone, Debug)]
pub struct Plan {
    parameters: RollupParameters,
    heads: usize,
    /// Verifier, heads, programs.
    runtimes: Vec<Bytes>,
    verifier: Bytes,
    rollup: Bytes,
}

/// Init code that deploys `runtime` unchanged.
pub fn creation_code(runtime: &[u8]) -> Bytes {
    let [.., high, low] = runtime.len().to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
    let mut code = vec![0x61, high, low, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3];
    code.extend(runtime);
    code.into()
}

impl Plan {
    /// Plans the deployment of a rollup whose shapes are those of `keys`, in ascending k without a gap.
    ///
    /// # Errors
    ///
    /// The keys or the label do not fit the contract.
    pub fn new(parameters: RollupParameters, keys: &[KeyCode]) -> Result<Self, PlanError> {
        let programs = match keys {
            [first, rest @ ..] if rest.len() < 6 => {
                if rest.iter().any(|k| k.programs != first.programs) {
                    return Err(PlanError::ProgramsDiffer);
                }
                &first.programs
            }
            _ => return Err(PlanError::Keys(keys.len())),
        };
        if !(1..=4).contains(&programs.len()) {
            return Err(PlanError::Programs(programs.len()));
        }
        let verifier = artifact::verifier()?;
        let heads = keys.iter().map(|k| k.head.clone());
        Ok(Self {
            parameters,
            heads: keys.len(),
            runtimes: std::iter::once(verifier.runtime)
                .chain(heads)
                .chain(programs.iter().cloned())
                .collect(),
            verifier: verifier.bytecode,
            rollup: artifact::rollup()?.bytecode,
        })
    }

    /// Init codes of everything but the rollup: the verifier, the heads, the programs.
    pub fn parts(&self) -> Vec<Bytes> {
        let data = self.runtimes.iter().skip(1).map(|code| creation_code(code));
        std::iter::once(self.verifier.clone()).chain(data).collect()
    }

    /// The rollup's init code, given the addresses of the parts in their order.
    ///
    /// # Errors
    ///
    /// The number of addresses.
    pub fn rollup(&self, parts: &[Address]) -> Result<Bytes, PlanError> {
        let wrong = PlanError::Addresses {
            expected: self.runtimes.len(),
            given: parts.len(),
        };
        let hashes: Vec<B256> = self.runtimes.iter().map(keccak256).collect();
        let ([verifier, keys @ ..], [verifier_hash, key_hashes @ ..]) = (parts, hashes.as_slice())
        else {
            return Err(wrong);
        };
        if keys.len() != key_hashes.len() {
            return Err(wrong);
        }
        let ((heads, programs), (head_hashes, program_hashes)) =
            (keys.split_at(self.heads), key_hashes.split_at(self.heads));
        let configuration = Rollup::Configuration {
            verifier: *verifier,
            verifierHash: *verifier_hash,
            sequencer: self.parameters.sequencer,
            chainId: self.parameters.chain_id,
            revertTimeout: self.parameters.revert_timeout,
            firstK: self.parameters.first_k,
            heads: heads.to_vec(),
            headHashes: head_hashes.to_vec(),
            programs: programs.to_vec(),
            programHashes: program_hashes.to_vec(),
            srsLabel: self.parameters.srs_label,
            stateRoot: self.parameters.state_root,
            blockHash: self.parameters.block_hash,
            timestamp: self.parameters.timestamp,
        };
        let arguments = Rollup::constructorCall { c: configuration }.abi_encode();
        Ok([self.rollup.to_vec(), arguments].concat().into())
    }
}
