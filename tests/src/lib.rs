//! What the tests across crates share: a small chain, transactions of every type, the directory of keys.
//!
//! The tests themselves are in `tests/`: the whole line from JSON-RPC to the contract, what it must refuse, and the
//! sequencer's EVM against the machine's interpreter.

use alloy::{
    consensus::{SignableTransaction, Signed, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use eyre::{Result, eyre};
use hallmark::{door::Door, pipeline};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BatchWitness, BlockProduction, Config, Node, SealPolicy};
use std::{path::Path, sync::Arc};

/// Chain id of the tests' L2.
pub const CHAIN_ID: u64 = 31_998;
/// Base fee of block 0, wei per gas.
pub const BASE_FEE: u64 = 1_000_000_000;
/// Time of block 0, Unix seconds.
pub const GENESIS_TIME: u64 = 1_700_000_000;
/// Receiver of the priority fees.
pub const COINBASE: Address = Address::repeat_byte(0xc0);
/// Accounts with ether.
pub const FUNDED: u8 = 6;

/// The key of account `index`, which has ether if `index` is below [`FUNDED`].
///
/// # Errors
/// Never for an index below 255.
pub fn key(index: u8) -> Result<PrivateKeySigner> {
    Ok(PrivateKeySigner::from_bytes(&B256::repeat_byte(
        index.wrapping_add(1),
    ))?)
}

/// Genesis with [`FUNDED`] accounts of 100 ether each.
///
/// # Errors
/// Never.
pub fn genesis() -> Result<Genesis> {
    let mut accounts = std::collections::BTreeMap::new();
    for index in 0..FUNDED {
        let account = GenesisAccount {
            balance: U256::from(100_000_000_000_000_000_000_u128),
            ..GenesisAccount::default()
        };
        accounts.insert(key(index)?.address(), account);
    }
    let genesis = Genesis {
        chain_id: CHAIN_ID,
        timestamp: GENESIS_TIME,
        gas_limit: 30_000_000,
        base_fee: BASE_FEE,
        coinbase: Address::ZERO,
        accounts,
    };
    Ok(genesis.complete()?)
}

/// A node on [`genesis`] with its store in `directory`, which builds and seals when told.
///
/// # Errors
/// When the store cannot be made.
pub fn node(directory: &Path) -> Result<Node> {
    node_on(directory, genesis()?)
}

/// The same on another genesis.
///
/// # Errors
/// When the store cannot be made.
pub fn node_on(directory: &Path, genesis: Genesis) -> Result<Node> {
    let config = Config {
        coinbase: COINBASE,
        block_production: BlockProduction::Manual,
        seal: SealPolicy {
            max_age: None,
            max_segment_rows: pipeline::capacity(*pipeline::SHAPES.end()) as u64,
            ..SealPolicy::default()
        },
        ..Config::default()
    };
    let check = Arc::new(Door::new()?);
    let store = directory.join("store.redb");
    Ok(Node::open_with(&store, genesis, config, check)?)
}

/// A batch of one block with this many transfers of ether, to ten accounts.
///
/// # Errors
/// When the node refuses one.
pub fn transfers(count: usize) -> Result<BatchWitness> {
    let directory = tempfile::tempdir()?;
    let node = node(directory.path())?;
    for n in 0..count {
        let transfer = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: (n / usize::from(FUNDED)) as u64,
            gas_limit: 21_000,
            max_fee_per_gas: 2 * u128::from(BASE_FEE),
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::repeat_byte(0x70 + (n % 10) as u8)),
            value: U256::from(1),
            ..Default::default()
        };
        node.submit(sign(&key((n % usize::from(FUNDED)) as u8)?, transfer)?)?;
    }
    node.build_block()?;
    node.seal_batch()?
        .ok_or_else(|| eyre!("there is no batch"))?;
    Ok(node.batch_witness(1)?)
}

/// Signs a transaction; its EIP-2718 bytes.
///
/// # Errors
/// When the key cannot sign.
pub fn sign<T>(signer: &PrivateKeySigner, transaction: T) -> Result<Bytes>
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<Signed<T>>,
{
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    Ok(envelope.encoded_2718().into())
}

/// Compares a text with the golden file `tests/golden/NAME`; with the variable `UPDATE_GOLDEN` set it writes it.
///
/// # Panics
/// When they differ, or the file cannot be written.
#[track_caller]
pub fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some()
        && let Err(error) = std::fs::write(&path, text)
    {
        panic!("{}: {error}", path.display());
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed,
        text,
        "{} differs: if that is meant, set UPDATE_GOLDEN",
        path.display()
    );
}
