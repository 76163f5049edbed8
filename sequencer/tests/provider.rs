//! The node through alloy's provider, over HTTP.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use alloy::{
    eips::{BlockId, BlockNumberOrTag, eip2930::AccessList},
    network::{EthereumWallet, TransactionBuilder},
    providers::{Provider, ProviderBuilder},
    rpc::types::{Filter, TransactionRequest},
};
use alloy_primitives::{Address, B256, U256};
use common::*;
use protocol::history::{HISTORY_ADDRESS, HISTORY_CODE};
use sequencer::{BlockProduction, RpcBatch, RpcProof, RpcProveStatus};
use std::net::{Ipv4Addr, SocketAddr};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[tokio::test(flavor = "multi_thread")]
async fn transfers_of_each_type() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    let server = node.start_rpc(ANY).await.unwrap();
    let provider = ProviderBuilder::new()
        .wallet(EthereumWallet::from(key(0)))
        .connect_http(server.url().parse().unwrap());

    assert_eq!(provider.get_chain_id().await.unwrap(), CHAIN_ID);
    assert_eq!(provider.get_net_version().await.unwrap(), CHAIN_ID);
    assert!(
        provider
            .get_client_version()
            .await
            .unwrap()
            .starts_with("hallmark/")
    );
    let sender = address(0);
    let recipient = Address::repeat_byte(0x77);
    let before = provider.get_balance(sender).await.unwrap();

    let base = TransactionRequest::default()
        .with_to(recipient)
        .with_value(U256::from(ETHER));
    let mut spent = U256::ZERO;
    for (kind, request) in [
        base.clone(),
        base.clone().with_gas_price(2 * u128::from(BASE_FEE)),
        base.clone()
            .with_gas_price(2 * u128::from(BASE_FEE))
            .with_access_list(AccessList::default()),
    ]
    .into_iter()
    .enumerate()
    {
        let receipt = provider
            .send_transaction(request)
            .await
            .unwrap()
            .get_receipt()
            .await
            .unwrap();
        assert!(receipt.status());
        assert_eq!(receipt.transaction_type() as u8, [2, 0, 1][kind]);
        assert_eq!(receipt.gas_used, 21_000);
        assert_eq!((receipt.from, receipt.to), (sender, Some(recipient)));
        spent += U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price)
            + U256::from(ETHER);

        let block = provider
            .get_block(receipt.block_hash.unwrap().into())
            .full()
            .await
            .unwrap()
            .unwrap();
        assert_eq!(block.header.hash, receipt.block_hash.unwrap());
        let found = block.transactions.as_transactions().unwrap()[0].clone();
        assert_eq!(*found.inner.tx_hash(), receipt.transaction_hash);
        assert_eq!(found.inner.signer(), sender);
        let again = provider
            .get_transaction_by_hash(receipt.transaction_hash)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again, found);
        let all = provider
            .get_block_receipts(BlockId::number(receipt.block_number.unwrap()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(all, [receipt]);
    }
    assert_eq!(provider.get_balance(sender).await.unwrap(), before - spent);
    assert_eq!(provider.get_transaction_count(sender).await.unwrap(), 3);
    assert_eq!(provider.get_block_number().await.unwrap(), 3);

    // History: each block's state is still there.
    for number in 0..=3_u64 {
        let id = BlockId::number(number);
        let balance = provider.get_balance(recipient).block_id(id).await.unwrap();
        assert_eq!(balance, U256::from(number) * U256::from(ETHER));
        assert_eq!(
            provider
                .get_transaction_count(sender)
                .block_id(id)
                .await
                .unwrap(),
            number
        );
        let hash = provider.get_block(id).await.unwrap().unwrap().header.hash;
        let by_hash = provider
            .get_balance(recipient)
            .block_id(hash.into())
            .await
            .unwrap();
        assert_eq!(by_hash, balance);
        if number > 0 {
            let parent = provider
                .get_block(BlockId::number(number - 1))
                .await
                .unwrap()
                .unwrap();
            let slot = U256::from(number - 1);
            let word = provider
                .get_storage_at(HISTORY_ADDRESS, slot)
                .await
                .unwrap();
            assert_eq!(B256::from(word), parent.header.hash);
            let early = provider
                .get_storage_at(HISTORY_ADDRESS, slot)
                .block_id(BlockId::number(number - 1));
            assert_eq!(early.await.unwrap(), U256::ZERO);
            // The contract itself answers too, for blocks before the one that the call runs in.
            let call = TransactionRequest::default()
                .with_to(HISTORY_ADDRESS)
                .with_input(B256::from(slot).to_vec());
            let answer = provider.call(call).block(BlockId::pending()).await.unwrap();
            assert_eq!(answer.as_ref(), parent.header.hash.as_slice());
        }
    }
    assert_eq!(
        *provider.get_code_at(HISTORY_ADDRESS).await.unwrap(),
        *HISTORY_CODE
    );
    assert!(provider.get_code_at(recipient).await.unwrap().is_empty());
    assert!(
        provider
            .get_logs(&Filter::new().from_block(0))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        provider.get_transaction_receipt(B256::ZERO).await.unwrap(),
        None
    );
    assert_eq!(provider.get_block_by_hash(B256::ZERO).await.unwrap(), None);
    assert_eq!(provider.get_block_by_number(99.into()).await.unwrap(), None);

    let estimate = TransactionRequest::default()
        .with_from(sender)
        .with_to(recipient);
    assert_eq!(
        provider.estimate_gas(estimate.clone()).await.unwrap(),
        21_000
    );
    let data = estimate.with_input(vec![1_u8; 10]);
    assert_eq!(provider.estimate_gas(data).await.unwrap(), 21_000 + 400);
    let fees = provider.estimate_eip1559_fees().await.unwrap();
    assert!(fees.max_fee_per_gas > 0);
    let history = provider
        .get_fee_history(10, BlockNumberOrTag::Latest, &[0.0, 50.0, 100.0])
        .await
        .unwrap();
    assert_eq!(history.oldest_block, 0);
    assert_eq!(
        (history.base_fee_per_gas.len(), history.gas_used_ratio.len()),
        (5, 4)
    );
    let rewards = history.reward.unwrap();
    assert_eq!(rewards[0], [0, 0, 0]);
    let paid = 2 * u128::from(BASE_FEE) - history.base_fee_per_gas[2];
    assert_eq!(rewards[2], [paid, paid, paid]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_transactions_and_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Manual));
    let server = node.start_rpc(ANY).await.unwrap();
    let provider = ProviderBuilder::new().connect_http(server.url().parse().unwrap());
    let raws: Vec<_> = (0..3)
        .map(|n| sign(&key(0), transfer(n, address(1), 1)))
        .collect();
    let mut hashes = Vec::new();
    for raw in &raws {
        hashes.push(*provider.send_raw_transaction(raw).await.unwrap().tx_hash());
    }
    assert_eq!(provider.get_transaction_count(address(0)).await.unwrap(), 0);
    assert_eq!(
        provider
            .get_transaction_count(address(0))
            .pending()
            .await
            .unwrap(),
        3
    );
    let waiting = provider
        .get_transaction_by_hash(hashes[1])
        .await
        .unwrap()
        .unwrap();
    assert_eq!((waiting.block_hash, waiting.block_number), (None, None));
    assert_eq!(
        provider.get_transaction_receipt(hashes[1]).await.unwrap(),
        None
    );

    let pending = provider
        .get_block(BlockId::pending())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pending.header.number, 1);
    assert_eq!(pending.transactions.hashes().collect::<Vec<_>>(), hashes);
    let built = tokio::task::spawn_blocking({
        let node = node.clone();
        move || node.build_block()
    });
    let built = built.await.unwrap().unwrap();
    let block = provider
        .get_block(BlockId::latest())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(block.header.hash, built.hash);
    assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), hashes);
    assert_eq!(
        block.header.transactions_root,
        pending.header.transactions_root
    );
    assert_eq!(block.header.receipts_root, pending.header.receipts_root);
    let receipts = provider
        .get_block_receipts(BlockId::latest())
        .await
        .unwrap()
        .unwrap();
    let gas: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt.inner.cumulative_gas_used())
        .collect();
    assert_eq!(gas, [21_000, 42_000, 63_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_proofs_and_tags() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    let server = node.start_rpc(ANY).await.unwrap();
    let provider = ProviderBuilder::new().connect_http(server.url().parse().unwrap());
    let number = |tag: BlockNumberOrTag| {
        let provider = provider.clone();
        async move {
            provider
                .get_block_by_number(tag)
                .await
                .unwrap()
                .unwrap()
                .header
                .number
        }
    };
    for nonce in 0..2 {
        let raw = sign(&key(0), transfer(nonce, address(1), 1));
        provider
            .send_raw_transaction(&raw)
            .await
            .unwrap()
            .get_receipt()
            .await
            .unwrap();
    }
    assert_eq!(number(BlockNumberOrTag::Safe).await, 0);
    let sealing = node.clone();
    let batch = tokio::task::spawn_blocking(move || sealing.seal_batch())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let raw = sign(&key(0), transfer(2, address(1), 1));
    provider
        .send_raw_transaction(&raw)
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    assert_eq!(number(BlockNumberOrTag::Safe).await, 2);
    assert_eq!(number(BlockNumberOrTag::Finalized).await, 0);

    let client = provider.client();
    let found: RpcBatch = client
        .request("hallmark_getBatch", ("latest",))
        .await
        .unwrap();
    assert_eq!(found.number.to::<u64>(), 1);
    assert_eq!(found.status.status, "sealed");
    assert_eq!(found.batch_hash, batch.statement.hash());
    assert_eq!(found.state_root, batch.statement.state_root);
    assert_eq!(
        (found.first_block.to::<u64>(), found.last_block.to::<u64>()),
        (1, 2)
    );

    node.set_progress(
        1,
        sequencer::Progress {
            stage: "commit".to_owned(),
            segment: 0,
            done: 2_550,
            elapsed_seconds: 7,
            left_seconds: Some(20),
        },
    );
    let status: RpcProveStatus = client.request("hallmark_proveStatus", ()).await.unwrap();
    assert_eq!(
        (
            status.open_blocks.to::<u64>(),
            status.open_transactions.to::<u64>()
        ),
        (1, 1)
    );
    assert_eq!(status.batches[0].status.status, "proving");
    assert_eq!(
        status.batches[0].status.progress.as_ref().unwrap().percent,
        25.5
    );

    let recorder = node.clone();
    let hash = batch.statement.hash();
    tokio::task::spawn_blocking(move || {
        recorder
            .record_proof(1, hash, 0, 1, vec![0xab; 64])
            .unwrap();
    })
    .await
    .unwrap();
    let proof: RpcProof = client.request("hallmark_getProof", ("0x1",)).await.unwrap();
    assert!(proof.complete);
    assert_eq!(proof.proofs[0].proof.as_ref(), [0xab; 64]);
    let status: RpcProveStatus = client.request("hallmark_proveStatus", ()).await.unwrap();
    assert_eq!(
        (status.proven.to::<u64>(), status.finalized.to::<u64>()),
        (1, 0)
    );

    let recorder = node.clone();
    tokio::task::spawn_blocking(move || recorder.set_finalized(1).unwrap())
        .await
        .unwrap();
    assert_eq!(number(BlockNumberOrTag::Finalized).await, 2);
    let status: RpcProveStatus = client.request("hallmark_proveStatus", ()).await.unwrap();
    assert_eq!(status.finalized.to::<u64>(), 1);
    assert!(status.batches.is_empty());
}
