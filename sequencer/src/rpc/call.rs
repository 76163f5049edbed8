//! `eth_call` and `eth_estimateGas`.

use alloy::rpc::types::TransactionRequest;
use alloy_primitives::{Bytes, TxKind, U256};
use protocol::{
    BlockHeader, Signature, SignedTransaction, Transaction, rules,
    transaction::{AccessListItem, Envelope, TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE},
};
use revm::{
    ExecuteEvm,
    context::{CfgEnv, TxEnv},
    context_interface::result::{EVMError, ExecutionResult, InvalidTransaction},
};

use super::error::{FAILED, INTERNAL, INVALID_PARAMS, RpcError, UNSUPPORTED};
use crate::{
    Node,
    block::{Room, next_context},
    error::{AdmissionError, NodeError},
    exec::BlockContext,
    executed::{Call, Failure, execute_as},
    state::{Overlay, StateView},
    store::{ChainRead, Snapshot, ViewAt},
};

/// The block that a call sees: the given one, or the next one for `pending`.
fn context(
    node: &Node,
    snapshot: &Snapshot,
    number: u64,
    pending: bool,
) -> Result<BlockContext, RpcError> {
    let header = snapshot.expect_block(number)?.header;
    if pending {
        return Ok(next_context(&node.shared().plan(header, Room::NONE))?);
    }
    Ok(BlockContext {
        chain_id: node.shared().rules.chain_id,
        number,
        timestamp: header.timestamp,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee,
        coinbase: header.coinbase,
        prevrandao: header.prev_randao,
    })
}

/// The request as a transaction of the EVM, with the given gas limit.
fn transaction(
    node: &Node,
    state: &dyn StateView,
    request: &TransactionRequest,
    gas_limit: u64,
) -> Result<TxEnv, RpcError> {
    if request.blob_versioned_hashes.is_some()
        || request.max_fee_per_blob_gas.is_some()
        || request.authorization_list.is_some()
    {
        return Err(RpcError::new(
            UNSUPPORTED,
            "transaction type not supported: blobs and authorizations do not exist on this chain",
        ));
    }
    let expected = node.shared().rules.chain_id;
    if let Some(found) = request.chain_id
        && found != expected
    {
        return Err(NodeError::from(AdmissionError::WrongChainId { expected, found }).into());
    }
    if request.gas_price.is_some()
        && (request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some())
    {
        return Err(RpcError::new(
            INVALID_PARAMS,
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified; give one kind of fee",
        ));
    }
    let input = request
        .input
        .unique_input()
        .map_err(|_| RpcError::new(INVALID_PARAMS, "`data` and `input` are both set and differ"))?
        .cloned()
        .unwrap_or_default();
    let caller = request.from.unwrap_or_default();
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    let tx_type = match (dynamic, &request.access_list) {
        (true, _) => TYPE_DYNAMIC_FEE,
        (false, Some(_)) => TYPE_ACCESS_LIST,
        (false, None) => 0,
    };
    let priority = request.max_priority_fee_per_gas.unwrap_or_default();
    Ok(TxEnv {
        tx_type,
        caller,
        gas_limit,
        gas_price: request
            .gas_price
            .or(request.max_fee_per_gas)
            .unwrap_or(priority),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: input,
        nonce: state.account(caller)?.nonce,
        chain_id: Some(expected),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: dynamic.then_some(priority),
        ..TxEnv::default()
    })
}

/// What a call need not satisfy.
fn lenient(config: &mut CfgEnv) {
    config.disable_nonce_check = true;
    config.tx_gas_limit_cap = Some(u64::MAX);
}

/// The block for a call: one without a price pays none, so the base fee is 0 for it.
fn priced(mut context: BlockContext, transaction: &TxEnv) -> BlockContext {
    if transaction.gas_price == 0 {
        context.base_fee = 0;
    }
    context
}

/// Executes without keeping anything.
fn execute(
    context: BlockContext,
    state: &dyn StateView,
    transaction: TxEnv,
) -> Result<ExecutionResult, RpcError> {
    let mut evm = priced(context, &transaction).evm(Overlay::new(state));
    lenient(&mut evm.ctx.cfg);
    match evm.transact(transaction) {
        Ok(outcome) => Ok(outcome.result),
        Err(EVMError::Transaction(error)) => Err(RpcError::new(FAILED, sentence(&error))),
        Err(EVMError::Database(error)) => Err(error.into()),
        Err(error) => Err(RpcError::new(INTERNAL, error.to_string())),
    }
}

