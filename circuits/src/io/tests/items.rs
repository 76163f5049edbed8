//! `io.span` and `io.item`: honest reads, and every cell bound.

use super::*;
use alloy_rlp::{Encodable, Error, Header as RlpHeader};

/// The item at the start of `bytes` by `alloy-rlp`, with this chip's limits and fields.
/// `None` if it is not canonical or too long; `bytes` hold all content.
fn reference(bytes: &[u8], offset: u64) -> Option<Item> {
    let mut rest = bytes;
    let header = match RlpHeader::decode(&mut rest) {
        Ok(h) => h,
        Err(Error::InputTooShort) if bytes[0] & 0x40 != 0 || bytes[0] >= 0xb8 => {
            panic!("the content is not there")
        }
        Err(_) => return None,
    };
    if matches!(bytes[0], 0xbb..=0xbf | 0xfb..=0xff) {
        return None;
    }
    let after = offset + (bytes.len() - rest.len()) as u64;
    let length = header.payload_length;
    let content = &rest[..length];
    let short = !header.list && length <= 32;
    let (next, value) = match header.list {
        true => (after, U256::ZERO),
        false if short => (after + length as u64, U256::from_be_slice(content)),
        false => (after + length as u64, U256::ZERO),
    };
    let stripped = content.iter().skip_while(|b| **b == 0).count();
    Some(Item {
        offset,
        next,
        is_list: header.list,
        length: length as u64,
        canonical: header.list || (short && stripped == length),
        value,
    })
}

