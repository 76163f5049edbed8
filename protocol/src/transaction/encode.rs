//! Encoding of transactions.

use alloy_primitives::Address;
use alloy_rlp::{Encodable, Header};

use super::{
    AccessListItem, Envelope, SignedTransaction, TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE, Transaction,
};

/// Wraps encoded items into a list.
fn list(items: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() + 9);
    Header {
        list: true,
        payload_length: items.len(),
    }
    .encode(&mut out);
    out.extend_from_slice(items);
    out
}

fn encode_to(to: &Option<Address>, out: &mut Vec<u8>) {
    match to {
        Some(address) => address.encode(out),
        None => ([] as [u8; 0]).as_slice().encode(out),
    }
}

fn encode_access_list(access_list: &[AccessListItem], out: &mut Vec<u8>) {
    let mut items = Vec::new();
    for item in access_list {
        let mut fields = Vec::new();
        item.address.encode(&mut fields);
        let mut keys = Vec::new();
        for key in &item.storage_keys {
            key.encode(&mut keys);
        }
        fields.extend_from_slice(&list(&keys));
        items.extend_from_slice(&list(&fields));
    }
    out.extend_from_slice(&list(&items));
}

impl Transaction {
    /// The fields in the order of the type's encoding, without chain id for type 0, without signature.
    fn encode_fields(&self, out: &mut Vec<u8>) {
        if !matches!(self.envelope, Envelope::Legacy { .. }) {
            self.chain_id.encode(out);
        }
        self.nonce.encode(out);
        match &self.envelope {
            Envelope::Legacy { gas_price } | Envelope::AccessList { gas_price, .. } => {
                gas_price.encode(out)
            }
            Envelope::DynamicFee {
                max_priority_fee_per_gas,
                max_fee_per_gas,
                ..
            } => {
                max_priority_fee_per_gas.encode(out);
                max_fee_per_gas.encode(out);
            }
        }
        self.gas_limit.encode(out);
        encode_to(&self.to, out);
        self.value.encode(out);
        self.input.encode(out);
        match &self.envelope {
            Envelope::Legacy { .. } => {}
            Envelope::AccessList { access_list, .. } | Envelope::DynamicFee { access_list, .. } => {
                encode_access_list(access_list, out);
            }
        }
    }

    fn envelope_of(&self, items: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(items.len() + 10);
        match self.envelope {
            Envelope::Legacy { .. } => {}
            Envelope::AccessList { .. } => out.push(TYPE_ACCESS_LIST),
            Envelope::DynamicFee { .. } => out.push(TYPE_DYNAMIC_FEE),
        }
        out.extend_from_slice(&list(items));
        out
    }

    /// The bytes that are signed: the EIP-155 preimage, or the EIP-2718 envelope without the signature.
    pub fn encode_for_signing(&self) -> Vec<u8> {
        let mut items = Vec::new();
        self.encode_fields(&mut items);
        if let Envelope::Legacy { .. } = self.envelope {
            self.chain_id.encode(&mut items);
            0u8.encode(&mut items);
            0u8.encode(&mut items);
        }
        self.envelope_of(&items)
    }
}

impl SignedTransaction {
    /// The EIP-2718 bytes, as sent over JSON-RPC and hashed to the transaction hash.
    pub fn encode_2718(&self) -> Vec<u8> {
        let Self {
            transaction,
            signature,
        } = self;
        let mut items = Vec::new();
        transaction.encode_fields(&mut items);
        if let Envelope::Legacy { .. } = transaction.envelope {
            // EIP-155: v = 35 + parity + 2 * chain id.
            (35 + u128::from(signature.y_parity) + 2 * u128::from(transaction.chain_id))
                .encode(&mut items);
        } else {
            signature.y_parity.encode(&mut items);
        }
        signature.r.encode(&mut items);
        signature.s.encode(&mut items);
        transaction.envelope_of(&items)
    }
}