/// What is wrong with a call, beginning as Ethereum clients do.
fn sentence(error: &InvalidTransaction) -> String {
    match error {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => format!(
            "insufficient funds for gas * price + value: the sender has {balance} wei, the call may cost {fee} wei"
        ),
        InvalidTransaction::CallGasCostMoreThanGasLimit {
            initial_gas,
            gas_limit,
        } => format!(
            "intrinsic gas too low: the call needs at least {initial_gas} gas, its gas limit is {gas_limit}"
        ),
        InvalidTransaction::GasPriceLessThanBasefee => {
            "max fee per gas less than block base fee".to_owned()
        }
        other => other.to_string(),
    }
}

/// The output, or why there is none.
fn output(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => {
            let reason = alloy::sol_types::decode_revert_reason(&output);
            let message = match reason.filter(|reason| !reason.is_empty()) {
                Some(reason) => format!("execution reverted: {reason}"),
                None => "execution reverted".to_owned(),
            };
            Err(RpcError::reverted(message, &output))
        }
        ExecutionResult::Halt { reason, gas, .. } => Err(RpcError::new(
            FAILED,
            format!(
                "execution halted after {} gas: {reason:?}",
                gas.tx_gas_used()
            ),
        )),
    }
}

/// `eth_call`.
pub(super) fn call(
    node: &Node,
    snapshot: &Snapshot,
    number: u64,
    pending: bool,
    request: &TransactionRequest,
) -> Result<Bytes, RpcError> {
    let state = ViewAt {
        store: snapshot,
        block: number,
    };
    let context = context(node, snapshot, number, pending)?;
    let gas = request
        .gas
        .unwrap_or(context.gas_limit)
        .min(context.gas_limit);
    output(execute(
        context,
        &state,
        transaction(node, &state, request, gas)?,
    )?)
}

/// `eth_estimateGas`.
pub(super) fn estimate(
    node: &Node,
    snapshot: &Snapshot,
    number: u64,
    request: &TransactionRequest,
) -> Result<u64, RpcError> {
    let state = ViewAt {
        store: snapshot,
        block: number,
    };
    let context = context(node, snapshot, number, true)?;
    let cap = context.gas_limit.min(rules::MAX_TRANSACTION_GAS);
    let mut high = request.gas.unwrap_or(cap).min(cap);
    let template = transaction(node, &state, request, high)?;

    // No more gas than the sender can pay for.
    if template.gas_price > 0 {
        let left = state
            .account(template.caller)?
            .balance
            .saturating_sub(template.value);
        let affordable = left / U256::from(template.gas_price);
        high = high.min(affordable.saturating_to());
    }
    let run = |gas_limit: u64| {
        execute(
            context,
            &state,
            TxEnv {
                gas_limit,
                ..template.clone()
            },
        )
    };
    let parent = snapshot.expect_block(number)?.header;
    let first = TxEnv {
        gas_limit: high,
        ..template.clone()
    };
    let first = provable(node, &parent, context, &state, first)?;
    let used = first.tx_gas_used();
    output(first)?;

    let succeeds = |gas_limit: u64| run(gas_limit).is_ok_and(|result| result.is_success());
    let mut low = used.saturating_sub(1);
    if succeeds(used) {
        return Ok(used);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if succeeds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// Executes, and refuses what could not be submitted because it cannot be proven.
fn provable(
    node: &Node,
    parent: &BlockHeader,
    context: BlockContext,
    state: &dyn StateView,
    request: TxEnv,
) -> Result<ExecutionResult, RpcError> {
    let unsigned = SignedTransaction {
        transaction: Transaction {
            chain_id: node.shared().rules.chain_id,
            nonce: request.nonce,
            gas_limit: request.gas_limit,
            to: request.kind.to().copied(),
            value: request.value,
            input: request.data.clone(),
            envelope: Envelope::DynamicFee {
                max_priority_fee_per_gas: request.gas_priority_fee.unwrap_or_default(),
                max_fee_per_gas: request.gas_price,
                access_list: request
                    .access_list
                    .iter()
                    .map(|item| AccessListItem {
                        address: item.address,
                        storage_keys: item.storage_keys.clone(),
                    })
                    .collect(),
            },
        },
        signature: Signature::default(),
    };
    let call = Call {
        parent,
        block: priced(context, &request),
        signed: &unsigned,
        sender: request.caller,
    };
    let executed = execute_as(call, state, request, lenient).map_err(|failure| match failure {
        Failure::Transaction(error) => RpcError::new(FAILED, sentence(&error)),
        Failure::Store(error) => error.into(),
        Failure::Evm(message) => RpcError::new(INTERNAL, message),
    })?;
    match node.shared().check.provable_unsigned(&executed) {
        Ok(()) => Ok(executed.result),
        Err(reason) => Err(NodeError::from(AdmissionError::from(reason)).into()),
    }
}
