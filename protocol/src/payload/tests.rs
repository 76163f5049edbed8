use alloy_primitives::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    testing::{key, payloads, sign},
    transaction::{Envelope, SECP256K1_ORDER, TransactionErrorKind},
};

fn transfer() -> SignedTransaction {
    sign(
        Transaction {
            chain_id: 1,
            nonce: 0,
            gas_limit: 21_000,
            to: Some(Address::repeat_byte(0x22)),
            value: U256::from(1),
            input: Bytes::new(),
            envelope: Envelope::Legacy {
                gas_price: 7_000_000,
            },
        },
        &key(3),
    )
}

fn example() -> Payload {
    Payload {
        blocks: vec![
            BlockInput {
                number: 1,
                timestamp: 2,
                gas_limit: 30_000_000,
                base_fee: 7,
                coinbase: Address::repeat_byte(0x11),
                prev_randao: B256::repeat_byte(0x33),
                transactions: vec![transfer(), transfer()],
            },
            BlockInput {
                number: 2,
                timestamp: 3,
                gas_limit: 30_000_000,
                base_fee: 7,
                ..BlockInput::default()
            },
        ],
    }
}

/// The documented layout, field by field.
#[test]
fn layout() {
    let bytes = example().encode();
    let word = |offset: usize| u64::from_be_bytes(bytes[offset..offset + 8].try_into().unwrap());
    assert_eq!(word(0), PROTOCOL_VERSION);
    assert_eq!(
        [word(8), word(16), word(24), word(32)],
        [1, 2, 30_000_000, 7]
    );
    assert_eq!(bytes[40..64], [[0; 4].as_slice(), &[0x11; 20]].concat());
    assert_eq!(bytes[64..96], [0x33; 32]);
    assert_eq!([word(96), word(104)], [0, 2]);
    let signed = transfer().transaction.encode_for_signing();
    let fill = signed.len().next_multiple_of(8);
    assert!(fill > signed.len());
    assert_eq!(word(112), signed.len() as u64);
    assert_eq!(bytes[120..120 + signed.len()], signed);
    assert!(
        bytes[120 + signed.len()..120 + fill]
            .iter()
            .all(|byte| *byte == 0)
    );
    let signature = transfer().signature;
    assert_eq!(word(120 + fill), u64::from(signature.y_parity));
    assert_eq!(
        bytes[128 + fill..160 + fill],
        signature.r.to_be_bytes::<32>()
    );
    assert_eq!(
        bytes[160 + fill..192 + fill],
        signature.s.to_be_bytes::<32>()
    );
    assert_eq!(word(192 + fill), signed.len() as u64);
    let second_block =
        PAYLOAD_HEADER_BYTES + BLOCK_BYTES + 2 * transaction_encoded_len(signed.len());
    assert_eq!(word(second_block), 2);
    assert_eq!(bytes.len(), second_block + BLOCK_BYTES);
}

proptest! {
    #[test]
    fn encode_and_decode_are_inverse(payload in payloads()) {
        let bytes = payload.encode();
        prop_assert_eq!(bytes.len(), payload.encoded_len());
        prop_assert_eq!(bytes.len() % 8, 0);
        prop_assert_eq!(Payload::decode(&bytes), Ok(payload));
    }

    #[test]
    fn binary_form_is_inverse(payload in payloads()) {
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec(&payload, config).unwrap();
        prop_assert_eq!(bincode::serde::decode_from_slice::<Payload, _>(&bytes, config).unwrap().0, payload);
    }
}

// NEGATIVE

proptest! {
    #[test]
    fn any_bytes_decode_to_their_own_encoding_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_decode(&bytes)?;
    }

    #[test]
    fn mutated_bytes_decode_to_their_own_encoding_or_fail(
        payload in payloads(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = payload.encode();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        check_decode(&bytes)?;
    }

    #[test]
    fn a_part_of_a_payload_is_none(payload in payloads(), at: prop::sample::Index) {
        let bytes = payload.encode();
        let at = at.index(bytes.len());
        match Payload::decode(&bytes[..at]) {
            // A cut between two blocks leaves a payload with fewer of them.
            Ok(shorter) => prop_assert!(payload.blocks.starts_with(&shorter.blocks)),
            Err(error) => {
                prop_assert!(matches!(error.kind, Kind::Truncated { .. } | Kind::NoBlock), "{error}");
                prop_assert!(error.offset <= at);
            }
        }
        let mut longer = bytes;
        longer.push(0);
        prop_assert!(Payload::decode(&longer).is_err());
    }
}

