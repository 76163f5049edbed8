//! Batches of transfers for tests, executed by a plain reference of the chain's rules.

use crate::witness::SegmentInput;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use k256::ecdsa::SigningKey;
use protocol::{
    Account, BatchStatement, Block, BlockInput, Genesis, Payload, Receipt, SignedTransaction,
    Transaction,
    account::storage_leaf_value,
    field,
    genesis::GenesisAccount,
    hash,
    history::{HISTORY_ADDRESS, history_slot},
    rules,
    transaction::{Envelope, Signature},
    tree::{self, MemoryStore},
};
use std::collections::BTreeMap;

/// A chain in memory.
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    accounts: BTreeMap<Address, Account>,
    storage: BTreeMap<(Address, U256), U256>,
    nodes: MemoryStore,
    root: crate::Fr,
    tip: protocol::BlockHeader,
}

/// A private key by number.
pub(crate) fn key(n: u64) -> SigningKey {
    SigningKey::from_slice(keccak256(n.to_be_bytes()).as_slice()).unwrap()
}

/// Its address.
pub(crate) fn address(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_encoded_point(false);
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

/// Signs.
pub(crate) fn sign(transaction: Transaction, key: &SigningKey) -> SignedTransaction {
    let (signature, id) = key
        .sign_prehash_recoverable(transaction.signing_hash().as_slice())
        .unwrap();
    let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
    let signature = Signature {
        y_parity: id.is_y_odd(),
        r: U256::from_be_slice(&r),
        s: U256::from_be_slice(&s),
    };
    SignedTransaction {
        transaction,
        signature,
    }
}

/// A transfer in the given envelope.
pub(crate) fn transfer(nonce: u64, to: Address, value: U256, envelope: Envelope) -> Transaction {
    Transaction {
        chain_id: 1337,
        nonce,
        gas_limit: 60_000,
        to: Some(to),
        value,
        input: Bytes::new(),
        envelope,
    }
}

/// The usual prices.
pub(crate) fn dynamic() -> Envelope {
    Envelope::DynamicFee {
        max_priority_fee_per_gas: 2,
        max_fee_per_gas: 3_000_000_000,
        access_list: vec![],
    }
}

/// A genesis with `funded` keys of 1000 ether each, and `others` further accounts.
pub(crate) fn genesis(gas_limit: u64, base_fee: u64, funded: u64, others: u64) -> Genesis {
    let mut accounts: BTreeMap<Address, GenesisAccount> = BTreeMap::new();
    let ether = U256::from(10).pow(U256::from(18));
    for n in 0..funded {
        let account = GenesisAccount {
            balance: ether * U256::from(1000),
            ..Default::default()
        };
        accounts.insert(address(&key(n)), account);
    }
    for n in 0..others {
        let account = GenesisAccount {
            balance: U256::from(n + 1),
            ..Default::default()
        };
        accounts.insert(
            Address::from_slice(&keccak256(n.to_le_bytes())[12..]),
            account,
        );
    }
    let json = serde_json::json!({
        "chainId": 1337, "timestamp": 1000, "gasLimit": gas_limit, "baseFee": base_fee,
        "coinbase": Address::repeat_byte(0xcb), "accounts": {}
    });
    let mut genesis: Genesis = serde_json::from_value(json).unwrap();
    genesis.accounts = accounts;
    genesis
}

impl Chain {
    /// `funded` keys with ether each, and `others` further accounts.
    pub(crate) fn new(funded: u64, others: u64) -> Self {
        Self::of(genesis(30_000_000, 1_000_000_000, funded, others))
    }

    /// The chain of a genesis.
    pub(crate) fn of(genesis: Genesis) -> Self {
        let genesis = genesis.complete().unwrap();
        let state = genesis.state().unwrap();
        let mut nodes = MemoryStore::new();
        nodes.insert(state.nodes);
        Self {
            accounts: genesis
                .accounts
                .iter()
                .map(|(a, x)| (*a, x.record()))
                .collect(),
            storage: BTreeMap::new(),
            nodes,
            root: state.root,
            tip: genesis.header(),
            genesis,
        }
    }

    /// The chain of a genesis whose last block has another number.
    pub(crate) fn at(genesis: Genesis, number: u64) -> Self {
        let mut chain = Self::of(genesis);
        chain.tip.number = number;
        chain
    }

    /// The last block's header.
    pub(crate) fn tip(&self) -> protocol::BlockHeader {
        self.tip
    }

    /// The block has this header: the next one follows it.
    pub(crate) fn follow(&mut self, tip: protocol::BlockHeader) {
        self.tip = tip;
    }

    /// The block that follows the tip.
    pub(crate) fn next_block(&self, transactions: Vec<SignedTransaction>) -> BlockInput {
        let tip = &self.tip;
        BlockInput {
            number: tip.number + 1,
            timestamp: tip.timestamp + 1,
            gas_limit: tip.gas_limit,
            base_fee: rules::next_base_fee(tip.gas_limit, tip.gas_used, tip.base_fee).unwrap(),
            coinbase: self.genesis.coinbase,
            prev_randao: B256::repeat_byte(0x5a),
            transactions,
        }
    }

    /// One block of transactions that are not executed here, so where the batch ends is not known. All accounts, slots and codes of the
    /// genesis are there.
    pub(crate) fn open_batch(&self, transactions: Vec<SignedTransaction>) -> SegmentInput {
        self.open(self.tip, vec![self.next_block(transactions)])
    }

    /// The same of any blocks behind `parent`, whose hashes are all among the slots.
    pub(crate) fn open(
        &self,
        parent: protocol::BlockHeader,
        blocks: Vec<BlockInput>,
    ) -> SegmentInput {
        let written = (0..).zip(&blocks).map(|(i, _)| parent.number + i);
        let slots = written.map(|n| (HISTORY_ADDRESS, history_slot(n)));
        let mut storage: BTreeMap<_, _> = slots.map(|slot| (slot, U256::ZERO)).collect();
        for (address, account) in &self.genesis.accounts {
            let slots = account.storage.iter();
            storage.extend(slots.map(|(s, w)| ((*address, *s), *w)));
        }
        let codes = self.genesis.accounts.values().map(|a| a.code.clone());
        let mut accounts = self.accounts.clone();
        accounts.entry(self.genesis.coinbase).or_default();
        let mut input = SegmentInput {
            chain_id: 1337,
            batch_hash: B256::repeat_byte(7),
            from: Default::default(),
            to: None,
            cut: None,
            parent,
            payload: Payload { blocks }.encode(),
            accounts,
            storage,
            codes: codes.map(|c| (keccak256(&c), c)).collect(),
            nodes: self.nodes.clone(),
        };
        input.from.state_root = field::to_bytes(&self.root);
        input.from.tip_hash = parent.hash();
        input.from.block_number = parent.number;
        input.from.block_timestamp = parent.timestamp;
        input
    }

    /// Executes blocks of transactions as one batch and returns the input of its only segment.
    pub(crate) fn batch(&mut self, blocks: Vec<Vec<SignedTransaction>>) -> SegmentInput {
        let (parent, root) = (self.tip, self.root);
        let (before, slots_before) = (self.accounts.clone(), self.storage.clone());
        let mut touched: BTreeMap<Address, Account> = BTreeMap::new();
        let mut slots: BTreeMap<(Address, U256), U256> = BTreeMap::new();
        let mut inputs = vec![];
        for transactions in blocks {
            let input = self.next_block(transactions);
            let slot = (HISTORY_ADDRESS, history_slot(self.tip.number));
            slots.insert(slot, slots_before.get(&slot).copied().unwrap_or_default());
            self.storage.insert(slot, self.tip.hash().into());
            let mut gas = 0;
            let mut receipts = vec![];
            for tx in &input.transactions {
                let t = &tx.transaction;
                rules::check_transaction(t, 1337, input.base_fee, input.gas_limit, gas).unwrap();
                let used = rules::intrinsic_gas(t).max(rules::floor_gas(t));
                gas += used;
                let price = t.effective_gas_price(input.base_fee).unwrap();
                let sender = tx.recover_sender().unwrap();
                let mut with = |a: Address, f: &mut dyn FnMut(&mut Account)| {
                    touched
                        .entry(a)
                        .or_insert_with(|| before.get(&a).copied().unwrap_or_default());
                    f(self.accounts.entry(a).or_default());
                };
                with(sender, &mut |a| {
                    assert_eq!(a.nonce, t.nonce);
                    a.nonce += 1;
                    a.balance -= U256::from(price) * U256::from(used) + t.value;
                });
                with(t.to.unwrap(), &mut |a| a.balance += t.value);
                let tip = U256::from(price - u128::from(input.base_fee)) * U256::from(used);
                with(input.coinbase, &mut |a| a.balance += tip);
                receipts.push(Receipt {
                    success: true,
                    cumulative_gas_used: gas,
                    logs: vec![],
                });
            }
            self.tip = Block::seal(input.clone(), self.tip.hash(), receipts).header;
            inputs.push(input);
        }
        let payload = Payload { blocks: inputs };
        let mut changes: Vec<_> = touched
            .keys()
            .map(|a| (hash::account_key(*a), self.accounts[a].leaf_value()))
            .collect();
        changes.extend(slots.keys().map(|(a, s)| {
            (
                hash::storage_key(*a, *s),
                storage_leaf_value(self.storage[&(*a, *s)]),
            )
        }));
        changes.sort_unstable();
        let update = tree::update(&self.nodes, root, &changes).unwrap();
        let nodes = self.nodes.clone();
        self.nodes.insert(update.nodes);
        self.root = update.root;
        let statement = BatchStatement {
            chain_id: 1337,
            batch_number: 1,
            batch_nonce: 0,
            first_block: parent.number + 1,
            last_block: self.tip.number,
            last_timestamp: self.tip.timestamp,
            previous_state_root: field::to_bytes(&root),
            state_root: field::to_bytes(&self.root),
            previous_block_hash: parent.hash(),
            block_hash: self.tip.hash(),
            payload_hash: payload.hash(),
            ..Default::default()
        };
        let codes = BTreeMap::new();
        SegmentInput::whole_batch(
            &statement,
            parent,
            payload.encode(),
            touched,
            slots,
            codes,
            nodes,
        )
    }
}
