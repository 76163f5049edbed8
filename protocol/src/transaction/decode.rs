//! Decoding of transactions from outside: total, canonical RLP only.

use alloy_primitives::{Address, Bytes};

use super::{
    AccessListItem, Envelope, Signature, SignatureError, SignedTransaction, TYPE_ACCESS_LIST,
    TYPE_BLOB, TYPE_DYNAMIC_FEE, TYPE_SET_CODE, Transaction, rlp::Reader,
};

/// Where and why a transaction does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the transaction: {kind}")]
pub struct TransactionError {
    /// Offset in the transaction's bytes of the item that is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: TransactionErrorKind,
}

/// Why a transaction does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionErrorKind {
    /// The bytes end inside an item.
    #[error("the bytes end inside an item")]
    Truncated,
    /// Bytes follow the last item.
    #[error("bytes follow the last item")]
    TrailingBytes,
    /// The item has a shorter encoding (leading zero, long form for a short item).
    #[error("the RLP is not canonical")]
    NonCanonical,
    /// A list is required.
    #[error("a list is required here")]
    ExpectedList,
    /// A byte string is required.
    #[error("a byte string is required here")]
    ExpectedString,
    /// A byte string of another length is required.
    #[error("{expected} bytes are required here")]
    WrongLength {
        /// The required length in bytes.
        expected: usize,
    },
    /// The integer has too many bits.
    #[error("the integer is longer than {bits} bits")]
    TooLarge {
        /// The limit.
        bits: usize,
    },
    /// A parity other than 0 and 1.
    #[error("the y parity is neither 0 nor 1")]
    Parity,
    /// A legacy transaction without a chain id (not protected by EIP-155).
    #[error("the legacy transaction is not protected by a chain id (EIP-155)")]
    Unprotected,
    /// The last two items of an EIP-155 preimage are not zero.
    #[error("the EIP-155 preimage does not end in two zeros")]
    Preimage,
    /// Blob transactions (type 3) do not exist on the L2.
    #[error("blob transactions (type 3) do not exist on this chain")]
    Blob,
    /// Set-code transactions (type 4, EIP-7702) are not accepted yet.
    #[error("set-code transactions (type 4, EIP-7702) are not accepted yet")]
    SetCode,
    /// No such transaction type.
    #[error("unknown transaction type {0}")]
    UnknownType(u8),
    /// The signature's `r` or `s` is out of range.
    #[error("{0}")]
    Signature(#[from] SignatureError),
}

use TransactionErrorKind as Kind;

/// A reader of the type's list and the type (0 for legacy).
fn envelope<'a>(bytes: &'a [u8]) -> Result<(u8, Reader<'a>), TransactionError> {
    let mut reader = Reader::new(bytes, 0);
    let (tx_type, mut reader) = match bytes.split_first() {
        None => return Err(reader.error(Kind::Truncated)),
        Some((0xc0.., _)) => (0, reader),
        Some((tx_type @ (&TYPE_ACCESS_LIST | &TYPE_DYNAMIC_FEE), rest)) => {
            (*tx_type, Reader::new(rest, 1))
        }
        Some((&TYPE_BLOB, _)) => return Err(reader.error(Kind::Blob)),
        Some((&TYPE_SET_CODE, _)) => return Err(reader.error(Kind::SetCode)),
        Some((0..0x80, _)) => {
            return Err(reader.error(Kind::UnknownType(reader.first().unwrap_or_default())));
        }
        // A string item: neither an envelope nor a list.
        Some(_) => {
            return Err(reader
                .list()
                .err()
                .unwrap_or_else(|| reader.error(Kind::ExpectedList)));
        }
    };
    let items = reader.list()?;
    reader.finish()?;
    Ok((tx_type, items))
}

fn to(items: &mut Reader<'_>) -> Result<Option<Address>, TransactionError> {
    let start = *items;
    match items.string()? {
        [] => Ok(None),
        bytes => Ok(Some(Address::from(
            <[u8; 20]>::try_from(bytes)
                .map_err(|_| start.error(Kind::WrongLength { expected: 20 }))?,
        ))),
    }
}

