//! secp256k1 signatures of transactions.

use alloy_primitives::{Address, B256, U256, uint};
use serde::{Deserialize, Serialize};

/// Order of the secp256k1 group.
pub const SECP256K1_ORDER: U256 =
    uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

/// Largest `s` of a transaction's signature (EIP-2): half the group order, rounded down.
pub const SECP256K1_HALF_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// A signature. The fields may hold anything; [`Signature::check`] says whether they are in range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// Parity of the y coordinate of the nonce point.
    pub y_parity: bool,
    /// x coordinate of the nonce point, 1 to n - 1.
    pub r: U256,
    /// The proof part, 1 to n / 2 (EIP-2).
    pub s: U256,
}

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// `r` is 0.
    #[error("r is 0")]
    ZeroR,
    /// `r` is the group order or more.
    #[error("r is not below the group order")]
    LargeR,
    /// `s` is 0.
    #[error("s is 0")]
    ZeroS,
    /// `s` is above half the group order (EIP-2).
    #[error("s is above half the group order (EIP-2)")]
    HighS,
    /// No public key fits: `r` is not the x coordinate of a point, or the key would be the point at infinity.
    #[error("no public key fits the signature")]
    NoKey,
}

impl Signature {
    /// Checks the ranges of `r` and `s`.
    ///
    /// # Errors
    /// Every [`SignatureError`] but [`SignatureError::NoKey`].
    pub fn check(&self) -> Result<(), SignatureError> {
        if self.r.is_zero() {
            Err(SignatureError::ZeroR)
        } else if self.r >= SECP256K1_ORDER {
            Err(SignatureError::LargeR)
        } else if self.s.is_zero() {
            Err(SignatureError::ZeroS)
        } else if self.s > SECP256K1_HALF_ORDER {
            Err(SignatureError::HighS)
        } else {
            Ok(())
        }
    }

    /// Address of the key that signed the hash.
    ///
    /// # Errors
    /// [`SignatureError`] when `r` or `s` is out of range or no key fits.
    pub fn recover(&self, hash: &B256) -> Result<Address, SignatureError> {
        self.check()?;
        alloy_primitives::Signature::new(self.r, self.s, self.y_parity)
            .recover_address_from_prehash(hash)
            .map_err(|_| SignatureError::NoKey)
    }
}
