//! Reading RLP without a circuit.

use super::*;
use alloy_rlp::{Encodable, Error, Header as RlpHeader};

/// The item at the start of `bytes` by `alloy-rlp`, with this reader's limits and fields.
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

// POSITIVE

#[test]
fn items_of_all_shapes_equal_those_of_alloy() {
    let (payload, offsets) = samples();
    for offset in offsets {
        let want = reference(&payload[offset as usize..], offset).unwrap();
        assert_eq!(read(&payload, offset), Ok(want));
    }
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
        let _ = reads.span(offset, offset);
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
