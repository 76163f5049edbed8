//! Batches of any blocks of transactions to contracts: `revm` executes them first, then the machine must come to the same.

use super::{
    INTRINSIC,
    oracle::{self, State},
    push,
};
use crate::{
    machine::MainMachine,
    sample::{Chain, dynamic, genesis, key, sign, transfer},
    witness::SegmentInput,
};
use alloy_primitives::{Address, B256, U256};
use protocol::{
    Account, Block, Genesis, Receipt, SignedTransaction,
    genesis::GenesisAccount,
    history::{HISTORY_ADDRESS, HISTORY_CODE, HISTORY_NONCE, history_slot},
};
use revm::Database;

/// A code that is put together.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Code(pub(in super::super) Vec<u8>);

impl Code {
    /// PUSH of a word.
    pub(in super::super) fn push(mut self, word: U256) -> Self {
        self.0.extend(push(word));
        self
    }
    /// An opcode.
    pub(in super::super) fn op(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }
    /// Takes the word at the top, and halts if it is another one.
    pub(in super::super) fn expect(self, word: U256) -> Self {
        // EQ, PUSH2 of the JUMPDEST, JUMPI, INVALID.
        let mut code = self.push(word).op(0x14);
        let to = code.0.len() as u16 + 5;
        code.0.push(0x61);
        code.0.extend(to.to_be_bytes());
        code.0.extend([0x57, 0xfe, 0x5b]);
        code
    }
}

/// A transaction of the first key to a contract.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Call {
    pub(in super::super) to: Address,
    pub(in super::super) gas: u64,
}

impl Call {
    pub(in super::super) fn of(to: Address) -> Self {
        let gas = 1_000_000;
        Self { to, gas }
    }
    /// The same with so much gas for the contract.
    pub(in super::super) fn with(self, gas: u64) -> Self {
        let gas = INTRINSIC + gas;
        Self { gas, ..self }
    }
}

/// Wei that each call takes along.
pub(in super::super) const VALUE: u64 = 3;

/// What a chain begins with.
#[derive(Clone, Debug)]
pub(in super::super) struct World {
    pub(in super::super) genesis: Genesis,
    /// Number of the block before the batch.
    parent: u64,
}

/// What `revm` says of a call: whether it succeeds, and how much gas it uses beyond the intrinsic gas.
pub(in super::super) type Used = (bool, u64);

impl World {
    pub(in super::super) fn new() -> Self {
        let genesis = genesis(30_000_000, 1_000_000_000, 2, 3);
        Self { genesis, parent: 0 }
    }

    /// The batch begins behind block `parent`. The history contract has words for its slots from `first` on.
    pub(in super::super) fn behind(mut self, parent: u64, first: u64) -> Self {
        let written = (first..parent).map(|n| (history_slot(n), Self::hash_of(n).into()));
        let history = GenesisAccount {
            nonce: HISTORY_NONCE,
            code: HISTORY_CODE.into(),
            storage: written.collect(),
            ..Default::default()
        };
        self.genesis.accounts.insert(HISTORY_ADDRESS, history);
        Self { parent, ..self }
    }

    /// The hash of a block before the parent, as far as anyone can tell.
    pub(in super::super) fn hash_of(number: u64) -> B256 {
        alloy_primitives::keccak256(number.to_be_bytes())
    }

    /// The chain before the batch.
    pub(in super::super) fn chain(&self) -> Chain {
        Chain::at(self.genesis.clone(), self.parent)
    }

    /// Places an account.
    pub(in super::super) fn account(&mut self, at: Address, account: GenesisAccount) {
        self.genesis.accounts.insert(at, account);
    }

    /// Places a contract.
    pub(in super::super) fn contract(&mut self, code: Code) -> Call {
        let n = self.genesis.accounts.len() as u64;
        let at = Address::from_word(U256::from(0xc0de_0000 + n).into());
        let account = GenesisAccount {
            nonce: 1,
            balance: U256::from(1000),
            code: code.0.into(),
            ..Default::default()
        };
        self.account(at, account);
        Call::of(at)
    }

