//! Contracts and transactions to them in one block: the machine's state and header after against `revm`'s.

use super::{
    super::super::MainMachine,
    oracle::{self, State},
};
use crate::{
    cpu::interpreter::ExecutionError,
    sample::{Chain, genesis, key, sign, transfer},
    testing::assert_holds,
    witness::SegmentInput,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::{
    Block, Payload, Receipt, Transaction,
    genesis::GenesisAccount,
    history::{HISTORY_ADDRESS, history_slot},
    transaction::{AccessListItem, Envelope},
};
use std::collections::{BTreeMap, BTreeSet};

/// One transaction of the first funded key.
#[derive(Clone, Debug)]
pub(in crate::machine::tests) struct Sent {
    pub(in crate::machine::tests) to: Address,
    pub(in crate::machine::tests) gas: u64,
    pub(in crate::machine::tests) value: u64,
    pub(in crate::machine::tests) data: Vec<u8>,
    pub(in crate::machine::tests) list: Vec<(Address, Vec<U256>)>,
}

/// What `revm` says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::machine::tests) struct Said {
    pub(in crate::machine::tests) success: bool,
    /// Gas used in the end.
    pub(in crate::machine::tests) used: u64,
    /// Gas used before the refund and the floor.
    pub(in crate::machine::tests) spent: u64,
    /// The refund, at most a fifth of what was spent.
    pub(in crate::machine::tests) refunded: u64,
}

/// Contracts, and transactions to them.
#[derive(Clone, Debug, Default)]
pub(in crate::machine::tests) struct World {
    contracts: BTreeMap<Address, GenesisAccount>,
    sent: Vec<Sent>,
    /// Slots that may be looked at, beyond the first ones of each contract and those of access lists.
    slots: BTreeSet<(Address, U256)>,
}

/// Slots of each contract that may be looked at.
pub(in crate::machine::tests) const SLOTS: u64 = 8;

impl World {
    /// A contract with these words in its first slots.
    pub(in crate::machine::tests) fn contract(&mut self, code: &[u8], words: &[u64]) -> Address {
        let at =
            Address::from_word(U256::from(0xc0de_0000u64 + self.contracts.len() as u64).into());
        let words = (0u64..).zip(words).filter(|w| *w.1 != 0);
        let account = GenesisAccount {
            nonce: 1,
            balance: U256::from(1000),
            code: code.to_vec().into(),
            storage: words
                .map(|(slot, word)| (U256::from(slot), U256::from(*word)))
                .collect(),
        };
        self.contracts.insert(at, account);
        at
    }

    /// A transaction to a contract.
    pub(in crate::machine::tests) fn send(&mut self, to: Address, gas: u64) -> &mut Sent {
        self.sent.push(Sent {
            to,
            gas,
            value: 0,
            data: vec![],
            list: vec![],
        });
        self.sent.last_mut().unwrap()
    }

    /// The run may look at a slot.
    pub(in crate::machine::tests) fn slot(&mut self, of: Address, slot: U256) {
        self.slots.insert((of, slot));
    }

    fn genesis(&self) -> protocol::Genesis {
        let mut genesis = genesis(30_000_000, 1_000_000_000, 2, 3);
        genesis.accounts.extend(self.contracts.clone());
        genesis
    }

    fn transactions(&self) -> impl Iterator<Item = Transaction> {
        (0..).zip(&self.sent).map(|(nonce, sent)| {
            let items = sent.list.iter().map(|(address, keys)| AccessListItem {
                address: *address,
                storage_keys: keys.iter().map(|k| B256::from(*k)).collect(),
            });
            let envelope = Envelope::DynamicFee {
                max_priority_fee_per_gas: 2,
                max_fee_per_gas: 3_000_000_000,
                access_list: items.collect(),
            };
            let mut t = transfer(nonce, sent.to, U256::from(sent.value), envelope);
            (t.gas_limit, t.input) = (sent.gas, Bytes::from(sent.data.clone()));
            t
        })
    }

