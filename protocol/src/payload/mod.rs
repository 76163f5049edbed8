//! The payload: the canonical byte string that carries a batch to L1.
//!
//! Every field starts at a multiple of 8 bytes, integers are big-endian and of fixed width, fill bytes are zero. So a
//! keccak lane never straddles two fields, and the signed bytes of a transaction begin a lane of their own.
//!
//! | field | bytes |
//! |---|---|
//! | protocol version | 8 |
//! | blocks, one after the other until the end; at least one | |
//!
//! | block field | offset | bytes |
//! |---|---|---|
//! | number | 0 | 8 |
//! | timestamp, seconds | 8 | 8 |
//! | gas limit | 16 | 8 |
//! | base fee, wei per gas | 24 | 8 |
//! | coinbase: 4 zero bytes, 20 bytes of address | 32 | 24 |
//! | prevrandao | 56 | 32 |
//! | number of L1 messages consumed; must be 0 in this version | 88 | 8 |
//! | number of transactions | 96 | 8 |
//! | transactions | 104 | |
//!
//! | transaction field | offset | bytes |
//! |---|---|---|
//! | length `n` of the signed bytes | 0 | 8 |
//! | signed bytes, then zeros up to a multiple of 8 | 8 | `m = 8 * ceil(n / 8)` |
//! | y parity, 0 or 1 | 8 + m | 8 |
//! | r | 16 + m | 32 |
//! | s | 48 + m | 32 |
//!
//! Decoding is total and the inverse of encoding: a byte string either is the encoding of exactly one payload or gives
//! a [`PayloadError`] that names offset and reason.

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{
    PROTOCOL_VERSION,
    transaction::{Signature, SignatureError, SignedTransaction, Transaction, TransactionError},
};

/// Most bytes of a payload.
pub const MAX_PAYLOAD_BYTES: usize = 120_000;
/// Bytes before the first block.
pub const PAYLOAD_HEADER_BYTES: usize = 8;
/// Bytes of a block without its transactions.
pub const BLOCK_BYTES: usize = 104;
/// Bytes of a transaction without the signed bytes and their fill: length, parity, r, s.
pub const TRANSACTION_OVERHEAD_BYTES: usize = 80;

/// What a payload says about a block; with the state before, it determines the block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockInput {
    /// Block number.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Base fee in wei per gas.
    pub base_fee: u64,
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// What PREVRANDAO gives.
    pub prev_randao: B256,
    /// Transactions in their order.
    pub transactions: Vec<SignedTransaction>,
}

/// The content of a batch: consecutive blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payload {
    /// The blocks; a payload that decodes has at least one.
    pub blocks: Vec<BlockInput>,
}

/// Where and why a payload does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the payload: {kind}")]
pub struct PayloadError {
    /// Offset of the field that is wrong; for an error inside signed bytes, of the wrong byte or item.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: PayloadErrorKind,
}

/// Why a payload does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadErrorKind {
    /// More than [`MAX_PAYLOAD_BYTES`].
    #[error("{length} bytes are more than a payload may have ({MAX_PAYLOAD_BYTES})")]
    TooLong {
        /// Length of the byte string.
        length: usize,
    },
    /// The bytes end inside a field.
    #[error("{needed} bytes are needed, {left} are left")]
    Truncated {
        /// Bytes of the field.
        needed: u64,
        /// Bytes from its start to the end.
        left: usize,
    },
    /// Another protocol version.
    #[error("version {0} is not {PROTOCOL_VERSION}")]
    Version(u64),
    /// No block.
    #[error("the payload has no block")]
    NoBlock,
    /// A fill byte is not zero.
    #[error("a fill byte is not zero")]
    Fill,
    /// L1 messages are consumed, which this version does not know.
    #[error("{0} L1 messages consumed, but this version has none")]
    L1Messages(u64),
    /// A parity other than 0 and 1.
    #[error("the y parity {0} is neither 0 nor 1")]
    Parity(u64),
    /// `r` or `s` is out of range.
    #[error("{0}")]
    Signature(SignatureError),
    /// The signed bytes are no transaction; the offset in the payload is in [`PayloadError`].
    #[error("{}", .0.kind)]
    Transaction(TransactionError),
}

use PayloadErrorKind as Kind;

impl Payload {
    /// The byte string. It can be longer than [`MAX_PAYLOAD_BYTES`] and then does not decode; see [`Self::encoded_len`].
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PAYLOAD_HEADER_BYTES);
        out.extend_from_slice(&PROTOCOL_VERSION.to_be_bytes());
        for block in &self.blocks {
            block.encode(&mut out);
        }
        out
    }

    /// Length of [`Self::encode`] in bytes.
    pub fn encoded_len(&self) -> usize {
        PAYLOAD_HEADER_BYTES
            + self
                .blocks
                .iter()
                .map(BlockInput::encoded_len)
                .sum::<usize>()
    }

    /// keccak-256 of the byte string.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// Decodes a byte string.
    ///
    /// # Errors
    /// [`PayloadError`] with the offset of the first field that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader { bytes, offset: 0 };
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(PayloadError {
                offset: MAX_PAYLOAD_BYTES,
                kind: Kind::TooLong {
                    length: bytes.len(),
                },
            });
        }
        reader
            .u64_where(|version| (version != PROTOCOL_VERSION).then_some(Kind::Version(version)))?;
        if reader.bytes.is_empty() {
            return Err(reader.error(Kind::NoBlock));
        }
        let mut blocks = Vec::new();
        while !reader.bytes.is_empty() {
            blocks.push(BlockInput::decode(&mut reader)?);
        }
        Ok(Self { blocks })
    }
}

