//! Conversions between EVM words and the BN254 scalar field.
//!
//! A 256-bit word does not fit one field element: it is carried as two 128-bit halves, `(hi, lo)`, each an
//! element below 2^128. The 32-byte form of a field element is its canonical integer, big-endian.

use alloy_primitives::{Address, B256, U256};
use ff::PrimeField;

use crate::Fr;

/// Bits of a canonical field element.
pub const FIELD_BITS: usize = 254;

/// The element with the given value.
pub fn from_u128(value: u128) -> Fr {
    Fr::from_raw([value as u64, (value >> 64) as u64, 0, 0])
}

/// The halves `(hi, lo)` of a 256-bit word, each below 2^128.
pub fn split_word(word: U256) -> (Fr, Fr) {
    let limbs = word.as_limbs();
    (
        Fr::from_raw([limbs[2], limbs[3], 0, 0]),
        Fr::from_raw([limbs[0], limbs[1], 0, 0]),
    )
}

/// The halves `(hi, lo)` of a 32-byte string read as a big-endian integer.
pub fn split_bytes(bytes: B256) -> (Fr, Fr) {
    split_word(U256::from_be_bytes(bytes.0))
}

/// An address as the 160-bit integer of its big-endian bytes.
pub fn from_address(address: Address) -> Fr {
    Fr::from_raw(*U256::from_be_slice(address.as_slice()).as_limbs())
}

/// The canonical integer of an element.
pub fn to_word(element: &Fr) -> U256 {
    U256::from_limbs((*element).into())
}

/// The canonical integer of an element as 32 big-endian bytes.
pub fn to_bytes(element: &Fr) -> B256 {
    B256::from(to_word(element).to_be_bytes())
}

/// The element whose canonical integer the 32 big-endian bytes hold; `None` if they hold the modulus or more.
pub fn from_bytes(bytes: B256) -> Option<Fr> {
    let mut repr = bytes.0;
    repr.reverse();
    Option::from(Fr::from_repr(repr))
}

/// The bits of an element's canonical integer as a tree path: 254 bits, most significant first.
///
/// Ordered like the canonical integers, which is the order of the tree's leaves from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path([u64; 4]);

impl Path {
    /// The path of a key.
    pub fn new(key: &Fr) -> Self {
        let mut limbs: [u64; 4] = (*key).into();
        limbs.reverse();
        Self(limbs)
    }

    /// The bit at `depth` (0 is the root's decision, 253 the last): `true` goes right. Depths past the end give `false`.
    pub fn bit(&self, depth: usize) -> bool {
        // The path starts at bit 253 of the 256-bit integer, two places below the top of limb 0.
        let place = depth + (256 - FIELD_BITS);
        self.0
            .get(place / 64)
            .is_some_and(|limb| (limb >> (63 - place % 64)) & 1 == 1)
    }

    /// Length of the common prefix of two paths, 0 to 254.
    pub fn common_prefix(&self, other: &Self) -> usize {
        let mut zeros = 0;
        for (a, b) in self.0.iter().zip(&other.0) {
            let difference = a ^ b;
            zeros += difference.leading_zeros() as usize;
            if difference != 0 {
                break;
            }
        }
        zeros - (256 - FIELD_BITS)
    }
}

/// Serde form of an element: its 32 big-endian bytes (as hex in readable formats); refuses the modulus and above.
pub mod serde_bytes {
    use alloy_primitives::B256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Fr;

    /// Writes the canonical big-endian bytes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(element: &Fr, serializer: S) -> Result<S::Ok, S::Error> {
        super::to_bytes(element).serialize(serializer)
    }

    /// Reads canonical big-endian bytes.
    ///
    /// # Errors
    /// Those of the deserializer, and a value that is not below the modulus.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fr, D::Error> {
        let bytes = B256::deserialize(deserializer)?;
        super::from_bytes(bytes).ok_or_else(|| D::Error::custom("not a canonical field element"))
    }
}

/// Serde form of a list of elements, each as in [`serde_bytes`].
pub mod serde_vec {
    use alloy_primitives::B256;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Fr;

    /// Writes the list.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(elements: &[Fr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(elements.iter().map(super::to_bytes))
    }

    /// Reads the list.
    ///
    /// # Errors
    /// Those of the deserializer, and a value that is not below the modulus.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fr>, D::Error> {
        let bytes = Vec::<B256>::deserialize(deserializer)?;
        let elements: Option<_> = bytes.into_iter().map(super::from_bytes).collect();
        elements.ok_or_else(|| D::Error::custom("not a canonical field element"))
    }
}

/// Serde form of an optional pair of elements, each as in [`serde_bytes`].
pub mod serde_pair {
    use alloy_primitives::B256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::Fr;

    /// Writes the pair.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        pair: &Option<(Fr, Fr)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        pair.as_ref()
            .map(|(a, b)| (super::to_bytes(a), super::to_bytes(b)))
            .serialize(serializer)
    }

    /// Reads the pair.
    ///
    /// # Errors
    /// Those of the deserializer, and a value that is not below the modulus.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(Fr, Fr)>, D::Error> {
        Option::<(B256, B256)>::deserialize(deserializer)?
            .map(|(a, b)| super::from_bytes(a).zip(super::from_bytes(b)))
            .map(|pair| pair.ok_or_else(|| D::Error::custom("not a canonical field element")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use proptest::prelude::*;

    #[test]
    fn modulus_bytes_are_refused() {
        let last = to_bytes(&-Fr::ONE);
        assert_eq!(from_bytes(last), Some(-Fr::ONE));
        let modulus = U256::from_be_bytes(last.0) + U256::from(1);
        assert_eq!(from_bytes(B256::from(modulus.to_be_bytes())), None);
        assert_eq!(from_bytes(B256::repeat_byte(0xff)), None);
    }

    #[test]
    fn path_of_small_and_large_keys() {
        let one = Path::new(&Fr::ONE);
        assert!((0..253).all(|depth| !one.bit(depth)));
        assert!(one.bit(253));
        assert!(!one.bit(254) && !one.bit(10_000));
        // r - 1 has bits 253 and 252 set.
        let last = Path::new(&-Fr::ONE);
        assert!(last.bit(0) && last.bit(1));
        assert_eq!(one.common_prefix(&last), 0);
        assert_eq!(one.common_prefix(&one), 254);
        assert_eq!(one.common_prefix(&Path::new(&Fr::ZERO)), 253);
    }

    proptest! {
        #[test]
        fn split_is_the_word(bytes: [u8; 32]) {
            let word = U256::from_be_bytes(bytes);
            let (hi, lo) = split_word(word);
            prop_assert!(to_word(&hi) < U256::from(1) << 128);
            prop_assert_eq!((to_word(&hi) << 128) | to_word(&lo), word);
        }

        #[test]
        fn order_of_paths_is_order_of_integers(a: [u64; 4], b: [u64; 4]) {
            let (a, b) = (Fr::from_raw(a), Fr::from_raw(b));
            prop_assert_eq!(Path::new(&a).cmp(&Path::new(&b)), to_word(&a).cmp(&to_word(&b)));
            let path = Path::new(&a);
            let rebuilt = (0..FIELD_BITS).fold(U256::ZERO, |acc, depth| (acc << 1) | U256::from(path.bit(depth)));
            prop_assert_eq!(rebuilt, to_word(&a));
        }
    }
}
