//! Which transactions the prover can prove, and what they cost it.

use std::fmt;

use alloy_primitives::Address;
use protocol::rules;

use crate::{error::Unprovable, executed::Executed};

/// Answers whether a transaction can be proven, and how many rows it needs.
///
/// A transaction is asked about as it was executed on a state: at the door on the latest one, and again when a block is built, on
/// the one before it in the block. If it can no longer be proven then, it is dropped.
///
/// All rows are upper bounds. What a batch needs is at most the sum of [`Self::batch_rows`], of [`Self::block_rows`] for each block,
/// of the rows of its transactions, and of [`Self::level_rows`] for each level of the state tree through which it opens a key.
pub trait ProvabilityCheck: fmt::Debug + Send + Sync + 'static {
    /// Rows of the transaction, without the levels of the state tree. More than `max_rows` need not be counted.
    ///
    /// # Errors
    /// Why it cannot be proven.
    fn provable(&self, executed: &Executed, max_rows: u64) -> Result<u64, Unprovable>;

    /// What can be said before a transaction is signed, when an estimate is asked for.
    ///
    /// # Errors
    /// Why it cannot be proven, whoever signs it.
    fn provable_unsigned(&self, executed: &Executed) -> Result<(), Unprovable>;

    /// Rows of a block without transactions.
    fn block_rows(&self) -> u64;

    /// Rows of a batch without blocks.
    fn batch_rows(&self) -> u64;

    /// Rows of one level of the state tree on the path of a key.
    fn level_rows(&self) -> u64;
}

/// Plain transfers of ether alone, for a node that runs without a prover: `to` is present, has no code and is no precompile of Osaka.
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
    fn provable(&self, executed: &Executed, _: u64) -> Result<u64, Unprovable> {
        self.provable_unsigned(executed)?;
        let transaction = &executed.signed.transaction;
        let list: usize = transaction
            .access_list()
            .iter()
            .map(|item| 20 + 32 * item.storage_keys.len())
            .sum();
        let bytes = (transaction.input.len() + list) as u64;
        Ok(self
            .transaction_rows
            .saturating_add(bytes.saturating_mul(self.rows_per_byte)))
    }

    fn provable_unsigned(&self, executed: &Executed) -> Result<(), Unprovable> {
        let has_code = |address: Address| {
            let account = executed.touched.accounts.get(&address);
            account.is_some_and(|account| !account.code.is_empty())
        };
        match executed.signed.transaction.to {
            None => Err(Unprovable::Creation),
            Some(to) if rules::is_precompile(to) => Err(Unprovable::Precompile(to)),
            Some(to) if has_code(to) => Err(Unprovable::RecipientHasCode(to)),
            _ if has_code(executed.sender) => Err(Unprovable::Delegated(executed.sender)),
            _ => Ok(()),
        }
    }

    fn block_rows(&self) -> u64 {
        self.block_rows
    }

    fn batch_rows(&self) -> u64 {
        self.batch_rows
    }

    /// The levels are in the other figures.
    fn level_rows(&self) -> u64 {
        0
    }
}