    /// The segment of a batch of these blocks, the calls as `revm` executes them, and the hash of the last block.
    fn execute(&self, blocks: &[Vec<Call>]) -> (SegmentInput, Vec<Used>, State, B256) {
        let mut chain = self.chain();
        let parent = chain.tip();
        let mut db = oracle::state(self.genesis.clone());
        for n in parent.number.saturating_sub(300)..parent.number {
            let hash = Self::hash_of(n);
            db.cache.block_hashes.insert(U256::from(n), hash);
        }
        let (mut inputs, mut nonce, mut used) = (vec![], 0, vec![]);
        for calls in blocks {
            let tip = chain.tip();
            let (hash, number) = (tip.hash(), U256::from(tip.number));
            db.cache.block_hashes.insert(number, hash);
            let slot = history_slot(tip.number);
            db.insert_account_storage(HISTORY_ADDRESS, slot, hash.into())
                .unwrap();
            let mut transactions = vec![];
            for call in calls {
                transactions.push(signed(call, nonce));
                nonce += 1;
            }
            let block = chain.next_block(transactions);
            let (mut gas, mut receipts) = (0, vec![]);
            for transaction in &block.transactions {
                let result = oracle::execute(&mut db, &block, &transaction.transaction);
                let of_call = result.tx_gas_used();
                gas += of_call;
                used.push((result.is_success(), of_call - INTRINSIC));
                receipts.push(Receipt {
                    success: result.is_success(),
                    cumulative_gas_used: gas,
                    logs: vec![],
                });
            }
            chain.follow(Block::seal(block.clone(), hash, receipts).header);
            inputs.push(block);
        }
        let input = completed(chain.open(parent, inputs));
        (input, used, db, chain.tip().hash())
    }

    /// The segment of a batch of these blocks.
    pub(in super::super) fn input(&self, blocks: &[Vec<Call>]) -> SegmentInput {
        self.execute(blocks).0
    }

    /// Compares the machine's run with `revm`'s: every account and slot, and the last block's hash, which has the gas and the status of every
    /// transaction in it.
    #[track_caller]
    pub(in super::super) fn agrees(&self, blocks: &[Vec<Call>]) -> Vec<Used> {
        let (input, used, mut db, tip) = self.execute(blocks);
        let measured = MainMachine::get().measure(&input);
        let after = measured.unwrap_or_else(|e| panic!("{e}")).next;
        for (address, account) in &after.accounts {
            let info = db.basic(*address).unwrap().unwrap_or_default();
            let ours = (account.nonce, account.balance);
            assert_eq!(ours, (info.nonce, info.balance), "{address} of {self:?}");
        }
        for ((address, slot), word) in &after.storage {
            let theirs = db.storage(*address, *slot).unwrap();
            assert_eq!(*word, theirs, "slot {slot} of {address}");
        }
        assert_eq!(after.from.tip_hash, tip, "gas or status of {used:?}");
        used
    }
}

fn signed(call: &Call, nonce: u64) -> SignedTransaction {
    let mut t = transfer(nonce, call.to, U256::from(VALUE), dynamic());
    t.gas_limit = call.gas;
    sign(t, &key(0))
}

/// The input with the absent accounts and the slots without a word that its run looks at.
pub(in super::super) fn completed(mut input: SegmentInput) -> SegmentInput {
    loop {
        let run = MainMachine::get().measure(&input);
        let reason = run.err().map(|e| e.reason).unwrap_or_default();
        let Some(lacking) = reason.strip_prefix("the witness lacks ") else {
            return input;
        };
        let words: Vec<&str> = lacking.split(' ').collect();
        match words[..] {
            ["account", a] => {
                _ = input
                    .accounts
                    .insert(a.parse().unwrap(), Account::default())
            }
            ["slot", slot, "of", a] => {
                let key = (a.parse().unwrap(), slot.parse().unwrap());
                input.storage.insert(key, U256::ZERO);
            }
            _ => return input,
        }
    }
}
