use super::*;
use alloy_primitives::U256;

fn statement() -> BatchStatement {
    BatchStatement {
        chain_id: 1,
        batch_number: 2,
        batch_nonce: 3,
        first_block: 4,
        last_block: 5,
        last_timestamp: 6,
        previous_state_root: B256::repeat_byte(7),
        state_root: B256::repeat_byte(8),
        previous_block_hash: B256::repeat_byte(9),
        block_hash: B256::repeat_byte(10),
        payload_hash: B256::repeat_byte(11),
        previous_queue_index: 12,
        previous_queue_hash: B256::repeat_byte(13),
        queue_index: 14,
        queue_hash: B256::repeat_byte(15),
        withdrawal_root: B256::repeat_byte(16),
    }
}

fn boundary() -> BoundaryState {
    BoundaryState {
        state_root: B256::repeat_byte(1),
        tip_hash: B256::repeat_byte(2),
        block_number: 3,
        block_timestamp: 4,
        queue_index: 5,
        queue_hash: B256::repeat_byte(6),
        withdrawal_root: B256::repeat_byte(7),
        payload_sponge: B256::repeat_byte(8),
        payload_offset: 9,
        transaction_number: 10,
        block_open: true,
        gas_limit: 12,
        base_fee: 13,
        coinbase: Address::repeat_byte(14),
        prev_randao: B256::repeat_byte(15),
        transactions_left: 16,
        gas_used: 17,
        transactions_hash: B256::repeat_byte(18),
        receipts_hash: B256::repeat_byte(19),
        suspended: B256::repeat_byte(20),
        deferred: B256::repeat_byte(21),
    }
}

#[test]
fn domains_are_hashes_of_their_names() {
    assert_eq!(BATCH_DOMAIN, keccak256("hallmark.batch"));
    assert_eq!(SEGMENT_DOMAIN, keccak256("hallmark.segment"));
}

/// Each field has a word of its own: all words of a record with distinct fields are distinct, and in order.
#[test]
fn words_are_the_fields_in_order() {
    let expected = |value: u64| [word(value), B256::repeat_byte(value as u8)];
    for (index, found) in statement().words().iter().enumerate().skip(2) {
        assert!(expected(index as u64 - 1).contains(found), "word {index}");
    }
    assert_eq!(
        statement().words()[..2],
        [BATCH_DOMAIN, word(PROTOCOL_VERSION)]
    );
    for (index, found) in boundary().words().iter().enumerate() {
        let value = index as u64 + 1;
        let field = match index {
            10 => found == &word(1),
            13 => found == &Address::repeat_byte(14).into_word(),
            _ => expected(value).contains(found),
        };
        assert!(field, "word {index}");
    }
}

/// A contract gets the same bytes from `abi.encode` of the fields.
#[test]
fn records_are_abi_encodings() {
    use alloy_sol_types::SolValue;
    let n = U256::from::<u64>;
    let s = statement();
    let encoded = (
        (
            BATCH_DOMAIN,
            n(PROTOCOL_VERSION),
            n(s.chain_id),
            n(s.batch_number),
            n(s.batch_nonce),
            n(s.first_block),
        ),
        (
            n(s.last_block),
            n(s.last_timestamp),
            s.previous_state_root,
            s.state_root,
            s.previous_block_hash,
        ),
        (
            s.block_hash,
            s.payload_hash,
            n(s.previous_queue_index),
            s.previous_queue_hash,
            n(s.queue_index),
        ),
        (s.queue_hash, s.withdrawal_root),
    )
        .abi_encode();
    assert_eq!(s.hash(), keccak256(encoded));
    let b = boundary();
    let encoded = (
        (
            b.state_root,
            b.tip_hash,
            n(b.block_number),
            n(b.block_timestamp),
            n(b.queue_index),
            b.queue_hash,
        ),
        (
            b.withdrawal_root,
            b.payload_sponge,
            n(b.payload_offset),
            n(b.transaction_number),
            b.block_open,
        ),
        (
            n(b.gas_limit),
            n(b.base_fee),
            b.coinbase,
            b.prev_randao,
            n(b.transactions_left),
            n(b.gas_used),
        ),
        (
            b.transactions_hash,
            b.receipts_hash,
            b.suspended,
            b.deferred,
        ),
    )
        .abi_encode();
    assert_eq!(b.hash(), keccak256(encoded));
}

