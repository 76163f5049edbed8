//! Transactions: types 0 (EIP-155), 1 (EIP-2930) and 2 (EIP-1559), their signing preimages and signatures.
//!
//! A payload carries a transaction as the exact bytes that were signed, followed by the signature. Those bytes and the
//! signed EIP-2718 envelope determine each other: [`Transaction::encode_for_signing`], [`Transaction::decode_signing`],
//! [`SignedTransaction::encode_2718`], [`SignedTransaction::decode_2718`]. Only canonical RLP is accepted.

mod decode;
mod encode;
mod rlp;
mod signature;

pub use decode::{TransactionError, TransactionErrorKind};
pub use signature::{SECP256K1_HALF_ORDER, SECP256K1_ORDER, Signature, SignatureError};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};

/// EIP-2718 type byte of an EIP-2930 transaction.
pub const TYPE_ACCESS_LIST: u8 = 1;
/// EIP-2718 type byte of an EIP-1559 transaction.
pub const TYPE_DYNAMIC_FEE: u8 = 2;
/// EIP-2718 type byte of a blob transaction, which does not exist on the L2.
pub const TYPE_BLOB: u8 = 3;
/// EIP-2718 type byte of an EIP-7702 transaction, not accepted yet.
pub const TYPE_SET_CODE: u8 = 4;

/// An address and slots that are warm from the start (EIP-2930).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessListItem {
    /// The account.
    pub address: Address,
    /// Its slots.
    pub storage_keys: Vec<B256>,
}

/// What differs between the transaction types. Prices are in wei per gas.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Envelope {
    /// Type 0, always protected by EIP-155.
    Legacy {
        /// Price, base fee included.
        gas_price: u128,
    },
    /// Type 1.
    AccessList {
        /// Price, base fee included.
        gas_price: u128,
        /// Access list.
        access_list: Vec<AccessListItem>,
    },
    /// Type 2.
    DynamicFee {
        /// Most that goes to the coinbase.
        max_priority_fee_per_gas: u128,
        /// Most that is paid, base fee included.
        max_fee_per_gas: u128,
        /// Access list.
        access_list: Vec<AccessListItem>,
    },
}

/// A transaction without its signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transaction {
    /// Chain that the transaction is for.
    pub chain_id: u64,
    /// Sender's nonce.
    pub nonce: u64,
    /// Most gas that may be used.
    pub gas_limit: u64,
    /// Receiver; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei sent.
    pub value: U256,
    /// Calldata or init code.
    pub input: Bytes,
    /// Type, prices and access list.
    pub envelope: Envelope,
}

impl Transaction {
    /// EIP-2718 type, 0 for legacy.
    pub fn tx_type(&self) -> u8 {
        match self.envelope {
            Envelope::Legacy { .. } => 0,
            Envelope::AccessList { .. } => TYPE_ACCESS_LIST,
            Envelope::DynamicFee { .. } => TYPE_DYNAMIC_FEE,
        }
    }

    /// Most that is paid per gas, in wei; the gas price of types 0 and 1.
    pub fn max_fee_per_gas(&self) -> u128 {
        match self.envelope {
            Envelope::Legacy { gas_price } | Envelope::AccessList { gas_price, .. } => gas_price,
            Envelope::DynamicFee {
                max_fee_per_gas, ..
            } => max_fee_per_gas,
        }
    }

    /// Most that goes to the coinbase per gas, in wei; the gas price of types 0 and 1.
    pub fn max_priority_fee_per_gas(&self) -> u128 {
        match self.envelope {
            Envelope::Legacy { gas_price } | Envelope::AccessList { gas_price, .. } => gas_price,
            Envelope::DynamicFee {
                max_priority_fee_per_gas,
                ..
            } => max_priority_fee_per_gas,
        }
    }

    /// Price per gas in wei that the sender pays in a block with the given base fee; `None` if the maximum is below it.
    pub fn effective_gas_price(&self, base_fee: u64) -> Option<u128> {
        let room = self.max_fee_per_gas().checked_sub(u128::from(base_fee))?;
        Some(u128::from(base_fee) + room.min(self.max_priority_fee_per_gas()))
    }

    /// Wei that the sender must have: gas limit times maximum fee plus value; `None` if that is 2^256 or more.
    pub fn max_cost(&self) -> Option<U256> {
        U256::from(self.gas_limit)
            .checked_mul(U256::from(self.max_fee_per_gas()))?
            .checked_add(self.value)
    }

    /// The access list, empty for type 0.
    pub fn access_list(&self) -> &[AccessListItem] {
        match &self.envelope {
            Envelope::Legacy { .. } => &[],
            Envelope::AccessList { access_list, .. } | Envelope::DynamicFee { access_list, .. } => {
                access_list
            }
        }
    }

    /// keccak-256 of the signed bytes.
    pub fn signing_hash(&self) -> B256 {
        keccak256(self.encode_for_signing())
    }
}

/// A transaction and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// What was signed.
    pub transaction: Transaction,
    /// The signature.
    pub signature: Signature,
}

impl SignedTransaction {
    /// Transaction hash: keccak-256 of the EIP-2718 bytes.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode_2718())
    }

    /// The signer.
    ///
    /// # Errors
    /// [`SignatureError`] when the signature is out of range or no key made it.
    pub fn recover_sender(&self) -> Result<Address, SignatureError> {
        self.signature.recover(&self.transaction.signing_hash())
    }
}

#[cfg(test)]
mod tests;
