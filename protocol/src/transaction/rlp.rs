//! A strict RLP reader that knows where it is,.

use super::decode::{TransactionError, TransactionErrorKind as Kind};
use alloy_primitives::U256;

/// Reads canonical RLP from a part of a byte string; offsets are those of the whole string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// Offset of the first unread byte.
    offset: usize,
}

/// An item's header, read.
enum Item {
    String,
    List,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn first(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    pub(super) fn error(&self, kind: Kind) -> TransactionError {
        TransactionError {
            offset: self.offset,
            kind,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], TransactionError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .ok_or_else(|| self.error(Kind::Truncated))?;
        self.bytes = rest;
        self.offset += count;
        Ok(taken)
    }

    fn long_length(&mut self, count: usize) -> Result<usize, TransactionError> {
        let start = *self;
        let digits = self.take(count)?;
        if digits.first() == Some(&0) {
            return Err(start.error(Kind::NonCanonical));
        }
        let length = digits
            .iter()
            .try_fold(0usize, |length, digit| {
                Some(length.checked_mul(256)? + usize::from(*digit))
            })
            .ok_or_else(|| start.error(Kind::Truncated))?;
        if length < 56 {
            return Err(start.error(Kind::NonCanonical));
        }
        Ok(length)
    }

    fn item(&mut self) -> Result<(Item, Self), TransactionError> {
        let start = *self;
        let prefix = self.first().ok_or_else(|| start.error(Kind::Truncated))?;
        let (item, length) = match prefix {
            0..0x80 => (Item::String, 1),
            _ => {
                self.take(1)?;
                match prefix {
                    0x80..0xb8 => (Item::String, usize::from(prefix - 0x80)),
                    0xb8..0xc0 => (Item::String, self.long_length(usize::from(prefix - 0xb7))?),
                    0xc0..0xf8 => (Item::List, usize::from(prefix - 0xc0)),
                    _ => (Item::List, self.long_length(usize::from(prefix - 0xf7))?),
                }
            }
        };
        let content = Self {
            bytes: &[],
            offset: self.offset,
        };
        let bytes = self.take(length)?;
        if prefix == 0x81 && bytes.first().is_some_and(|byte| *byte < 0x80) {
            return Err(start.error(Kind::NonCanonical));
        }
        Ok((item, Self { bytes, ..content }))
    }

    /// The next item, which must be a list: a reader of its content.
    pub(super) fn list(&mut self) -> Result<Self, TransactionError> {
        let start = *self;
        match self.item()? {
            (Item::List, content) => Ok(content),
            (Item::String, _) => Err(start.error(Kind::ExpectedList)),
        }
    }

    /// The next item, which must be a string.
    pub(super) fn string(&mut self) -> Result<&'a [u8], TransactionError> {
        let start = *self;
        match self.item()? {
            (Item::String, content) => Ok(content.bytes),
            (Item::List, _) => Err(start.error(Kind::ExpectedString)),
        }
    }

    /// The next item, which must be a string of exactly `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TransactionError> {
        let start = *self;
        self.string()?
            .try_into()
            .map_err(|_| start.error(Kind::WrongLength { expected: N }))
    }

    /// The next item, which must be an integer of at most `bits` bits without leading zero bytes.
    pub(super) fn integer(&mut self, bits: usize) -> Result<U256, TransactionError> {
        let start = *self;
        let digits = self.string()?;
        if digits.first() == Some(&0) {
            return Err(start.error(Kind::NonCanonical));
        }
        if digits.len() * 8 > bits {
            return Err(start.error(Kind::TooLarge { bits }));
        }
        Ok(U256::from_be_slice(digits))
    }

    pub(super) fn u64(&mut self) -> Result<u64, TransactionError> {
        Ok(self.integer(64)?.to())
    }

    pub(super) fn u128(&mut self) -> Result<u128, TransactionError> {
        Ok(self.integer(128)?.to())
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Result<(), TransactionError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.error(Kind::TrailingBytes))
        }
    }
}
