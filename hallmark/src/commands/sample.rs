//! A chain with many accounts and senders known by number, for `demo` and `cost`.

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use eyre::{Result, WrapErr, ensure, eyre};
use hallmark::{door::Door, pipeline};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BatchWitness, BlockProduction, Config, Node, RpcHandle, SealPolicy};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, path::Path};
use tokio::runtime::Runtime;

pub(super) const CHAIN_ID: u64 = 1337;
const ETHER: u64 = 1_000_000_000_000_000_000;

/// Signers of the sample's transactions; the same on every run, so that the figures are.
fn signer(number: u64) -> Result<PrivateKeySigner> {
    let key = keccak256(format!("hallmark sample sender {number}"));
    PrivateKeySigner::from_bytes(&key).wrap_err("the key of a sender")
}

fn hashed_address(seed: impl AsRef<[u8]>) -> Address {
    Address::from_word(keccak256(seed))
}

/// An account that nobody has used before.
pub(super) fn recipient(number: u64) -> Address {
    hashed_address(format!("hallmark sample recipient {number}"))
}

fn coinbase() -> Address {
    hashed_address("hallmark sample coinbase")
}

/// Genesis with `accounts` accounts, of which the first `senders` have 100 ether each.
fn genesis(senders: u64, accounts: u64, timestamp: u64) -> Result<Genesis> {
    let mut genesis = Genesis {
        chain_id: CHAIN_ID,
        timestamp,
        gas_limit: 30_000_000,
        base_fee: 1_000_000_000,
        coinbase: coinbase(),
        accounts: Default::default(),
    };
    let mut insert = |address, balance| {
        let account = GenesisAccount {
            balance,
            ..Default::default()
        };
        genesis.accounts.insert(address, account);
    };
    for n in 0..senders {
        insert(signer(n)?.address(), U256::from(100) * U256::from(ETHER));
    }
    // It exists, so that the first batch costs what later ones cost.
    insert(coinbase(), U256::from(1));
    for n in senders + 1..accounts {
        insert(
            hashed_address(format!("hallmark sample account {n}")),
            U256::from(n),
        );
    }
    Ok(genesis.complete()?)
}

/// A node on the sample's genesis with its JSON-RPC server; blocks and batches only when told.
pub(super) struct Sample {
    pub(super) genesis: Genesis,
    pub(super) node: Node,
    runtime: Runtime,
    rpc: RpcHandle,
}

impl Sample {
    /// Starts the node with its store in the file `store`.
    pub(super) fn start(store: &Path, senders: u64, accounts: u64, timestamp: u64) -> Result<Self> {
        let genesis = genesis(senders, accounts, timestamp)?;
        let config = Config {
            coinbase: coinbase(),
            block_production: BlockProduction::Manual,
            seal: SealPolicy {
                max_age: None,
                max_segment_rows: pipeline::capacity(*pipeline::SHAPES.end()) as u64,
                ..SealPolicy::default()
            },
            ..Config::default()
        };
        let check = std::sync::Arc::new(Door::new()?);
        let node = Node::open_with(store, genesis.clone(), config, check)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let rpc = runtime.block_on(node.start_rpc(([127, 0, 0, 1], 0).into()))?;
        Ok(Self {
            genesis,
            node,
            runtime,
            rpc,
        })
    }

    pub(super) fn url(&self) -> String {
        self.rpc.url()
    }

    fn provider(&self) -> Result<DynProvider> {
        Ok(ProviderBuilder::new()
            .connect_http(self.rpc.url().parse()?)
            .erased())
    }

    /// Signs each request with its sender's key, sends it over JSON-RPC, builds one block of them all, and seals it.
    pub(super) fn batch(&self, requests: Vec<(u64, TransactionRequest)>) -> Result<BatchWitness> {
        let count = requests.len();
        let url = self.rpc.url();
        let hashes = self.runtime.block_on(async {
            let mut hashes = vec![];
            for (sender, request) in requests {
                let provider = ProviderBuilder::new()
                    .wallet(EthereumWallet::from(signer(sender)?))
                    .connect_http(url.parse()?);
                let pending = provider
                    .send_transaction(request)
                    .await
                    .wrap_err("the node refused a transaction")?;
                hashes.push(*pending.tx_hash());
            }
            Ok::<Vec<B256>, eyre::Report>(hashes)
        })?;
        let block = self.node.build_block()?;
        ensure!(
            block.transactions == count,
            "block {} has {} of {count} transactions",
            block.number,
            block.transactions
        );
        let provider = self.provider()?;
        self.runtime.block_on(async {
            for hash in hashes {
                let receipt = provider
                    .get_transaction_receipt(hash)
                    .await?
                    .ok_or_else(|| eyre!("transaction {hash} has no receipt"))?;
                ensure!(receipt.status(), "transaction {hash} failed");
            }
            Ok(())
        })?;
        let sealed = self
            .node
            .seal_batch()?
            .ok_or_else(|| eyre!("there was nothing to seal"))?;
        Ok(self.node.batch_witness(sealed.number())?)
    }

    /// A JSON-RPC call.
    pub(super) fn call<P, T>(&self, method: &'static str, parameters: P) -> Result<T>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin,
        T: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        let provider = self.provider()?;
        self.runtime
            .block_on(provider.raw_request(method.into(), parameters))
            .wrap_err_with(|| format!("{method} failed"))
    }

    /// Balance in wei over JSON-RPC.
    pub(super) fn balance(&self, address: Address) -> Result<U256> {
        let provider = self.provider()?;
        Ok(self
            .runtime
            .block_on(async { provider.get_balance(address).await })?)
    }

    /// Stops the server and the node.
    pub(super) fn stop(self) {
        self.runtime.block_on(self.rpc.stop());
    }
}

/// Sender `number` gives the fresh account `to` some ether.
pub(super) fn transfer(number: u64, to: u64) -> (u64, TransactionRequest) {
    let request = TransactionRequest::default()
        .with_to(recipient(to))
        .with_value(amount(to));
    (number, request)
}

/// What the fresh account `to` is given, in wei.
pub(super) fn amount(to: u64) -> U256 {
    U256::from(ETHER) / U256::from(to % 100 + 2)
}
