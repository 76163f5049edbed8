//! Encodings of keys and records.

use alloy_primitives::{Address, B256, U256};
use serde::{Serialize, de::DeserializeOwned};

/// First byte of each encoded record; raised when the encoding changes.
const VERSION: u8 = 1;

/// Most bytes that decoding may claim. The largest record is a batch file: some thousand keys, each with
/// a path of twenty nodes or so, a few MiB in all.
const LIMIT: usize = 1 << 26;

fn options() -> bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<LIMIT>,
> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// A version byte and the record in bincode.
pub(crate) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, String> {
    let mut bytes = vec![VERSION];
    bincode::serde::encode_into_std_write(record, &mut bytes, options())
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Inverse of [`encode`]: refuses another version, trailing bytes and oversized lengths.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (version, body) = bytes.split_first().ok_or("empty record")?;
    if *version != VERSION {
        return Err(format!("record version {version}, expected {VERSION}"));
    }
    let (record, used) =
        bincode::serde::decode_from_slice(body, options()).map_err(|error| error.to_string())?;
    if used != body.len() {
        return Err(format!("{} bytes after the record", body.len() - used));
    }
    Ok(record)
}

/// Key of a number.
pub(crate) const fn number_key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// The number in a key.
pub(crate) fn key_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// Key of a storage slot.
pub(crate) fn slot_key(address: Address, slot: U256) -> [u8; 52] {
    let mut key = [0; 52];
    let (head, tail) = key.split_at_mut(20);
    head.copy_from_slice(address.as_slice());
    tail.copy_from_slice(B256::from(slot.to_be_bytes()).as_slice());
    key
}

/// The slot in a key.
pub(crate) fn key_slot(key: &[u8]) -> Option<(Address, U256)> {
    let (address, slot) = key.split_at_checked(20)?;
    Some((
        Address::try_from(address).ok()?,
        U256::from_be_bytes(<[u8; 32]>::try_from(slot).ok()?),
    ))
}

/// A key followed by a number: entries of one key in order of the number.
pub(crate) fn suffixed(key: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = key.to_vec();
    bytes.extend(number.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let slot = (Address::repeat_byte(3), U256::from(77) << 200);
        assert_eq!(key_slot(&slot_key(slot.0, slot.1)), Some(slot));
        assert_eq!(key_number(&number_key(u64::MAX - 1)), Some(u64::MAX - 1));
        assert_eq!(key_slot(&[1; 51]), None);
        assert_eq!(key_number(&[1; 9]), None);
    }

    // NEGATIVE

    #[test]
    fn damaged_records_are_refused() {
        let good = encode(&(7_u64, vec![1_u8, 2, 3], U256::MAX, B256::repeat_byte(1))).unwrap();
        type Record = (u64, Vec<u8>, U256, B256);
        assert!(decode::<Record>(&good).is_ok());
        assert!(decode::<Record>(&[]).is_err());
        let mut other = good.clone();
        other[0] = VERSION + 1;
        assert!(decode::<Record>(&other).unwrap_err().contains("version"));
        let mut longer = good.clone();
        longer.push(0);
        assert!(
            decode::<Record>(&longer)
                .unwrap_err()
                .contains("after the record")
        );
        for length in 0..good.len() {
            assert!(decode::<Record>(&good[..length]).is_err());
        }
        // A length of 2^62 bytes is refused before anything is allocated.
        assert!(decode::<Vec<u8>>(&[VERSION, 253, 0, 0, 0, 0, 0, 0, 0, 64]).is_err());
    }
}
