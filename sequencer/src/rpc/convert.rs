//! Records of the store as the types that clients parse.

use alloy::{
    consensus::{
        Eip658Value, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxEnvelope, TxType,
        constants::EMPTY_OMMER_ROOT_HASH, transaction::Recovered,
    },
    eips::{Typed2718, eip2718::Decodable2718},
    rpc::types::{Block, BlockTransactions, Header, Log, Transaction, TransactionReceipt},
};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, LogData, U256};
use protocol::BlockHeader;

use super::error::{INTERNAL, RpcError};
use crate::store::TransactionRecord;

/// Where a transaction is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) block_hash: B256,
    pub(super) header: BlockHeader,
    pub(super) index: u64,
    pub(super) effective_gas_price: u128,
}

fn envelope(raw: &[u8]) -> Result<TxEnvelope, RpcError> {
    TxEnvelope::decode_2718_exact(raw)
        .map_err(|error| RpcError::new(INTERNAL, format!("a stored transaction: {error}")))
}

/// A transaction, pending without a place.
pub(super) fn transaction(
    raw: &[u8],
    sender: Address,
    place: Option<Place>,
) -> Result<Transaction, RpcError> {
    let inner = envelope(raw)?;
    Ok(Transaction {
        inner: Recovered::new_unchecked(inner, sender),
        block_hash: place.map(|place| place.block_hash),
        block_number: place.map(|place| place.header.number),
        transaction_index: place.map(|place| place.index),
        effective_gas_price: place.map(|place| place.effective_gas_price),
        block_timestamp: place.map(|place| place.header.timestamp),
    })
}

/// A receipt.
pub(super) fn receipt(
    hash: B256,
    record: &TransactionRecord,
    header: &BlockHeader,
    block_hash: B256,
) -> Result<TransactionReceipt, RpcError> {
    let transaction = envelope(&record.raw)?;
    let done = &record.receipt;
    let logs: Vec<Log> = (done.first_log..)
        .zip(&done.logs)
        .map(|(index, log)| Log {
            inner: alloy_primitives::Log {
                address: log.address,
                data: LogData::new_unchecked(log.topics.clone(), log.data.clone()),
            },
            block_hash: Some(block_hash),
            block_number: Some(header.number),
            block_timestamp: Some(header.timestamp),
            transaction_hash: Some(hash),
            transaction_index: Some(record.index),
            log_index: Some(index),
            removed: false,
        })
        .collect();
    let mut logs_bloom = Bloom::ZERO;
    for log in &logs {
        logs_bloom.accrue_log(&log.inner);
    }
    let inner = ReceiptWithBloom {
        receipt: Receipt {
            status: Eip658Value::Eip658(done.success),
            cumulative_gas_used: done.cumulative_gas,
            logs,
        },
        logs_bloom,
    };
    let inner = match TxType::try_from(transaction.ty()) {
        Ok(TxType::Legacy) => ReceiptEnvelope::Legacy(inner),
        Ok(TxType::Eip2930) => ReceiptEnvelope::Eip2930(inner),
        Ok(TxType::Eip1559) => ReceiptEnvelope::Eip1559(inner),
        _ => {
            return Err(RpcError::new(
                INTERNAL,
                "a stored transaction has an unknown type",
            ));
        }
    };
    use alloy::consensus::Transaction as _;
    Ok(TransactionReceipt {
        inner,
        transaction_hash: hash,
        transaction_index: Some(record.index),
        block_hash: Some(block_hash),
        block_number: Some(header.number),
        gas_used: done.gas_used,
        effective_gas_price: done.effective_gas_price,
        blob_gas_used: None,
        blob_gas_price: None,
        from: record.sender,
        to: transaction.to(),
        contract_address: done.created,
    })
}

/// A block.
pub(super) fn block(
    header: &BlockHeader,
    size: u64,
    transactions: BlockTransactions<Transaction>,
) -> Block {
    let inner = alloy::consensus::Header {
        parent_hash: header.parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: header.coinbase,
        state_root: B256::ZERO,
        transactions_root: header.transactions_hash,
        receipts_root: header.receipts_hash,
        logs_bloom: Bloom::ZERO,
        difficulty: U256::ZERO,
        number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: Bytes::new(),
        mix_hash: header.prev_randao,
        nonce: B64::ZERO,
        base_fee_per_gas: Some(header.base_fee),
        ..Default::default()
    };
    Block {
        header: Header {
            hash: header.hash(),
            inner,
            total_difficulty: Some(U256::ZERO),
            size: Some(U256::from(size)),
        },
        uncles: Vec::new(),
        transactions,
        withdrawals: None,
    }
}
