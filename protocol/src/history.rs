//! EIP-2935: block hashes in the state.
//!
//! Before its transactions, block `n` writes its parent's hash to slot `(n - 1) mod 8191` of this contract. Genesis
//! contains the contract, so BLOCKHASH has one source, and it is proven.

use alloy_primitives::{Address, U256, address, hex};

/// Address of the history contract.
pub const HISTORY_ADDRESS: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");

/// Number of slots, and of parent hashes kept.
pub const HISTORY_WINDOW: u64 = 8191;

/// Number of blocks before the current one that BLOCKHASH reaches.
pub const BLOCKHASH_WINDOW: u64 = 256;

/// Runtime code of the history contract.
pub const HISTORY_CODE: &[u8] = &hex!(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);

/// Nonce of the history contract.
pub const HISTORY_NONCE: u64 = 1;

/// Slot that holds the hash of block `number`; block `number + 1` writes it.
pub fn history_slot(number: u64) -> U256 {
    U256::from(number % HISTORY_WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_the_eips() {
        assert_eq!(
            HISTORY_ADDRESS,
            alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS
        );
        assert_eq!(
            HISTORY_CODE,
            alloy_eips::eip2935::HISTORY_STORAGE_CODE.as_ref()
        );
        assert_eq!(
            HISTORY_WINDOW as usize,
            alloy_eips::eip2935::HISTORY_SERVE_WINDOW
        );
    }

    #[test]
    fn slots_wrap() {
        assert_eq!(history_slot(0), U256::ZERO);
        assert_eq!(history_slot(8190), U256::from(8190));
        assert_eq!(history_slot(8191), U256::ZERO);
    }
}