fn access_list(items: &mut Reader<'_>) -> Result<Vec<AccessListItem>, TransactionError> {
    let mut entries = items.list()?;
    let mut access_list = Vec::new();
    while !entries.is_empty() {
        let mut entry = entries.list()?;
        let address = Address::from(entry.array()?);
        let mut keys = entry.list()?;
        entry.finish()?;
        let mut storage_keys = Vec::new();
        while !keys.is_empty() {
            storage_keys.push(keys.array()?.into());
        }
        access_list.push(AccessListItem {
            address,
            storage_keys,
        });
    }
    Ok(access_list)
}

/// The fields of a type in their order; the chain id of type 0 comes later and is left 0.
fn fields(tx_type: u8, items: &mut Reader<'_>) -> Result<Transaction, TransactionError> {
    let chain_id = if tx_type == 0 { 0 } else { items.u64()? };
    let nonce = items.u64()?;
    let first_price = items.u128()?;
    let second_price = if tx_type == TYPE_DYNAMIC_FEE {
        items.u128()?
    } else {
        first_price
    };
    let gas_limit = items.u64()?;
    let to = to(items)?;
    let value = items.integer(256)?;
    let input = Bytes::copy_from_slice(items.string()?);
    let envelope = match tx_type {
        0 => Envelope::Legacy {
            gas_price: first_price,
        },
        TYPE_ACCESS_LIST => Envelope::AccessList {
            gas_price: first_price,
            access_list: access_list(items)?,
        },
        _ => Envelope::DynamicFee {
            max_priority_fee_per_gas: first_price,
            max_fee_per_gas: second_price,
            access_list: access_list(items)?,
        },
    };
    Ok(Transaction {
        chain_id,
        nonce,
        gas_limit,
        to,
        value,
        input,
        envelope,
    })
}

/// A protected chain id: not 0, which EIP-155 has no preimage for.
fn protected(chain_id: u64, at: &Reader<'_>) -> Result<u64, TransactionError> {
    if chain_id == 0 {
        Err(at.error(Kind::Unprotected))
    } else {
        Ok(chain_id)
    }
}

impl Transaction {
    /// Decodes the bytes that are signed; inverse of [`Self::encode_for_signing`].
    ///
    /// # Errors
    /// [`TransactionError`] with the offset of the first item that is wrong.
    pub fn decode_signing(bytes: &[u8]) -> Result<Self, TransactionError> {
        let (tx_type, mut items) = envelope(bytes)?;
        let mut transaction = fields(tx_type, &mut items)?;
        if tx_type == 0 {
            let start = items;
            if items.is_empty() {
                return Err(start.error(Kind::Unprotected));
            }
            transaction.chain_id = protected(items.u64()?, &start)?;
            for _ in 0..2 {
                let start = items;
                if !items.string()?.is_empty() {
                    return Err(start.error(Kind::Preimage));
                }
            }
        }
        items.finish()?;
        Ok(transaction)
    }
}

impl SignedTransaction {
    /// Decodes EIP-2718 bytes; inverse of [`Self::encode_2718`]. The ranges of `r` and `s` are checked.
    ///
    /// # Errors
    /// [`TransactionError`] with the offset of the first item that is wrong.
    pub fn decode_2718(bytes: &[u8]) -> Result<Self, TransactionError> {
        let (tx_type, mut items) = envelope(bytes)?;
        let mut transaction = fields(tx_type, &mut items)?;
        let start = items;
        let y_parity = if tx_type == 0 {
            let v = items.u128()?;
            let shifted = v
                .checked_sub(35)
                .ok_or_else(|| start.error(Kind::Unprotected))?;
            let chain_id =
                u64::try_from(shifted / 2).map_err(|_| start.error(Kind::TooLarge { bits: 64 }))?;
            transaction.chain_id = protected(chain_id, &start)?;
            shifted % 2 == 1
        } else {
            match items.u64()? {
                0 => false,
                1 => true,
                _ => return Err(start.error(Kind::Parity)),
            }
        };
        let at_r = items;
        let r = items.integer(256)?;
        let at_s = items;
        let s = items.integer(256)?;
        items.finish()?;
        let signature = Signature { y_parity, r, s };
        signature.check().map_err(|error| match error {
            SignatureError::ZeroR | SignatureError::LargeR => at_r.error(error.into()),
            _ => at_s.error(error.into()),
        })?;
        Ok(Self {
            transaction,
            signature,
        })
    }
}
