//! A chain with many accounts and senders known by number, for `demo` and `cost`.

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use eyre::{Result, WrapErr, ensure, eyre};
use hallmark::{door::Door, pipeline, token::genesis_account};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BatchWitness, BlockProduction, Config, Node, RpcHandle, SealPolicy};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, path::Path};
use tokio::runtime::Runtime;
use verifier_contract::Token;

pub(super) const CHAIN_ID: u64 = 1337;
const ETHER: u64 = 1_000_000_000_000_000_000;
/// Gas limit of a call to the token, more than one uses.
const TOKEN_GAS: u64 = 100_000;

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

/// Where the token is.
pub(super) fn token() -> Address {
    hashed_address("hallmark sample token")
}

/// Genesis with `accounts` accounts, of which the first `senders` have 100 ether and 100 tokens each, and the token.
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
    let holders = (0..senders).map(|n| Ok((signer(n)?.address(), tokens(100))));
    let holders = holders.collect::<Result<_>>()?;
    let account = genesis_account("Hallmark sample token", "HST", &holders)?;
    genesis.accounts.insert(token(), account);
    Ok(genesis.complete()?)
}

/// Whole tokens in the smallest unit.
fn tokens(n: u64) -> U256 {
    U256::from(n) * U256::from(ETHER)
}

/// A transaction to send, and what must become of it.
pub(super) struct Order {
    /// Number of the sender.
    pub(super) sender: u64,
    /// What it sends.
    pub(super) request: TransactionRequest,
    /// Whether it succeeds; otherwise it reverts.
    pub(super) succeeds: bool,
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
    pub(super) fn batch(&self, orders: Vec<Order>) -> Result<BatchWitness> {
        let count = orders.len();
        let url = self.rpc.url();
        let sent = self.runtime.block_on(async {
            let mut sent = vec![];
            for order in orders {
                let provider = ProviderBuilder::new()
                    .wallet(EthereumWallet::from(signer(order.sender)?))
                    .connect_http(url.parse()?);
                let pending = provider
                    .send_transaction(order.request)
                    .await
                    .wrap_err("the node refused a transaction")?;
                sent.push((*pending.tx_hash(), order.succeeds));
            }
            Ok::<Vec<(B256, bool)>, eyre::Report>(sent)
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
            for (hash, succeeds) in sent {
                let receipt = provider
                    .get_transaction_receipt(hash)
                    .await?
                    .ok_or_else(|| eyre!("transaction {hash} has no receipt"))?;
                ensure!(
                    receipt.status() == succeeds,
                    "transaction {hash} {}",
                    if succeeds { "failed" } else { "succeeded" }
                );
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

    /// Balance in the token's smallest unit, asked of the token over JSON-RPC.
    pub(super) fn token_balance(&self, account: Address) -> Result<U256> {
        let call = Token::balanceOfCall { account }.abi_encode();
        let request = TransactionRequest::default()
            .with_to(token())
            .with_input(call);
        let provider = self.provider()?;
        let answer = self
            .runtime
            .block_on(async { provider.call(request).await })?;
        Ok(Token::balanceOfCall::abi_decode_returns(&answer)?)
    }

    /// Stops the server and the node.
    pub(super) fn stop(self) {
        self.runtime.block_on(self.rpc.stop());
    }
}

/// Sender `number` gives the fresh account `to` some ether.
pub(super) fn transfer(number: u64, to: u64) -> Order {
    let request = TransactionRequest::default()
        .with_to(recipient(to))
        .with_value(amount(to));
    Order {
        sender: number,
        request,
        succeeds: true,
    }
}

/// Sender `number` gives the fresh account `to` one token.
pub(super) fn token_transfer(number: u64, to: u64) -> Order {
    token_order(number, to, tokens(1), true)
}

/// Sender `number` tries to give the account `to` more tokens than it can have: the token reverts.
pub(super) fn token_overdraft(number: u64, to: u64) -> Order {
    token_order(number, to, tokens(101), false)
}

fn token_order(number: u64, to: u64, value: U256, succeeds: bool) -> Order {
    let to = recipient(to);
    let call = Token::transferCall { to, value }.abi_encode();
    // What reverts cannot be estimated.
    let request = TransactionRequest::default()
        .with_to(token())
        .with_input(call)
        .with_gas_limit(TOKEN_GAS);
    Order {
        sender: number,
        request,
        succeeds,
    }
}

/// What the fresh account `to` is given, in wei.
pub(super) fn amount(to: u64) -> U256 {
    U256::from(ETHER) / U256::from(to % 100 + 2)
}