/// Bytes of a transaction whose signed bytes have the given length.
pub fn transaction_encoded_len(signed_bytes: usize) -> usize {
    TRANSACTION_OVERHEAD_BYTES + signed_bytes.next_multiple_of(8)
}

impl BlockInput {
    /// Bytes of the block in a payload.
    pub fn encoded_len(&self) -> usize {
        let transactions = self.transactions.iter();
        BLOCK_BYTES
            + transactions
                .map(|tx| transaction_encoded_len(tx.transaction.encode_for_signing().len()))
                .sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for word in [self.number, self.timestamp, self.gas_limit, self.base_fee] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.coinbase.as_slice());
        out.extend_from_slice(self.prev_randao.as_slice());
        out.extend_from_slice(&0u64.to_be_bytes());
        out.extend_from_slice(&(self.transactions.len() as u64).to_be_bytes());
        for SignedTransaction {
            transaction,
            signature,
        } in &self.transactions
        {
            let signed = transaction.encode_for_signing();
            out.extend_from_slice(&(signed.len() as u64).to_be_bytes());
            out.extend_from_slice(&signed);
            out.resize(out.len().next_multiple_of(8), 0);
            out.extend_from_slice(&u64::from(signature.y_parity).to_be_bytes());
            out.extend_from_slice(&signature.r.to_be_bytes::<32>());
            out.extend_from_slice(&signature.s.to_be_bytes::<32>());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let [number, timestamp, gas_limit, base_fee] =
            [reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?];
        reader.zeros(4)?;
        let coinbase = Address::from(reader.array()?);
        let prev_randao = B256::from(reader.array()?);
        reader.u64_where(|messages| (messages != 0).then_some(Kind::L1Messages(messages)))?;
        let count = reader.u64()?;
        // Every transaction needs bytes: a count that is too large ends in `Truncated`, not in memory.
        let mut transactions = Vec::new();
        for _ in 0..count {
            transactions.push(reader.transaction()?);
        }
        Ok(Self {
            number,
            timestamp,
            gas_limit,
            base_fee,
            coinbase,
            prev_randao,
            transactions,
        })
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, kind: Kind) -> PayloadError {
        PayloadError {
            offset: self.offset,
            kind,
        }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], PayloadError> {
        let split = usize::try_from(count)
            .ok()
            .and_then(|count| self.bytes.split_at_checked(count));
        let Some((taken, rest)) = split else {
            return Err(self.error(Kind::Truncated {
                needed: count,
                left: self.bytes.len(),
            }));
        };
        self.bytes = rest;
        self.offset += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let start = *self;
        let taken = self.take(N as u64)?;
        taken.try_into().map_err(|_| {
            start.error(Kind::Truncated {
                needed: N as u64,
                left: start.bytes.len(),
            })
        })
    }

    fn u64(&mut self) -> Result<u64, PayloadError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A word that `wrong` finds nothing wrong with.
    fn u64_where(&mut self, wrong: impl FnOnce(u64) -> Option<Kind>) -> Result<u64, PayloadError> {
        let start = *self;
        let word = self.u64()?;
        wrong(word).map_or(Ok(word), |kind| Err(start.error(kind)))
    }

    fn zeros(&mut self, count: u64) -> Result<(), PayloadError> {
        let start = *self;
        match self.take(count)?.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(position) => Err(PayloadError {
                offset: start.offset + position,
                kind: Kind::Fill,
            }),
        }
    }

    fn transaction(&mut self) -> Result<SignedTransaction, PayloadError> {
        let length = self.u64()?;
        let start = *self;
        let transaction =
            Transaction::decode_signing(self.take(length)?).map_err(|error| PayloadError {
                offset: start.offset + error.offset,
                kind: Kind::Transaction(error),
            })?;
        self.zeros(length.wrapping_neg() % 8)?;
        let parity = self.u64_where(|parity| (parity > 1).then_some(Kind::Parity(parity)))?;
        let at_r = *self;
        let r = U256::from_be_bytes(self.array::<32>()?);
        let at_s = *self;
        let s = U256::from_be_bytes(self.array::<32>()?);
        let signature = Signature {
            y_parity: parity == 1,
            r,
            s,
        };
        signature.check().map_err(|error| match error {
            SignatureError::ZeroR | SignatureError::LargeR => at_r.error(Kind::Signature(error)),
            _ => at_s.error(Kind::Signature(error)),
        })?;
        Ok(SignedTransaction {
            transaction,
            signature,
        })
    }
}

#[cfg(test)]
mod tests;