    /// The batch.
    pub(in crate::machine::tests) fn input(&self) -> SegmentInput {
        let signed = self.transactions().map(|t| sign(t, &key(0))).collect();
        let mut input = Chain::of(self.genesis()).open_batch(signed);
        let mut slots = self.slots.clone();
        for at in self.contracts.keys() {
            slots.extend((0..SLOTS).map(|n| (*at, U256::from(n))));
        }
        for sent in &self.sent {
            input.accounts.entry(sent.to).or_default();
        }
        for (of, keys) in self.sent.iter().flat_map(|s| &s.list) {
            input.accounts.entry(*of).or_default();
            slots.extend(keys.iter().map(|k| (*of, *k)));
        }
        for slot in slots {
            input.storage.entry(slot).or_default();
        }
        input
    }

    /// Runs the transactions in `revm`, and says what it says of each; and the state that they leave.
    fn run(&self) -> (Vec<Said>, State) {
        let mut state = oracle::state(self.genesis());
        let input = Chain::of(self.genesis()).open_batch(vec![]);
        let block = Payload::decode(&input.payload).unwrap().blocks.remove(0);
        let run = |t: Transaction| {
            let result = oracle::execute(&mut state, &block, &t);
            Said {
                success: result.is_success(),
                used: result.tx_gas_used(),
                spent: result.gas().total_gas_spent(),
                refunded: result.gas().inner_refunded(),
            }
        };
        let said = self.transactions().map(run).collect();
        (said, state)
    }

    /// What `revm` says of each transaction.
    pub(in crate::machine::tests) fn said(&self) -> Vec<Said> {
        self.run().0
    }

    /// Compares all accounts and slots after the batch, and the block's hash, with what `revm` makes of them.
    #[track_caller]
    pub(in crate::machine::tests) fn agrees(&self) -> Result<Vec<Said>, ExecutionError> {
        let input = self.input();
        let measured = MainMachine::get().measure(&input)?;
        let (said, db) = self.run();
        let after = &measured.next;
        for (address, account) in &after.accounts {
            let theirs = db.cache.accounts.get(address);
            let theirs = theirs.map_or((0, U256::ZERO), |a| (a.info.nonce, a.info.balance));
            assert_eq!(
                (account.nonce, account.balance),
                theirs,
                "account {address}"
            );
        }
        let parent_slot = (HISTORY_ADDRESS, history_slot(input.parent.number));
        for ((address, slot), word) in after.storage.iter().filter(|(s, _)| **s != parent_slot) {
            let theirs = db.cache.accounts.get(address);
            let theirs = theirs.and_then(|a| a.storage.get(slot)).copied();
            let theirs = theirs.unwrap_or_default();
            assert_eq!(*word, theirs, "slot {slot} of {address}: {self:?}");
        }
        let mut cumulative_gas_used = 0;
        let receipts = said.iter().map(|s| {
            cumulative_gas_used += s.used;
            Receipt {
                success: s.success,
                cumulative_gas_used,
                logs: vec![],
            }
        });
        let receipts = receipts.collect();
        let block = Payload::decode(&input.payload).unwrap().blocks.remove(0);
        let header = Block::seal(block, input.parent.hash(), receipts).header;
        assert_eq!(after.from.tip_hash, header.hash(), "{said:?} of {self:?}");
        Ok(said)
    }

    /// Rows that instructions need, without what codes and the state tree need.
    pub(in crate::machine::tests) fn rows(&self) -> usize {
        let measured = MainMachine::get().measure(&self.input()).unwrap();
        let chips = measured.rows_by_chip.iter();
        let chips = chips.filter(|c| matches!(c.0.as_str(), "cpu" | "arith" | "logic"));
        chips.map(|c| c.1).sum()
    }

    /// Fills the table and checks it.
    #[track_caller]
    pub(in crate::machine::tests) fn holds(&self) {
        let machine = MainMachine::get();
        let filled = machine.fill(&self.input()).unwrap();
        assert_holds(&machine.machine, &filled.table);
    }
}
