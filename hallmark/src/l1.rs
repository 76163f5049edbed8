//! The embedded L1 with the rollup's contracts on it.

use alloy::sol_types::{SolCall, SolInterface};
use alloy_primitives::{Address, B256, Bytes, address};
use eyre::{Result, bail, ensure, eyre};
use protocol::{BatchStatement, BlockHeader, PROTOCOL_VERSION};
use prover::VerifyingKey;
use verifier_contract::{
    Rollup, Verifier,
    deployment::{KeyCode, Plan, RollupParameters},
    local::{LocalL1, Receipt},
};

/// Who commits and proves on the embedded L1.
pub const OPERATOR: Address = address!("00000000000000000000000000000000000005e9");
/// Seconds after which anyone may revert an unproven batch.
const REVERT_TIMEOUT: u64 = 24 * 3600;

/// A proof of one segment, as the contract takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentProof {
    /// The shape has 2^k rows.
    pub k: u32,
    /// Hash of the boundary state after the segment.
    pub end: B256,
    /// The proof.
    pub proof: Bytes,
}

/// What the L1 did with proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the contract took them.
    pub accepted: bool,
    /// Gas of the transaction.
    pub gas_used: u64,
    /// The contract's error if it did not take them.
    pub reason: String,
}

/// Gas of a batch that the L1 took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Of committing it.
    pub commit: u64,
    /// Of proving it.
    pub prove: u64,
}

/// The L1 and where the rollup is.
#[derive(Clone, Debug)]
pub struct EmbeddedL1 {
    chain: LocalL1,
    /// Address of the rollup.
    pub rollup: Address,
    /// Gas of deploying the verifier.
    pub deploy_verifier: u64,
}

impl EmbeddedL1 {
    /// Deploys verifier, keys and rollup. `keys` have consecutive k; `genesis` and `state_root` are what the first
    /// batch follows on, `now` is the L1's clock in Unix seconds.
    ///
    /// # Errors
    /// When the keys do not fit the contracts.
    pub fn deploy(
        keys: &[&VerifyingKey],
        chain_id: u64,
        genesis: &BlockHeader,
        state_root: B256,
        now: u64,
    ) -> Result<Self> {
        let plan = plan(keys, chain_id, genesis, state_root)?;
        let mut chain = LocalL1::new(1, now);
        let mut created = |code: Bytes| -> Result<(Address, u64)> {
            let receipt = chain.deploy(OPERATOR, code)?;
            let at = receipt.created.filter(|_| receipt.success);
            Ok((
                at.ok_or_else(|| eyre!("a contract could not be deployed: {}", reason(&receipt)))?,
                receipt.gas_used,
            ))
        };
        let parts = plan
            .parts()
            .into_iter()
            .map(&mut created)
            .collect::<Result<Vec<_>>>()?;
        let addresses: Vec<Address> = parts.iter().map(|p| p.0).collect();
        let (rollup, _) = created(plan.rollup(&addresses)?)?;
        Ok(Self {
            chain,
            rollup,
            deploy_verifier: parts.first().map_or(0, |p| p.1),
        })
    }

    /// Sets the L1's clock, in Unix seconds.
    pub fn set_time(&mut self, now: u64) {
        self.chain.set_timestamp(now.max(self.chain.timestamp()));
    }

    fn send(&mut self, call: impl SolCall) -> Result<Receipt> {
        let data = call.abi_encode().into();
        Ok(self
            .chain
            .send(OPERATOR, alloy_primitives::TxKind::Call(self.rollup), data)?)
    }

    fn view<C: SolCall>(&self, call: C) -> Result<C::Return> {
        let receipt = self
            .chain
            .call(OPERATOR, self.rollup, call.abi_encode().into())?;
        if !receipt.success {
            bail!("the rollup contract refused a view: {}", reason(&receipt));
        }
        Ok(C::abi_decode_returns(&receipt.output)?)
    }

    /// Commits a batch; gas used.
    ///
    /// # Errors
    /// When the contract refuses it.
    pub fn commit(&mut self, s: &BatchStatement, payload: Bytes) -> Result<u64> {
        let receipt = self.send(commit_call(s, payload))?;
        if !receipt.success {
            bail!("L1 refused batch {}: {}", s.batch_number, reason(&receipt));
        }
        Ok(receipt.gas_used)
    }