/// Records of different kinds have different lengths, so one cannot stand for another.
#[test]
fn records_have_lengths_of_their_own() {
    let mut lengths = [
        STATEMENT_WORDS,
        BOUNDARY_WORDS,
        SEGMENT_WORDS,
        crate::block::HEADER_WORDS,
    ];
    lengths.sort_unstable();
    assert!(lengths.windows(2).all(|pair| pair[0] < pair[1]));
    // The boundary record and keccak's padding fill five blocks of 136 bytes.
    assert_eq!((BOUNDARY_WORDS * 32 + 1).div_ceil(136), 5);
}

/// Every field that the batch hash has is in the segment hash by a way that does not go through the batch hash,
/// but for number and nonce.
#[test]
fn boundaries_bind_the_statement() {
    let base = statement();
    let boundaries = |s: &BatchStatement| (s.chain_id, s.start(0).hash(), s.end().hash());
    let one = B256::repeat_byte(0xff);
    let bound = [
        BatchStatement {
            chain_id: 99,
            ..base
        },
        BatchStatement {
            first_block: 99,
            ..base
        },
        BatchStatement {
            last_block: 99,
            ..base
        },
        BatchStatement {
            last_timestamp: 99,
            ..base
        },
        BatchStatement {
            previous_state_root: one,
            ..base
        },
        BatchStatement {
            state_root: one,
            ..base
        },
        BatchStatement {
            previous_block_hash: one,
            ..base
        },
        BatchStatement {
            block_hash: one,
            ..base
        },
        BatchStatement {
            payload_hash: one,
            ..base
        },
        BatchStatement {
            previous_queue_index: 99,
            ..base
        },
        BatchStatement {
            previous_queue_hash: one,
            ..base
        },
        BatchStatement {
            queue_index: 99,
            ..base
        },
        BatchStatement {
            queue_hash: one,
            ..base
        },
        BatchStatement {
            withdrawal_root: one,
            ..base
        },
    ];
    for other in bound {
        assert_ne!(boundaries(&base), boundaries(&other), "{other:?}");
        assert_ne!(base.hash(), other.hash(), "{other:?}");
    }
    for other in [
        BatchStatement {
            batch_number: 99,
            ..base
        },
        BatchStatement {
            batch_nonce: 99,
            ..base
        },
    ] {
        assert_ne!(base.hash(), other.hash());
        assert_ne!(
            base.segment_hash(&base.start(0), &base.end()),
            other.segment_hash(&other.start(0), &other.end())
        );
    }
    assert_ne!(base.start(0).hash(), base.start(1).hash());
}

#[test]
fn segment_hash_binds_each_part() {
    let [a, b, c, d] = [1, 2, 3, 4].map(B256::repeat_byte);
    let base = segment_hash(1, a, b, c);
    assert_eq!(
        base,
        keccak256([SEGMENT_DOMAIN, word(PROTOCOL_VERSION), word(1), a, b, c].concat())
    );
    for other in [
        segment_hash(2, a, b, c),
        segment_hash(1, d, b, c),
        segment_hash(1, a, d, c),
        segment_hash(1, a, b, d),
        segment_hash(1, a, c, b),
    ] {
        assert_ne!(base, other);
    }
    let [hi, lo] = public_values(base);
    assert_eq!(
        (field::to_word(&hi) << 128) | field::to_word(&lo),
        U256::from_be_bytes(base.0)
    );
    assert!(field::to_word(&hi) >> 128 == U256::ZERO && field::to_word(&lo) >> 128 == U256::ZERO);
}

