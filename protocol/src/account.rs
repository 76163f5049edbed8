//! Account and storage records, and the leaves that commit to them.

use alloy_primitives::{B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{
    Fr, field,
    hash::{self, Tag},
};

/// Commitment to the record of an account without code: size 0, keccak and Poseidon2 hash of the empty string.
pub const EMPTY_CODE_COMMITMENT: Fr = Fr::from_raw([
    0x5a6e_0b1a_bc9f_3e45,
    0xfd15_eaf8_7685_47ad,
    0xf84b_fb28_fc4b_2c0f,
    0x0365_c373_1dd3_e5d7,
]);

/// What an account leaf commits to about the account's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodeRecord {
    /// Length of the code in bytes.
    pub size: u64,
    /// keccak-256 of the code: what EXTCODEHASH returns.
    pub keccak: B256,
    /// [`hash::code_hash`] of the code as 32 big-endian bytes; always a canonical field element.
    #[serde(with = "crate::field::serde_bytes")]
    pub poseidon2: Fr,
}

impl CodeRecord {
    /// The record of a code.
    pub fn of(code: &[u8]) -> Self {
        if code.is_empty() {
            return Self::default();
        }
        Self {
            size: code.len() as u64,
            keccak: keccak256(code),
            poseidon2: hash::code_hash(code),
        }
    }

    /// The element that stands for the code in an account leaf.
    pub fn commitment(&self) -> Fr {
        hash::code_commitment(self.size, self.keccak, self.poseidon2)
    }

    /// Whether the account has no code.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

impl Default for CodeRecord {
    fn default() -> Self {
        Self {
            size: 0,
            keccak: hash::EMPTY_KECCAK,
            poseidon2: hash::EMPTY_CODE_HASH,
        }
    }
}

/// An account's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Account {
    /// Transactions sent, or for a contract also contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// The code's size and hashes.
    pub code: CodeRecord,
}

impl Account {
    /// Whether the account is empty by EIP-161 (nonce, balance and code are nothing) and so has no leaf.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_empty()
    }

    /// The three elements that the leaf's value hashes: `nonce * 2^128 + balance_hi`, `balance_lo`, code commitment.
    pub fn elements(&self) -> [Fr; 3] {
        let limbs = self.balance.as_limbs();
        let (_, lo) = field::split_word(self.balance);
        let code = if self.code == CodeRecord::default() {
            EMPTY_CODE_COMMITMENT
        } else {
            self.code.commitment()
        };
        [Fr::from_raw([limbs[2], limbs[3], self.nonce, 0]), lo, code]
    }

    /// The value of the account's leaf; `None` for an empty account, which has none.
    pub fn leaf_value(&self) -> Option<Fr> {
        (!self.is_empty()).then(|| hash::hash(Tag::Account, &self.elements()))
    }
}

/// The value of the leaf of a storage word; `None` for zero, which has no leaf.
pub fn storage_leaf_value(word: U256) -> Option<Fr> {
    (!word.is_zero()).then(|| {
        let (hi, lo) = field::split_word(word);
        hash::hash(Tag::Storage, &[hi, lo])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn constants_are_their_definitions() {
        assert_eq!(keccak256([]), hash::EMPTY_KECCAK);
        assert_eq!(
            hash::code_hash(&[]),
            hash::EMPTY_CODE_HASH,
            "{}",
            field::to_word(&hash::code_hash(&[]))
        );
        let commitment = CodeRecord::default().commitment();
        assert_eq!(
            commitment,
            EMPTY_CODE_COMMITMENT,
            "{:016x?}",
            field::to_word(&commitment).as_limbs()
        );
    }

    #[test]
    fn empty_means_no_leaf() {
        assert_eq!(Account::default().leaf_value(), None);
        assert_eq!(storage_leaf_value(U256::ZERO), None);
        for account in [
            Account {
                nonce: 1,
                ..Account::default()
            },
            Account {
                balance: U256::from(1),
                ..Account::default()
            },
            Account {
                code: CodeRecord::of(&[0]),
                ..Account::default()
            },
        ] {
            assert!(account.leaf_value().is_some());
        }
    }

    #[test]
    fn every_field_changes_the_leaf() {
        let base = Account {
            nonce: 7,
            balance: (U256::from(3) << 130) | U256::from(5),
            code: CodeRecord::of(&[1, 2]),
        };
        let variants = [
            base,
            Account { nonce: 8, ..base },
            Account {
                nonce: 7 + (1 << 63),
                ..base
            },
            Account {
                balance: base.balance + U256::from(1),
                ..base
            },
            Account {
                balance: base.balance + (U256::from(1) << 255),
                ..base
            },
            Account {
                code: CodeRecord {
                    size: 3,
                    ..base.code
                },
                ..base
            },
            Account {
                code: CodeRecord {
                    keccak: B256::repeat_byte(1),
                    ..base.code
                },
                ..base
            },
            Account {
                code: CodeRecord {
                    poseidon2: Fr::from(9),
                    ..base.code
                },
                ..base
            },
        ];
        for (i, a) in variants.iter().enumerate() {
            for b in &variants[i + 1..] {
                assert_ne!(a.leaf_value(), b.leaf_value(), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn kinds_and_lengths_do_not_collide() {
        // Same inputs under every tag, byte strings that differ by trailing zeros, account key against storage key.
        let mut digests: Vec<Fr> = Tag::ALL
            .iter()
            .map(|tag| hash::hash(*tag, &[Fr::from(1), Fr::from(2)]))
            .collect();
        digests.extend((0..60).map(|length| hash::code_hash(&vec![0; length])));
        digests.push(hash::account_key(Address::repeat_byte(1)));
        digests.push(hash::storage_key(Address::repeat_byte(1), U256::ZERO));
        let count = digests.len();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }
}
