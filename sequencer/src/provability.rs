//! Which transactions the prover can prove, and what they cost it.

use std::fmt;

use alloy_primitives::Address;
use protocol::{Account, SignedTransaction, rules};

use crate::{
    error::{StoreError, Unprovable},
    state::StateView,
};

/// Outcome of a [`ProvabilityCheck`]: the outer error is the store's.
pub type Provable = Result<Result<u64, Unprovable>, StoreError>;

/// Answers whether a transaction can be proven, and how many rows it needs.
///
/// The answer for a transaction must not depend on anything that other transactions can change,
/// as long as [`Self::provable`] is asked again whenever it may: the node asks at the door, with the
/// latest state, and again when it builds a block, with the state before the transaction. A
/// transaction that can no longer be proven then is dropped.
pub trait ProvabilityCheck: fmt::Debug + Send + Sync + 'static {
    /// Rows of the transaction: the rows of a batch with it minus those of the batch without it.
    ///
    /// # Errors
    /// Outside, when the store fails; inside, why the transaction cannot be proven.
    fn provable(
        &self,
        transaction: &SignedTransaction,
        sender: Address,
        state: &dyn StateView,
    ) -> Provable;

    /// Rows of a block without transactions.
    fn block_rows(&self) -> u64;

    /// Rows of a batch without blocks.
    fn batch_rows(&self) -> u64;
}

/// Plain transfers of ether: `to` is present, has no code and is no precompile of Osaka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransfersOnly {
    /// Rows of one transfer without calldata.
    pub transaction_rows: u64,
    /// Rows for each byte of calldata and access list, rounded up.
    pub rows_per_byte: u64,
    /// Rows of a block.
    pub block_rows: u64,
    /// Rows of a batch.
    pub batch_rows: u64,
}

impl Default for TransfersOnly {
    /// Estimates on the safe side.
    fn default() -> Self {
        Self {
            transaction_rows: 6_500,
            rows_per_byte: 8,
            block_rows: 6_000,
            batch_rows: 6_000,
        }
    }
}

impl ProvabilityCheck for TransfersOnly {
    fn provable(
        &self,
        transaction: &SignedTransaction,
        sender: Address,
        state: &dyn StateView,
    ) -> Provable {
        let transaction = &transaction.transaction;
        let Some(to) = transaction.to else {
            return Ok(Err(Unprovable::Creation));
        };
        if rules::is_precompile(to) {
            return Ok(Err(Unprovable::Precompile(to)));
        }
        if has_code(&state.account(to)?) {
            return Ok(Err(Unprovable::RecipientHasCode(to)));
        }
        if has_code(&state.account(sender)?) {
            return Ok(Err(Unprovable::SenderDelegates(sender)));
        }
        let list: usize = transaction
            .access_list()
            .iter()
            .map(|item| 20 + 32 * item.storage_keys.len())
            .sum();
        let bytes = (transaction.input.len() + list) as u64;
        Ok(Ok(self
            .transaction_rows
            .saturating_add(bytes.saturating_mul(self.rows_per_byte))))
    }

    fn block_rows(&self) -> u64 {
        self.block_rows
    }

    fn batch_rows(&self) -> u64 {
        self.batch_rows
    }
}

/// Whether an account has code, a delegation included.
pub(crate) fn has_code(account: &Account) -> bool {
    !account.code.is_empty()
}
