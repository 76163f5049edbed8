//! The storage of a `Token` that a genesis places: what its constructor would have written, and balances.
//!
//! Where a variable lies is what the compiler says in the artifact; how a string or a mapping is laid out from there is
//! Solidity's storage layout.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, keccak256};

use crate::artifact::{self, Artifact};

/// Why a token has no storage.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The embedded artifact does not parse.
    #[error("the token's artifact is damaged: {0}")]
    Artifact(#[from] serde_json::Error),
    /// The compiled contract has no such variable.
    #[error(
        "the token's artifact has no variable {label} of type {kind} at the beginning of a slot"
    )]
    Layout {
        /// Name of the variable.
        label: &'static str,
        /// Its type.
        kind: &'static str,
    },
    /// A balance for the address that the token takes as none.
    #[error("the zero address cannot hold tokens")]
    ZeroAddress,
    /// The sum of the balances does not fit 256 bits.
    #[error("the token's balances add up to 2^256 or more")]
    Supply,
}

/// Storage words by slot of a token with this name, symbol and balances, in its smallest unit; the total supply is their
/// sum. Words of zero are left out.
///
/// # Errors
///
/// The zero address has a balance, or the supply is too large. A damaged artifact is excluded by tests.
pub fn storage(
    name: &str,
    symbol: &str,
    balances: &BTreeMap<Address, U256>,
) -> Result<BTreeMap<U256, U256>, TokenError> {
    let artifact = artifact::token()?;
    let mut words = BTreeMap::new();
    words.extend(string(slot(&artifact, "_name", "string")?, name));
    words.extend(string(slot(&artifact, "_symbol", "string")?, symbol));
    let mapping = slot(&artifact, "_balances", "mapping(address => uint256)")?;
    let mut supply = U256::ZERO;
    for (holder, balance) in balances {
        if holder.is_zero() {
            return Err(TokenError::ZeroAddress);
        }
        supply = supply.checked_add(*balance).ok_or(TokenError::Supply)?;
        words.insert(entry(mapping, *holder), *balance);
    }
    words.insert(slot(&artifact, "_totalSupply", "uint256")?, supply);
    words.retain(|_, word| !word.is_zero());
    Ok(words)
}

/// Slot of a variable that begins there.
fn slot(artifact: &Artifact, label: &'static str, kind: &'static str) -> Result<U256, TokenError> {
    let mut variables = artifact.storage.iter();
    variables
        .find(|v| v.label == label && v.kind == kind && v.offset == 0)
        .map(|v| v.slot)
        .ok_or(TokenError::Layout { label, kind })
}

/// Slot of a mapping's value: keccak-256 of the key, padded to a word, and the mapping's slot.
fn entry(mapping: U256, key: Address) -> U256 {
    let words = [key.into_word(), B256::from(mapping)];
    keccak256(words.concat()).into()
}

/// Words of a string: up to 31 bytes share the slot with twice their number, more lie from keccak-256 of the slot on and
/// leave twice their number plus one in it.
fn string(slot: U256, text: &str) -> Vec<(U256, U256)> {
    let bytes = text.as_bytes();
    let word = |part: &[u8]| U256::from_be_bytes(B256::right_padding_from(part).0);
    let twice = U256::from(bytes.len()) << 1;
    if bytes.len() < 32 {
        return vec![(slot, word(bytes) | twice)];
    }
    let first = U256::from_be_bytes(keccak256(B256::from(slot)).0);
    let parts = bytes.chunks(32).zip(0u64..);
    parts
        .map(|(part, index)| (first.wrapping_add(U256::from(index)), word(part)))
        .chain([(slot, twice | U256::from(1))])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    // POSITIVE

    #[test]
    fn words_lie_where_solidity_looks() {
        let balances = BTreeMap::from([(holder(1), U256::from(5)), (holder(2), U256::ZERO)]);
        let words = storage("Ten", "", &balances).unwrap();
        let mut preimage = [0; 64];
        preimage[12..32].fill(1);
        let name = U256::from(0x54_65_6e) << 232;
        let expected = BTreeMap::from([
            (keccak256(preimage).into(), U256::from(5)),
            (U256::from(2), U256::from(5)),
            (U256::from(3), name | U256::from(6)),
        ]);
        assert_eq!(words, expected);
    }

    #[test]
    fn long_strings_have_words_of_their_own() {
        for length in [31, 32, 33, 64, 65] {
            let words = string(U256::from(3), &"x".repeat(length));
            let expected = if length < 32 {
                1
            } else {
                1 + length.div_ceil(32)
            };
            assert_eq!(words.len(), expected, "{length}");
        }
    }

    // NEGATIVE

    #[test]
    fn what_no_token_can_have_is_refused() {
        let zero = BTreeMap::from([(Address::ZERO, U256::from(1))]);
        assert!(matches!(
            storage("", "", &zero),
            Err(TokenError::ZeroAddress)
        ));
        let many = BTreeMap::from([(holder(1), U256::MAX), (holder(2), U256::from(1))]);
        assert!(matches!(storage("", "", &many), Err(TokenError::Supply)));
    }

    #[test]
    fn another_layout_is_refused() {
        let mut artifact = artifact::token().unwrap();
        assert!(slot(&artifact, "_totalSupply", "uint256").is_ok());
        assert!(slot(&artifact, "_totalSupply", "uint128").is_err());
        assert!(slot(&artifact, "_supply", "uint256").is_err());
        for variable in &mut artifact.storage {
            variable.offset = 16;
        }
        assert!(slot(&artifact, "_totalSupply", "uint256").is_err());
    }
}
