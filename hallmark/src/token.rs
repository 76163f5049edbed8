//! A token on L2 from the first block on: OpenZeppelin's ERC-20, placed by genesis.

use alloy_primitives::{Address, U256};
use protocol::genesis::GenesisAccount;
use std::collections::BTreeMap;
use verifier_contract::{
    artifact,
    token::{self, TokenError},
};

/// The nonce of a contract that has created none (EIP-161).
const NONCE: u64 = 1;

/// An account of a genesis that is a token with this name, symbol and balances, in its smallest unit (it says of itself that
/// 10^18 are one token). [`verifier_contract::Token`] has its calls, events and errors.
///
/// # Errors
/// The zero address has a balance, or the supply is 2^256 or more.
pub fn genesis_account(
    name: &str,
    symbol: &str,
    balances: &BTreeMap<Address, U256>,
) -> Result<GenesisAccount, TokenError> {
    Ok(GenesisAccount {
        nonce: NONCE,
        code: artifact::token()?.runtime,
        storage: token::storage(name, symbol, balances)?,
        ..GenesisAccount::default()
    })
}