fn check_decode(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Payload::decode(bytes) {
        Ok(payload) => prop_assert_eq!(payload.encode(), bytes),
        Err(error) => {
            prop_assert!(error.offset <= bytes.len());
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(())
}

#[test]
fn each_malformed_field_is_named() {
    let bytes = example().encode();
    let signed = transfer().transaction.encode_for_signing().len();
    let fill = signed.next_multiple_of(8);
    let order = SECP256K1_ORDER.to_be_bytes::<32>();
    let table: Vec<(usize, &[u8], usize, Kind)> = vec![
        (0, &[1], 0, Kind::Version((1 << 56) + 1)),
        (7, &[0], 0, Kind::Version(0)),
        (40, &[1], 40, Kind::Fill),
        (43, &[1], 43, Kind::Fill),
        (103, &[1], 96, Kind::L1Messages(1)),
        (
            112,
            &[0xff; 8],
            120,
            Kind::Truncated {
                needed: u64::MAX,
                left: bytes.len() - 120,
            },
        ),
        (120 + fill - 1, &[1], 120 + fill - 1, Kind::Fill),
        (120 + fill + 7, &[2], 120 + fill, Kind::Parity(2)),
        (
            128 + fill,
            &[0; 32],
            128 + fill,
            Kind::Signature(SignatureError::ZeroR),
        ),
        (
            128 + fill,
            &order,
            128 + fill,
            Kind::Signature(SignatureError::LargeR),
        ),
        (
            160 + fill,
            &[0; 32],
            160 + fill,
            Kind::Signature(SignatureError::ZeroS),
        ),
        (
            160 + fill,
            &order,
            160 + fill,
            Kind::Signature(SignatureError::HighS),
        ),
        (
            111,
            &[1],
            112 + 80 + fill + 32,
            Kind::Truncated { needed: 0, left: 0 },
        ),
    ];
    for (at, value, offset, kind) in table {
        let mut wrong = bytes.clone();
        wrong[at..at + value.len()].copy_from_slice(value);
        let error = Payload::decode(&wrong).unwrap_err();
        if let Kind::Truncated { needed: 0, .. } = kind {
            // One transaction less: the second is read as blocks, which fails somewhere behind.
            assert!(error.offset >= offset, "{error}");
            continue;
        }
        assert_eq!(error, PayloadError { offset, kind });
    }
}

#[test]
fn limits() {
    assert_eq!(
        Payload::decode(&[]).unwrap_err(),
        PayloadError {
            offset: 0,
            kind: Kind::Truncated { needed: 8, left: 0 }
        }
    );
    let version = PROTOCOL_VERSION.to_be_bytes();
    assert_eq!(
        Payload::decode(&version).unwrap_err(),
        PayloadError {
            offset: 8,
            kind: Kind::NoBlock
        }
    );
    // A count that no payload could hold costs no memory.
    let mut many = Payload {
        blocks: vec![BlockInput::default()],
    }
    .encode();
    many[104..112].copy_from_slice(&u64::MAX.to_be_bytes());
    let error = Payload::decode(&many).unwrap_err();
    assert_eq!(
        error,
        PayloadError {
            offset: 112,
            kind: Kind::Truncated { needed: 8, left: 0 }
        }
    );
    // The longest payload of empty blocks, and one block more.
    let most = (MAX_PAYLOAD_BYTES - PAYLOAD_HEADER_BYTES) / BLOCK_BYTES;
    let mut payload = Payload {
        blocks: vec![BlockInput::default(); most],
    };
    assert_eq!(Payload::decode(&payload.encode()).as_ref(), Ok(&payload));
    payload.blocks.push(BlockInput::default());
    let error = Payload::decode(&payload.encode()).unwrap_err();
    let length = payload.encoded_len();
    assert_eq!(
        error,
        PayloadError {
            offset: MAX_PAYLOAD_BYTES,
            kind: Kind::TooLong { length }
        }
    );
}

#[test]
fn errors_inside_signed_bytes_have_the_payloads_offset() {
    let mut bytes = example().encode();
    // The list header of the signed bytes, then the nonce: zero written as a byte.
    assert_eq!(bytes[121], 0x80);
    bytes[121] = 0;
    let error = Payload::decode(&bytes).unwrap_err();
    assert_eq!(error.offset, 121);
    let Kind::Transaction(inner) = error.kind else {
        panic!("{error}")
    };
    assert_eq!(
        (inner.offset, inner.kind),
        (1, TransactionErrorKind::NonCanonical)
    );
    assert_eq!(
        error.to_string(),
        "byte 121 of the payload: the RLP is not canonical"
    );
}
