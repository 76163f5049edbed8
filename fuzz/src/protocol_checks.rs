//! What must hold for any bytes. Run by the fuzz targets, and on the committed seeds by a test of the crate `protocol`.

#![allow(dead_code, reason = "each fuzz target uses one of the functions")]

use protocol::{
    Fr, Genesis, Payload, SignedTransaction, Transaction,
    block::TransactionsChain,
    rules,
    tree::{Node, Proof},
};

/// A payload decodes to the only one that has this encoding, or the error is inside the bytes.
pub(crate) fn payload(bytes: &[u8]) {
    match Payload::decode(bytes) {
        Ok(payload) => {
            assert_eq!(payload.encode(), bytes);
            assert_eq!(payload.encoded_len(), bytes.len());
            for block in &payload.blocks {
                let _ = TransactionsChain::over(&block.transactions);
            }
        }
        Err(error) => {
            assert!(error.offset <= bytes.len());
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The same for a transaction's signed bytes and for its EIP-2718 bytes.
pub(crate) fn transaction(bytes: &[u8]) {
    match Transaction::decode_signing(bytes) {
        Ok(transaction) => assert_eq!(transaction.encode_for_signing(), bytes),
        Err(error) => assert!(error.offset <= bytes.len() && !error.to_string().is_empty()),
    }
    match SignedTransaction::decode_2718(bytes) {
        Ok(transaction) => {
            assert_eq!(transaction.encode_2718(), bytes);
            signed(&transaction);
        }
        Err(error) => assert!(error.offset <= bytes.len() && !error.to_string().is_empty()),
    }
}

fn signed(transaction: &SignedTransaction) {
    let inner = &transaction.transaction;
    assert_eq!(
        Transaction::decode_signing(&inner.encode_for_signing()).as_ref(),
        Ok(inner)
    );
    assert_eq!(
        SignedTransaction::decode_2718(&transaction.encode_2718()).as_ref(),
        Ok(transaction)
    );
    let _ = transaction.recover_sender();
    let _ = rules::check_transaction(inner, inner.chain_id, 7, 30_000_000, 21_000);
}

/// Stored nodes, tree proofs and genesis files.
pub(crate) fn records(bytes: &[u8]) {
    if let Some(node) = Node::from_bytes(bytes) {
        assert_eq!(node.to_bytes(), bytes);
    }
    let config = bincode::config::standard().with_limit::<65_536>();
    if let Ok((proof, _)) = bincode::serde::decode_from_slice::<Proof, _>(bytes, config) {
        let _ = proof.verify(Fr::from(1), Fr::from(2));
    }
    if let Ok(genesis) = std::str::from_utf8(bytes)
        .map_err(drop)
        .and_then(|json| Genesis::from_json(json).map_err(drop))
    {
        assert_eq!(genesis.clone().complete().ok(), Some(genesis.clone()));
        assert!(genesis.state().is_ok());
    }
}