#[test]
fn boundaries_of_a_batch_have_nothing_in_progress() {
    for state in [statement().start(1), statement().end()] {
        assert_eq!(state.words()[9..], [B256::ZERO; 12]);
    }
    assert_eq!(statement().start(1).payload_sponge, B256::ZERO);
    assert_eq!(statement().end().payload_sponge, statement().payload_hash);
}

/// The elements as the documentation gives them, from the state's 200 bytes.
#[test]
fn the_sponge_commitment_is_that_of_the_bytes() {
    let lanes: [u64; 25] = std::array::from_fn(|i| 0x0102_0304_0506_0708 * (i as u64 + 1));
    let mut bytes: Vec<u8> = lanes.iter().flat_map(|l| l.to_le_bytes()).collect();
    bytes.resize(7 * 32, 0);
    for partial in [&[][..], &[5], &[1, 0, 3], &[u64::MAX; SPONGE_GROUPS - 1]] {
        let mut elements = vec![];
        for word in bytes.chunks(32) {
            let (hi, lo) = field::split_bytes(B256::from_slice(word));
            elements.extend([hi, lo]);
        }
        elements.push(Fr::from(partial.len() as u64));
        elements.extend(partial.iter().map(|g| Fr::from(*g)));
        elements.resize(31, Fr::ZERO);
        let expected = hash::hash(Tag::Sponge, &elements);
        assert_eq!(sponge_commitment(&lanes, partial), expected);
    }
}

#[test]
fn every_part_of_a_sponge_changes_its_commitment() {
    let base = [7; 25];
    let mut digests = vec![sponge_commitment(&base, &[7; 3])];
    for lane in 0..25 {
        for bit in [0, 63] {
            let mut lanes = base;
            lanes[lane] ^= 1 << bit;
            digests.push(sponge_commitment(&lanes, &[7; 3]));
        }
    }
    for at in 0..3 {
        for bit in [0, 63] {
            let mut partial = [7; 3];
            partial[at] ^= 1 << bit;
            digests.push(sponge_commitment(&base, &partial));
        }
    }
    // The number of groups counts by itself: zeros behind them are not the same as none.
    for partial in [&[][..], &[7], &[7, 7], &[7, 7, 7, 0], &[7, 7, 7, 7], &[0]] {
        digests.push(sponge_commitment(&base, partial));
    }
    digests.extend([&[0; 16][..], &[0; 17]].map(|p| sponge_commitment(&base, p)));
    digests.sort();
    assert!(digests.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn binary_forms_are_inverse() {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec((statement(), boundary()), config).unwrap();
    let (back, _): ((BatchStatement, BoundaryState), _) =
        bincode::serde::decode_from_slice(&bytes, config).unwrap();
    assert_eq!(back, (statement(), boundary()));
}

// NEGATIVE

#[test]
fn neutral_values_are_enforced() {
    let good = BatchStatement {
        previous_queue_index: 0,
        previous_queue_hash: B256::ZERO,
        queue_index: 0,
        queue_hash: B256::ZERO,
        withdrawal_root: B256::ZERO,
        ..statement()
    };
    assert_eq!(good.check(), Ok(()));
    let one = B256::repeat_byte(1);
    for wrong in [
        BatchStatement {
            previous_queue_index: 1,
            ..good
        },
        BatchStatement {
            previous_queue_hash: one,
            ..good
        },
        BatchStatement {
            queue_index: 1,
            ..good
        },
        BatchStatement {
            queue_hash: one,
            ..good
        },
        BatchStatement {
            withdrawal_root: one,
            ..good
        },
    ] {
        assert!(
            matches!(wrong.check(), Err(StatementError::NotNeutral { .. })),
            "{wrong:?}"
        );
    }
    assert_eq!(
        BatchStatement {
            first_block: 0,
            ..good
        }
        .check(),
        Err(StatementError::Genesis)
    );
    assert_eq!(
        BatchStatement {
            first_block: 6,
            ..good
        }
        .check(),
        Err(StatementError::NoBlock { first: 6, last: 5 })
    );
}
