use alloy_consensus::{
    SignableTransaction, Transaction as _, TxEip1559, TxEip2930, TxEnvelope, TxLegacy,
    TypedTransaction, transaction::SignerRecoverable,
};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip2930::{AccessList, AccessListItem as AlloyItem},
};
use alloy_primitives::{TxKind, hex};
use proptest::prelude::*;

use super::{TransactionErrorKind as Kind, *};
use crate::testing::{key, sign, signed, transactions};

/// The same transaction in alloy's types.
fn to_alloy(tx: &Transaction) -> TypedTransaction {
    let access_list = AccessList(
        tx.access_list()
            .iter()
            .map(|item| AlloyItem {
                address: item.address,
                storage_keys: item.storage_keys.clone(),
            })
            .collect(),
    );
    let (chain_id, nonce, gas_limit, value, input) = (
        tx.chain_id,
        tx.nonce,
        tx.gas_limit,
        tx.value,
        tx.input.clone(),
    );
    let to = tx.to.map_or(TxKind::Create, TxKind::Call);
    match tx.envelope {
        Envelope::Legacy { gas_price } => TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            input,
        }
        .into(),
        Envelope::AccessList { gas_price, .. } => TxEip2930 {
            chain_id,
            nonce,
            gas_price,
            gas_limit,
            to,
            value,
            access_list,
            input,
        }
        .into(),
        Envelope::DynamicFee {
            max_priority_fee_per_gas,
            max_fee_per_gas,
            ..
        } => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into(),
    }
}

fn to_alloy_signed(tx: &SignedTransaction) -> TxEnvelope {
    let signature =
        alloy_primitives::Signature::new(tx.signature.r, tx.signature.s, tx.signature.y_parity);
    to_alloy(&tx.transaction).into_envelope(signature)
}

fn example() -> Transaction {
    Transaction {
        chain_id: 1,
        nonce: 9,
        gas_limit: 21_000,
        to: Some(Address::repeat_byte(0x35)),
        value: U256::from(10u64).pow(U256::from(18)),
        input: Bytes::new(),
        envelope: Envelope::Legacy {
            gas_price: 20_000_000_000,
        },
    }
}

/// The worked example of EIP-155.
#[test]
fn eip155_example() {
    let transaction = example();
    assert_eq!(
        transaction.encode_for_signing(),
        hex!(
            "ec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"
        )
    );
    assert_eq!(
        transaction.signing_hash().0,
        hex!("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53")
    );
    let signed = sign(transaction, &key(0x46));
    assert_eq!(
        signed.encode_2718(),
        hex!(
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        )
    );
    assert_eq!(
        signed.recover_sender(),
        Ok(Address::from(hex!(
            "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"
        )))
    );
}

#[test]
fn effective_price() {
    let mut tx = example();
    tx.envelope = Envelope::DynamicFee {
        max_priority_fee_per_gas: 3,
        max_fee_per_gas: 10,
        access_list: vec![],
    };
    assert_eq!(tx.effective_gas_price(0), Some(3));
    assert_eq!(tx.effective_gas_price(7), Some(10));
    assert_eq!(tx.effective_gas_price(10), Some(10));
    assert_eq!(tx.effective_gas_price(11), None);
    tx.envelope = Envelope::Legacy { gas_price: 10 };
    assert_eq!(tx.effective_gas_price(7), Some(10));
    tx.envelope = Envelope::DynamicFee {
        max_priority_fee_per_gas: u128::MAX,
        max_fee_per_gas: u128::MAX,
        access_list: vec![],
    };
    assert_eq!(tx.effective_gas_price(u64::MAX), Some(u128::MAX));
}

#[test]
fn max_cost() {
    let mut tx = example();
    assert_eq!(
        tx.max_cost(),
        Some(U256::from(
            21_000u64 * 20_000_000_000 + 1_000_000_000_000_000_000
        ))
    );
    tx.value = U256::MAX;
    assert_eq!(tx.max_cost(), None);
    tx.gas_limit = 0;
    assert_eq!(tx.max_cost(), Some(U256::MAX));
    tx.value = U256::ZERO;
    tx.gas_limit = u64::MAX;
    tx.envelope = Envelope::Legacy {
        gas_price: u128::MAX,
    };
    assert_eq!(
        tx.max_cost(),
        Some(U256::from(u64::MAX) * U256::from(u128::MAX))
    );
}