/// Pseudo-random bytes.
fn noise(seed: u64, n: usize) -> Vec<u8> {
    use rand::{RngCore, SeedableRng, rngs::StdRng};
    let mut bytes = vec![0; n];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Encodings of strings of all short lengths and of some long ones, and of lists, each behind 0 to 7 other bytes in turn.
fn samples() -> (Vec<u8>, Vec<u64>) {
    let (mut payload, mut offsets) = (vec![], vec![]);
    let mut add = |filler: usize, encoding: &[u8]| {
        let to_boundary = (8 - payload.len() % 8) % 8;
        payload.extend(noise(filler as u64, to_boundary + filler));
        offsets.push(payload.len() as u64);
        payload.extend(encoding);
    };
    for filler in 0..8 {
        for length in (0..=58).chain([255, 256, 700]) {
            for kind in 0..4 {
                let mut content = noise(length as u64 * 4 + kind, length);
                match (kind, content.first_mut()) {
                    (0, Some(first)) => *first = 0,
                    (1, Some(first)) => *first |= 0x80,
                    (2, _) => content.fill(0xff),
                    _ => {}
                }
                let mut out = vec![];
                if kind == 3 {
                    let payload_length = length;
                    RlpHeader {
                        list: true,
                        payload_length,
                    }
                    .encode(&mut out);
                    out.extend(content);
                } else {
                    content.as_slice().encode(&mut out);
                }
                add(filler, &out);
            }
        }
        let mut out = vec![];
        noise(9, 0x1_0203).as_slice().encode(&mut out);
        if filler == 6 {
            add(filler, &out);
        }
    }
    payload.extend([0; 8]);
    (payload, offsets)
}

/// One item of each class, some of them behind a group's last byte, and some counts.
fn small() -> Table {
    let word = |n: usize| [vec![0x80 + n as u8], noise(3, n)].concat();
    let parts = [
        vec![0x00, 0x05, 0x80, 0x81, 0x80, 0x83, 0x00, 0x82],
        vec![0x07, 0x09, 0xc3, 0x01, 0x02, 0x03, 0xb8, 0x80],
        vec![0xf9, 0x01, 0x00, 0xa5, 0x01, 0x02, 0x03, 0x94],
        word(19),
        word(32),
        word(3),
    ]
    .concat();
    let items = [0, 1, 2, 3, 5, 7, 10, 14, 16, 19, 23, 24, 44, 77];
    rig().reads(&parts, &items, &[(3, 1), (4, 9), (7, 40), (16, 8)])
}

// POSITIVE

#[test]
fn items_of_all_shapes_at_all_positions_equal_those_of_alloy() {
    let (payload, offsets) = samples();
    let rig = rig();
    let mut t = rig.payload(0, &payload);
    let mut reads = Reads::new(payload.clone());
    for offset in offsets {
        let want = reference(&payload[offset as usize..], offset).unwrap();
        assert_eq!(reads.item(offset), Ok(want));
        rig.ask_item(&mut t, &want);
    }
    let before = t.rows();
    rig.chip.trace_reads(&mut t, &reads);
    assert_eq!(t.rows() - before, reads.rows());
    let report = assert_holds(&rig.machine, &finish(t));
    for kind in [rig.chip.item.kind, rig.chip.span.kind] {
        assert!(report.messages[kind.0].iter().any(|n| *n > 100));
    }
}

#[test]
fn equal_reads_share_rows() {
    let payload = noise(1, 64);
    let mut reads = Reads::new(payload);
    for _ in 0..2 {
        assert_eq!(reads.count(3, 30), reads.count(3, 30));
        reads.count(3, 40).unwrap();
    }
    // (3, 30) ends in the group of byte 32, (3, 40) in that of byte 42: five whole parts and the shorter span's end.
    assert_eq!(reads.rows(), 7);
}

#[test]
fn counts_at_all_positions() {
    let rig = rig();
    let mut payload = noise(2, 72);
    payload.iter_mut().step_by(3).for_each(|b| *b = 0);
    let all: Vec<_> = (0..17)
        .flat_map(|o| (1..40).map(move |n| (o, n)))
        .chain([(0, 72), (71, 1)])
        .collect();
    let table = rig.reads(&payload, &[], &all);
    assert_holds(&rig.machine, &table);
    let mut reads = Reads::new(payload.clone());
    for (offset, length) in all {
        let bytes = &payload[offset as usize..(offset + length) as usize];
        let zeros = bytes.iter().filter(|b| **b == 0).count() as u64;
        assert_eq!(reads.count(offset, length), Some(length - zeros));
    }
    assert_eq!(reads.count(0, 0), None);
    assert_eq!(reads.count(72, 1), None);
    assert_eq!(reads.count(u64::MAX, 2), None);
}

#[test]
fn small_table_holds() {
    assert_holds(&rig().machine, &small());
}

/// Enough bytes behind any header that announces at most three length bytes, unless they are the largest ones.
fn padded(head: &[u8]) -> Vec<u8> {
    let mut bytes = head.to_vec();
    bytes.resize(0x2_0000, 0x11);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn reading_equals_alloy_on_any_bytes(first: u8, tail: [u8; 3], small in 0u8..3) {
        let mut head = [first, tail[0], tail[1], tail[2]];
        if matches!(first, 0xba | 0xfa) {
            // Lengths of three bytes that the padding can hold.
            head[1] = small.min(1);
        }
        let bytes = padded(&head);
        let outside = matches!(first, 0xbb..=0xbf | 0xfb..=0xff);
        let want = if outside { None } else { reference(&bytes, 0) };
        prop_assert_eq!(read(&bytes, 0).ok(), want);
    }

    #[test]
    fn reading_short_input_never_panics(bytes: Vec<u8>, offset in 0u64..40) {
        let _ = read(&bytes, offset);
        let mut reads = Reads::new(bytes);
        let _ = reads.item(offset);
        let _ = reads.count(offset, offset);
        let _ = reads.rows();
    }
}

#[test]
fn errors_name_their_cause() {
    let at = |bytes: &[u8]| read(bytes, 0).unwrap_err();
    let offset = 0;
    assert_eq!(at(&[]), ItemError::OutOfBounds { offset });
    assert_eq!(at(&[0x83, 1, 2]), ItemError::OutOfBounds { offset });
    assert_eq!(at(&[0xb9, 1]), ItemError::OutOfBounds { offset });
    assert_eq!(at(&[0x81, 0x7f]), ItemError::SingleByte { offset });
    assert_eq!(at(&[0xb8, 55]), ItemError::Length { offset });
    assert_eq!(at(&[0xf9, 0, 0x80]), ItemError::Length { offset });
    assert_eq!(at(&[0xbb, 1, 0, 0, 0]), ItemError::TooLong { offset });
    assert_eq!(at(&[0xff]), ItemError::TooLong { offset });
    assert_eq!(
        read(&[0x80], u64::MAX),
        Err(ItemError::OutOfBounds { offset: u64::MAX })
    );
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    let outcome = mutate(&rig.machine, &small(), 200);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.free.is_empty());
    assert!(outcome.tried > 5000);
}

#[test]
fn any_other_fact_about_an_item_or_count_is_refused() {
    let rig = rig();
    let good = small();
    for (kind, cells) in [&rig.item, &rig.count] {
        for row in good.heads_of(*kind) {
            for cell in cells {
                for change in [Fr::ONE, -Fr::ONE, Fr::from(8), pow2(128)] {
                    let mut bad = good.clone();
                    bad.set(row, *cell, good.cell(row, *cell) + change);
                    assert_fails(&rig.machine, &bad);
                }
            }
        }
    }
}
