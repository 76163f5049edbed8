//! The door: what a transaction must satisfy to be accepted.
//!
//! The checks are those of block building, made against the worst case: whatever is accepted stays
//! valid until it is mined or replaced.

use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::{
    Account, BlockHeader, SignedTransaction,
    payload::transaction_encoded_len,
    rules,
    transaction::{SignatureError, TransactionErrorKind},
};

use crate::{
    block::Tools,
    config::PoolLimits,
    error::{AdmissionError, NodeError, Shortfall, StoreError, Unprovable},
    exec::BlockContext,
    executed::{Call, DELEGATION_PREFIX, execute},
    pool::{Pool, cost},
    state::StateView,
};

/// Length of an EIP-7702 delegation, which EIP-3607 lets pass.
const DELEGATION_BYTES: u64 = 23;

/// What a transaction is checked against before the state is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StaticRules {
    /// Chain id.
    pub(crate) chain_id: u64,
    /// Block gas limit.
    pub(crate) block_gas_limit: u64,
    /// Most bytes that a transaction may take in a payload.
    pub(crate) max_payload_bytes: usize,
}

/// A transaction that passed the checks which need no state.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The transaction.
    pub(crate) signed: SignedTransaction,
    /// The bytes as submitted.
    pub(crate) raw: Bytes,
    /// Transaction hash.
    pub(crate) hash: B256,
    /// Recovered sender.
    pub(crate) sender: Address,
}

/// What a transaction is checked against in the end.
pub(crate) struct StateRules<'a> {
    /// State after the latest block.
    pub(crate) state: &'a dyn StateView,
    /// Pending transactions.
    pub(crate) pool: &'a Pool,
    /// Header of the latest block.
    pub(crate) parent: &'a BlockHeader,
    /// The next block.
    pub(crate) block: BlockContext,
    /// Bounds of the pool.
    pub(crate) limits: &'a PoolLimits,
    /// What the prover can prove.
    pub(crate) tools: Tools<'a>,
}

/// A state in which the sender's earlier pending transactions are mined, as far as its nonce goes.
#[derive(Debug)]
struct InTurn<'a> {
    state: &'a dyn StateView,
    sender: Address,
    nonce: u64,
}

impl StateView for InTurn<'_> {
    fn account(&self, address: Address) -> Result<Account, StoreError> {
        let mut account = self.state.account(address)?;
        if address == self.sender {
            account.nonce = self.nonce;
        }
        Ok(account)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        self.state.storage(address, slot)
    }

    fn code(&self, keccak: B256) -> Result<Bytes, StoreError> {
        self.state.code(keccak)
    }
}

impl std::fmt::Debug for dyn StateView + '_ {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StateView")
    }
}

impl StaticRules {
    /// Decodes, recovers the sender, and makes every check that needs no state.
    pub(crate) fn check(&self, raw: Bytes) -> Result<Candidate, AdmissionError> {
        let oversized = |size| AdmissionError::Oversized {
            size,
            max: self.max_payload_bytes,
        };
        if raw.len() > self.max_payload_bytes {
            return Err(oversized(raw.len()));
        }
        let signed = SignedTransaction::decode_2718(&raw).map_err(|error| match error.kind {
            TransactionErrorKind::Unprotected => AdmissionError::Unprotected {
                chain_id: self.chain_id,
            },
            TransactionErrorKind::Blob
            | TransactionErrorKind::SetCode
            | TransactionErrorKind::UnknownType(_) => {
                AdmissionError::UnsupportedType(error.kind.to_string())
            }
            TransactionErrorKind::Signature(error) => bad_signature(error),
            _ => AdmissionError::Malformed(error.to_string()),
        })?;
        let transaction = &signed.transaction;
        if transaction.chain_id != self.chain_id {
            return Err(AdmissionError::WrongChainId {
                expected: self.chain_id,
                found: transaction.chain_id,
            });
        }
        let size = transaction_encoded_len(transaction.encode_for_signing().len());
        if size > self.max_payload_bytes {
            return Err(oversized(size));
        }
        let gas_limit = transaction.gas_limit;
        if gas_limit > rules::MAX_TRANSACTION_GAS {
            return Err(AdmissionError::GasLimitAboveCap {
                gas_limit,
                cap: rules::MAX_TRANSACTION_GAS,
            });
        }
        if gas_limit > self.block_gas_limit {
            return Err(AdmissionError::GasLimitAboveBlock {
                gas_limit,
                block_gas_limit: self.block_gas_limit,
            });
        }
        let needed = rules::intrinsic_gas(transaction);
        if gas_limit < needed {
            return Err(AdmissionError::IntrinsicGas { needed, gas_limit });
        }
        let needed = rules::floor_gas(transaction);
        if gas_limit < needed {
            return Err(AdmissionError::FloorGas { needed, gas_limit });
        }
        let (priority, max_fee) = (
            transaction.max_priority_fee_per_gas(),
            transaction.max_fee_per_gas(),
        );
        if priority > max_fee {
            return Err(AdmissionError::TipAboveFeeCap { priority, max_fee });
        }
        if transaction.nonce == u64::MAX {
            return Err(AdmissionError::NonceMax);
        }
        let sender = signed.recover_sender().map_err(bad_signature)?;
        let hash = signed.hash();
        Ok(Candidate {
            signed,
            raw,
            hash,
            sender,
        })
    }
}