proptest! {
    #[test]
    fn agrees_with_alloy(tx in signed()) {
        let alloy = to_alloy_signed(&tx);
        let bytes = tx.encode_2718();
        prop_assert_eq!(&bytes, &alloy.encoded_2718());
        prop_assert_eq!(tx.hash(), *alloy.tx_hash());
        prop_assert_eq!(tx.transaction.encode_for_signing(), to_alloy(&tx.transaction).encoded_for_signing());
        prop_assert_eq!(tx.transaction.signing_hash(), alloy.signature_hash());
        prop_assert_eq!(tx.recover_sender().unwrap(), alloy.recover_signer().unwrap());
        prop_assert_eq!(tx.transaction.effective_gas_price(0), Some(alloy.effective_gas_price(Some(0))));
    }

    #[test]
    fn encodings_are_inverse(tx in signed()) {
        prop_assert_eq!(Transaction::decode_signing(&tx.transaction.encode_for_signing()), Ok(tx.transaction.clone()));
        prop_assert_eq!(SignedTransaction::decode_2718(&tx.encode_2718()), Ok(tx));
    }

    #[test]
    fn binary_and_json_forms_are_inverse(tx in signed()) {
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec(&tx, config).unwrap();
        prop_assert_eq!(&bincode::serde::decode_from_slice::<SignedTransaction, _>(&bytes, config).unwrap().0, &tx);
        let json = serde_json::to_string(&tx).unwrap();
        prop_assert_eq!(&serde_json::from_str::<SignedTransaction>(&json).unwrap(), &tx);
    }
}

// NEGATIVE

proptest! {
    #[test]
    fn any_bytes_decode_to_their_own_encoding_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(tx) = Transaction::decode_signing(&bytes) {
            prop_assert_eq!(tx.encode_for_signing(), bytes.clone());
        }
        if let Ok(tx) = SignedTransaction::decode_2718(&bytes) {
            prop_assert_eq!(tx.encode_2718(), bytes);
        }
    }

    #[test]
    fn mutated_bytes_decode_to_their_own_encoding_or_fail(tx in signed(), at: prop::sample::Index, value: u8, cut: bool) {
        for signing in [true, false] {
            let mut bytes = if signing { tx.transaction.encode_for_signing() } else { tx.encode_2718() };
            let at = at.index(bytes.len());
            bytes[at] = value;
            if cut {
                bytes.truncate(at);
            }
            let (again, end) = if signing {
                let decoded = Transaction::decode_signing(&bytes);
                (decoded.as_ref().map(Transaction::encode_for_signing).ok(), decoded.err().map(|error| error.offset))
            } else {
                let decoded = SignedTransaction::decode_2718(&bytes);
                (decoded.as_ref().map(SignedTransaction::encode_2718).ok(), decoded.err().map(|error| error.offset))
            };
            if let Some(again) = again {
                prop_assert_eq!(again, bytes);
            } else {
                prop_assert!(end.unwrap() <= bytes.len());
            }
        }
    }

    /// Where we accept, alloy reads the same transaction: no second meaning of the same bytes.
    #[test]
    fn mutated_bytes_mean_the_same_to_alloy(tx in signed(), at: prop::sample::Index, value: u8) {
        let mut bytes = tx.encode_2718();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Ok(ours) = SignedTransaction::decode_2718(&bytes) {
            prop_assert_eq!(TxEnvelope::decode_2718_exact(&bytes).unwrap(), to_alloy_signed(&ours));
        }
    }

    #[test]
    fn wrong_signatures_are_refused_or_give_another_sender(tx in transactions(), seed: u8, bit in 0usize..256) {
        let signed = sign(tx, &key(seed));
        let sender = signed.recover_sender().unwrap();
        let mut wrong = signed.clone();
        wrong.signature.y_parity = !wrong.signature.y_parity;
        prop_assert_ne!(wrong.recover_sender().ok(), Some(sender));
        for field in [true, false] {
            let mut wrong = signed.clone();
            let word = if field { &mut wrong.signature.r } else { &mut wrong.signature.s };
            *word ^= U256::from(1) << bit;
            prop_assert_ne!(wrong.recover_sender().ok(), Some(sender));
        }
    }
}

