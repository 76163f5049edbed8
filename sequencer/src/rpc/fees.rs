//! Fees: suggestions and history.

use alloy::rpc::types::FeeHistory;

use super::error::{INVALID_PARAMS, RpcError};
use crate::{
    Node,
    block::base_fee_after,
    store::{BlockRecord, ChainRead, Snapshot},
};

/// Most blocks of one `eth_feeHistory`.
const HISTORY_BLOCKS: u64 = 1_024;

/// Most percentiles of one `eth_feeHistory`.
const PERCENTILES: usize = 100;

/// Latest blocks that the suggestion looks at.
const SAMPLE_BLOCKS: u64 = 20;

/// Base fee of the next block, in wei per gas.
pub(super) fn next_base_fee(snapshot: &Snapshot) -> Result<u64, RpcError> {
    let latest = snapshot.latest_number()?.unwrap_or_default();
    Ok(base_fee_after(&snapshot.expect_block(latest)?.header)?)
}

/// The median priority fee of the latest blocks, or the configured one if they are empty.
pub(super) fn suggested_priority_fee(node: &Node, snapshot: &Snapshot) -> Result<u128, RpcError> {
    let latest = snapshot.latest_number()?.unwrap_or_default();
    let mut tips = Vec::new();
    for number in latest.saturating_sub(SAMPLE_BLOCKS - 1)..=latest {
        let record = snapshot.expect_block(number)?;
        tips.extend(rewards(snapshot, &record)?.into_iter().map(|(tip, _)| tip));
    }
    tips.sort_unstable();
    let median = tips.get(tips.len() / 2).copied();
    Ok(median.unwrap_or(node.shared().config.suggested_priority_fee))
}

/// Priority fee in wei per gas and gas used of each transaction, the lowest fee first.
fn rewards(snapshot: &Snapshot, record: &BlockRecord) -> Result<Vec<(u128, u64)>, RpcError> {
    let base_fee = u128::from(record.header.base_fee);
    let mut rewards = record
        .transactions
        .iter()
        .map(|hash| {
            let receipt = snapshot.expect_transaction(*hash)?.receipt;
            Ok((
                receipt.effective_gas_price.saturating_sub(base_fee),
                receipt.gas_used,
            ))
        })
        .collect::<Result<Vec<_>, RpcError>>()?;
    rewards.sort_unstable();
    Ok(rewards)
}

/// The priority fee that the given percent of the block's gas paid at most.
fn reward_at(rewards: &[(u128, u64)], gas_used: u64, percentile: f64) -> u128 {
    let threshold = gas_used as f64 * percentile / 100.0;
    let mut sum = 0.0;
    for (tip, gas) in rewards {
        sum += *gas as f64;
        if sum >= threshold {
            return *tip;
        }
    }
    rewards.last().map_or(0, |(tip, _)| *tip)
}

/// `eth_feeHistory`: up to `count` blocks that end with `newest`.
pub(super) fn history(
    snapshot: &Snapshot,
    count: u64,
    newest: u64,
    percentiles: Option<&[f64]>,
) -> Result<FeeHistory, RpcError> {
    let percentiles = percentiles.filter(|percentiles| !percentiles.is_empty());
    if let Some(percentiles) = percentiles {
        let in_range = percentiles.iter().all(|p| (0.0..=100.0).contains(p));
        let sorted = percentiles
            .windows(2)
            .all(|pair| pair.first() <= pair.last());
        if percentiles.len() > PERCENTILES || !in_range || !sorted {
            return Err(RpcError::new(
                INVALID_PARAMS,
                format!(
                    "the reward percentiles must be at most {PERCENTILES} numbers from 0 to 100, in increasing order"
                ),
            ));
        }
    }
    let count = count.min(HISTORY_BLOCKS).min(newest + 1);
    let mut history = FeeHistory {
        oldest_block: newest + 1 - count,
        ..FeeHistory::default()
    };
    if count == 0 {
        history.oldest_block = newest;
        return Ok(history);
    }
    let mut reward = Vec::new();
    for number in history.oldest_block..=newest {
        let record = snapshot.expect_block(number)?;
        let header = &record.header;
        history.base_fee_per_gas.push(u128::from(header.base_fee));
        history
            .gas_used_ratio
            .push(header.gas_used as f64 / header.gas_limit as f64);
        if let Some(percentiles) = percentiles {
            let rewards = rewards(snapshot, &record)?;
            let row = percentiles
                .iter()
                .map(|p| reward_at(&rewards, header.gas_used, *p));
            reward.push(row.collect());
        }
        if number == newest {
            history
                .base_fee_per_gas
                .push(u128::from(base_fee_after(header)?));
        }
    }
    history.reward = percentiles.map(|_| reward);
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_weigh_by_gas() {
        let rewards = [(1, 21_000), (5, 21_000), (9, 42_000)];
        for (percentile, expected) in [
            (0.0, 1),
            (25.0, 1),
            (26.0, 5),
            (50.0, 5),
            (51.0, 9),
            (100.0, 9),
        ] {
            assert_eq!(
                reward_at(&rewards, 84_000, percentile),
                expected,
                "{percentile}"
            );
        }
        assert_eq!(reward_at(&[], 0, 50.0), 0);
    }
}
