//! Reading RLP items as the microcode proves them, without a circuit.

use alloy_primitives::U256;
use thiserror::Error;

/// Longest content that the short form has.
const SHORT_MAX: u64 = 55;
/// Longest content whose value is given.
const WORD_MAX: u64 = 32;

/// The canonical RLP item that begins at a byte of the payload.
///
/// The content of a list, or of a string of more than 32 bytes, is not read: it may reach beyond the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Byte offset of the header.
    pub offset: u64,
    /// Byte offset after a string; of the content of a list.
    pub next: u64,
    /// Whether it is a list.
    pub is_list: bool,
    /// Bytes of content, below 2^24.
    pub length: u64,
    /// Whether a string is the canonical form of an integer below 2^256: at most 32 bytes, the first not zero. True for a list.
    pub canonical: bool,
    /// Big-endian value of a string of at most 32 bytes; 0 for longer ones and for lists.
    pub value: U256,
}

/// Why no canonical item begins at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ItemError {
    /// The header, or content that is read, lies outside the payload.
    #[error("the item at byte {offset} reaches outside the payload")]
    OutOfBounds {
        /// Offset of the header.
        offset: u64,
    },
    /// A byte below 0x80 is encoded as a string of one byte.
    #[error("the single byte at {offset} has a header")]
    SingleByte {
        /// Offset of the header.
        offset: u64,
    },
    /// The long form has at most 55 bytes of content, or a length with a leading zero.
    #[error("the length of the item at byte {offset} is not canonical")]
    Length {
        /// Offset of the header.
        offset: u64,
    },
    /// The header byte announces a length of more than three bytes.
    #[error("the item at byte {offset} is longer than 2^24 - 1 bytes")]
    TooLong {
        /// Offset of the header.
        offset: u64,
    },
}

/// Reads the item at byte `offset` of `payload`.
///
/// # Errors
/// If no canonical item with a length below 2^24 begins there.
pub fn read(payload: &[u8], offset: u64) -> Result<Item, ItemError> {
    let out = ItemError::OutOfBounds { offset };
    let at = usize::try_from(offset).map_err(|_| out)?;
    let rest = payload.get(at..).ok_or(out)?;
    let (first, after) = rest.split_first().ok_or(out)?;
    let bytes = |n: u64| {
        let n = usize::try_from(n).map_err(|_| out)?;
        after.get(..n).ok_or(out)
    };
    let string = |content: &[u8], header: u64| Item {
        offset,
        next: offset + header + content.len() as u64,
        is_list: false,
        length: content.len() as u64,
        canonical: content.first() != Some(&0),
        value: U256::from_be_slice(content),
    };
    let long = |of: u64| {
        let digits = bytes(of)?;
        let length = digits.iter().fold(0, |l, b| l << 8 | u64::from(*b));
        if digits.first() == Some(&0) || length <= SHORT_MAX {
            return Err(ItemError::Length { offset });
        }
        Ok(length)
    };
    let unread = |header: u64, length: u64| Item {
        offset,
        next: offset + header + length,
        is_list: false,
        length,
        canonical: false,
        value: U256::ZERO,
    };
    let list = |header: u64, length: u64| Item {
        next: offset + header,
        is_list: true,
        canonical: true,
        ..unread(header, length)
    };
    let n = u64::from(*first);
    Ok(match *first {
        0..=0x7f => string(&[*first], 0),
        0x80..=0xb7 if n - 0x80 > WORD_MAX => unread(1, n - 0x80),
        0x80..=0xb7 => {
            let content = bytes(n - 0x80)?;
            if matches!(content, [0..=0x7f]) {
                return Err(ItemError::SingleByte { offset });
            }
            string(content, 1)
        }
        0xb8..=0xba => unread(n - 0xb6, long(n - 0xb7)?),
        0xc0..=0xf7 => list(1, n - 0xc0),
        0xf8..=0xfa => list(n - 0xf6, long(n - 0xf7)?),
        0xbb..=0xbf | 0xfb..=0xff => return Err(ItemError::TooLong { offset }),
    })
}