#[test]
fn signature_ranges() {
    let one = U256::from(1);
    let good = Signature {
        y_parity: false,
        r: one,
        s: one,
    };
    assert_eq!(good.check(), Ok(()));
    let half = SECP256K1_HALF_ORDER;
    assert_eq!(half * U256::from(2) + one, SECP256K1_ORDER);
    for (signature, expected) in [
        (
            Signature {
                r: U256::ZERO,
                ..good
            },
            Err(SignatureError::ZeroR),
        ),
        (
            Signature {
                r: SECP256K1_ORDER - one,
                ..good
            },
            Ok(()),
        ),
        (
            Signature {
                r: SECP256K1_ORDER,
                ..good
            },
            Err(SignatureError::LargeR),
        ),
        (
            Signature {
                r: U256::MAX,
                ..good
            },
            Err(SignatureError::LargeR),
        ),
        (
            Signature {
                s: U256::ZERO,
                ..good
            },
            Err(SignatureError::ZeroS),
        ),
        (Signature { s: half, ..good }, Ok(())),
        (
            Signature {
                s: half + one,
                ..good
            },
            Err(SignatureError::HighS),
        ),
        (
            Signature {
                s: SECP256K1_ORDER - one,
                ..good
            },
            Err(SignatureError::HighS),
        ),
    ] {
        assert_eq!(signature.check(), expected);
        if let Err(error) = expected {
            assert_eq!(signature.recover(&B256::repeat_byte(1)), Err(error));
            let tx = SignedTransaction {
                transaction: example(),
                signature,
            };
            assert_eq!(
                SignedTransaction::decode_2718(&tx.encode_2718())
                    .unwrap_err()
                    .kind,
                Kind::Signature(error)
            );
        }
    }
    // 5 is no x coordinate of a point of secp256k1.
    let no_point = Signature {
        r: U256::from(5),
        ..good
    };
    assert_eq!(
        no_point.recover(&B256::repeat_byte(1)),
        Err(SignatureError::NoKey)
    );
}

/// Each malformed encoding, the offset and the reason.
#[test]
fn malformed_encodings() {
    let table: &[(&[u8], usize, Kind)] = &[
        (&hex!(""), 0, Kind::Truncated),
        (&hex!("00"), 0, Kind::UnknownType(0)),
        (&hex!("05c0"), 0, Kind::UnknownType(5)),
        (&hex!("7fc0"), 0, Kind::UnknownType(0x7f)),
        (&hex!("03c0"), 0, Kind::Blob),
        (&hex!("04c0"), 0, Kind::SetCode),
        (&hex!("80"), 0, Kind::ExpectedList),
        (&hex!("02"), 1, Kind::Truncated),
        (&hex!("0280"), 1, Kind::ExpectedList),
        (&hex!("02c100"), 2, Kind::NonCanonical),
        (&hex!("02c28100"), 2, Kind::NonCanonical),
        (&hex!("02c3820001"), 2, Kind::NonCanonical),
        (&hex!("02c0"), 2, Kind::Truncated),
        (&hex!("02c1"), 2, Kind::Truncated),
        (&hex!("02f8"), 2, Kind::Truncated),
        (&hex!("02f801"), 2, Kind::NonCanonical),
        (&hex!("02f90001"), 2, Kind::NonCanonical),
        (&hex!("02ffffffffffffffffff"), 10, Kind::Truncated),
        (&hex!("02bfffffffffffffffff"), 10, Kind::Truncated),
        (&hex!("02c0c0"), 2, Kind::TrailingBytes),
        (&hex!("02c1c0"), 2, Kind::ExpectedString),
        (
            &hex!("02ca89010000000000000000"),
            2,
            Kind::TooLarge { bits: 64 },
        ),
        (&hex!("c6808080808080"), 7, Kind::Unprotected),
    ];
    for (bytes, offset, kind) in table {
        let expected = TransactionError {
            offset: *offset,
            kind: *kind,
        };
        assert_eq!(
            Transaction::decode_signing(bytes),
            Err(expected),
            "{}",
            hex::encode(bytes)
        );
    }
}

#[test]
fn unprotected_and_foreign_legacy_forms() {
    let signed = sign(example(), &key(7));
    // v = 27 is the signature of a transaction for every chain.
    let bytes = signed.encode_2718();
    let v = bytes.len() - 67;
    assert!(bytes[v] == 37 || bytes[v] == 38);
    for (value, expected) in [
        (27, Kind::Unprotected),
        (28, Kind::Unprotected),
        (35, Kind::Unprotected),
        (36, Kind::Unprotected),
    ] {
        let mut wrong = bytes.clone();
        wrong[v] = value;
        assert_eq!(
            SignedTransaction::decode_2718(&wrong),
            Err(TransactionError {
                offset: v,
                kind: expected
            })
        );
    }
    // The last two items of a preimage.
    let preimage = example().encode_for_signing();
    for back in [1, 2] {
        let mut wrong = preimage.clone();
        let at = wrong.len() - back;
        wrong[at] = 1;
        assert_eq!(
            Transaction::decode_signing(&wrong),
            Err(TransactionError {
                offset: at,
                kind: Kind::Preimage
            })
        );
    }
    // A parity of 2 in a typed transaction.
    let mut typed = example();
    typed.envelope = Envelope::AccessList {
        gas_price: 1,
        access_list: vec![],
    };
    let bytes = sign(typed, &key(7)).encode_2718();
    let at = bytes.len() - 67;
    let mut wrong = bytes.clone();
    wrong[at] = 2;
    assert_eq!(
        SignedTransaction::decode_2718(&wrong),
        Err(TransactionError {
            offset: at,
            kind: Kind::Parity
        })
    );
}