fn bad_signature(error: SignatureError) -> AdmissionError {
    AdmissionError::BadSignature(error.to_string())
}

impl StateRules<'_> {
    /// Makes the checks against state and pool. `mined` tells whether the hash is in a block.
    ///
    /// Returns the rows that the transaction needs. The outer error is the store's.
    pub(crate) fn check(
        &self,
        candidate: &Candidate,
        mined: bool,
    ) -> Result<Result<u64, AdmissionError>, NodeError> {
        let Candidate {
            signed,
            hash,
            sender,
            ..
        } = candidate;
        let (sender, transaction) = (*sender, &signed.transaction);
        if mined || self.pool.get(*hash).is_some() {
            return Ok(Err(AdmissionError::AlreadyKnown(*hash)));
        }
        let account = self.state.account(sender)?;
        if !account.code.is_empty() && !self.delegates(&account)? {
            return Ok(Err(AdmissionError::SenderHasCode(sender)));
        }
        if transaction.nonce < account.nonce {
            return Ok(Err(AdmissionError::NonceTooLow {
                next: account.nonce,
                found: transaction.nonce,
            }));
        }
        let max_fee = transaction.max_fee_per_gas();
        if max_fee < u128::from(self.block.base_fee) {
            return Ok(Err(AdmissionError::Underpriced {
                max_fee,
                base_fee: self.block.base_fee,
            }));
        }
        let replaced = match self
            .pool
            .replaced_by(sender, signed, self.limits.replacement_percent)
        {
            Ok(replaced) => replaced.is_some(),
            Err(error) => return Ok(Err(error)),
        };
        let (cost, pending) = (cost(signed), self.pool.committed(sender, transaction.nonce));
        if cost
            .checked_add(pending)
            .is_none_or(|sum| sum > account.balance)
        {
            return Ok(Err(AdmissionError::InsufficientFunds(Box::new(
                Shortfall {
                    sender,
                    balance: account.balance,
                    cost,
                    pending,
                },
            ))));
        }
        if !replaced {
            if self.pool.sender_len(sender) >= self.limits.per_sender {
                return Ok(Err(AdmissionError::SenderFull {
                    sender,
                    limit: self.limits.per_sender,
                }));
            }
            if self.pool.len() >= self.limits.transactions {
                return Ok(Err(AdmissionError::PoolFull {
                    limit: self.limits.transactions,
                }));
            }
            let next = self.pool.next_nonce(sender, account.nonce);
            if transaction.nonce > next {
                return Ok(Err(AdmissionError::NonceGap {
                    next,
                    found: transaction.nonce,
                }));
            }
        }
        // Last, because it takes the longest: only what can be paid is executed.
        let state = InTurn {
            state: self.state,
            sender,
            nonce: transaction.nonce,
        };
        let call = Call {
            parent: self.parent,
            block: self.block,
            signed,
            sender,
        };
        let executed = match execute(call, &state) {
            Ok(executed) => executed,
            Err(failure) => {
                let reason = failure.split(self.block.number, 0)?;
                return Ok(Err(Unprovable::Other(reason).into()));
            }
        };
        Ok(self
            .tools
            .provable(&executed)?
            .map_err(AdmissionError::from))
    }

    fn delegates(&self, account: &protocol::Account) -> Result<bool, StoreError> {
        Ok(account.code.size == DELEGATION_BYTES
            && self
                .state
                .code(account.code.keccak)?
                .starts_with(&DELEGATION_PREFIX))
    }
}