    /// Submits the proofs of a batch's segments.
    ///
    /// # Errors
    /// When the transaction could not be executed at all; a refusal is a [`Verdict`].
    pub fn prove(&mut self, batch: u64, segments: &[SegmentProof]) -> Result<Verdict> {
        let receipt = self.send(prove_call(batch, segments)?)?;
        Ok(Verdict {
            accepted: receipt.success,
            gas_used: receipt.gas_used,
            reason: if receipt.success {
                String::new()
            } else {
                reason(&receipt)
            },
        })
    }

    /// Commits a batch and submits the proofs of its segments. After an error the L1 is as it was before.
    ///
    /// # Errors
    /// When the contract refuses the batch or its proofs.
    pub fn settle(
        &mut self,
        s: &BatchStatement,
        payload: Bytes,
        segments: &[SegmentProof],
    ) -> Result<Settled> {
        let mut next = self.clone();
        next.set_time(s.last_timestamp);
        let commit = next.commit(s, payload)?;
        let verdict = next.prove(s.batch_number, segments)?;
        ensure!(
            verdict.accepted,
            "L1 refused the proof of batch {}: {}",
            s.batch_number,
            verdict.reason
        );
        *self = next;
        Ok(Settled {
            commit,
            prove: verdict.gas_used,
        })
    }

    /// Takes back the batches after `last`, which are not proven.
    ///
    /// # Errors
    /// When the contract refuses it.
    pub fn revert(&mut self, last: u64) -> Result<()> {
        let receipt = self.send(Rollup::revertBatchesCall { last })?;
        if !receipt.success {
            bail!("L1 did not revert to batch {last}: {}", reason(&receipt));
        }
        Ok(())
    }

    /// State root of the last proven batch.
    ///
    /// # Errors
    /// When the contract refuses the view.
    pub fn state_root(&self) -> Result<B256> {
        self.view(Rollup::stateRootCall {})
    }

    /// Number of the last committed batch.
    ///
    /// # Errors
    /// When the contract refuses the view.
    pub fn committed(&self) -> Result<u64> {
        self.view(Rollup::committedBatchesCall {})
    }
}

/// The transactions that deploy verifier, keys and rollup, on any L1.
///
/// # Errors
/// When the keys do not fit the contracts.
pub fn plan(
    keys: &[&VerifyingKey],
    chain_id: u64,
    genesis: &BlockHeader,
    state_root: B256,
) -> Result<Plan> {
    let first = keys
        .first()
        .ok_or_else(|| eyre!("a rollup needs a verifying key"))?;
    let codes = keys
        .iter()
        .map(|key| {
            let (code, _) = key.contract_key()?;
            let programs = code.programs.into_iter().map(Bytes::from).collect();
            Ok(KeyCode {
                head: code.head.into(),
                programs,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let parameters = RollupParameters {
        sequencer: OPERATOR,
        chain_id,
        revert_timeout: REVERT_TIMEOUT,
        first_k: u8::try_from(first.k())?,
        srs_label: first.srs().label().to_bytes().into(),
        state_root,
        block_hash: genesis.hash(),
        timestamp: genesis.timestamp,
    };
    Ok(Plan::new(parameters, &codes)?)
}

/// The call that commits a batch.
pub fn commit_call(s: &BatchStatement, payload: Bytes) -> Rollup::commitBatchCall {
    let header = Rollup::Header {
        version: PROTOCOL_VERSION,
        number: s.batch_number,
        firstBlock: s.first_block,
        lastBlock: s.last_block,
        lastTimestamp: s.last_timestamp,
        previousStateRoot: s.previous_state_root,
        stateRoot: s.state_root,
        previousBlockHash: s.previous_block_hash,
        blockHash: s.block_hash,
    };
    Rollup::commitBatchCall { header, payload }
}

/// The call that proves one batch.
///
/// # Errors
/// When a shape does not fit a byte.
pub fn prove_call(batch: u64, segments: &[SegmentProof]) -> Result<Rollup::proveBatchesCall> {
    let segments = segments
        .iter()
        .map(|s| {
            Ok(Rollup::Segment {
                k: u8::try_from(s.k)?,
                end: s.end,
                proof: s.proof.clone(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Rollup::proveBatchesCall {
        first: batch,
        proofs: vec![segments],
    })
}

/// Why a transaction was reverted, by the contracts' own errors.
fn reason(receipt: &Receipt) -> String {
    if let Ok(e) = Rollup::RollupErrors::abi_decode(&receipt.output) {
        return format!("{e:?}");
    }
    if let Ok(e) = Verifier::VerifierErrors::abi_decode(&receipt.output) {
        return format!("{e:?}");
    }
    if receipt.output.is_empty() {
        "it ran out of gas".into()
    } else {
        receipt.output.to_string()
    }
}
