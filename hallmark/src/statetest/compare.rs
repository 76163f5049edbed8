//! States and outcomes of both sides, and what differs between them.

use super::{build::World, parse::Case};
use alloy_primitives::{Address, B256, Log, U256, address, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root};
use protocol::{
    Account, BoundaryState, Fr, account::storage_leaf_value, field, genesis::GenesisAccount, hash,
    history::HISTORY_ADDRESS, tree,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
};

/// Accounts and storage, without empty accounts and zero words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Accounts that are not empty (EIP-161).
    pub accounts: BTreeMap<Address, Account>,
    /// Words that are not zero.
    pub storage: BTreeMap<(Address, U256), U256>,
}

impl State {
    /// The state of a genesis.
    pub fn of(accounts: &BTreeMap<Address, GenesisAccount>) -> Self {
        let words = accounts.iter().flat_map(|(address, account)| {
            let words = account.storage.iter();
            words.map(|(slot, word)| ((*address, *slot), *word))
        });
        Self {
            storage: words.collect(),
            accounts: accounts.iter().map(|(a, x)| (*a, x.record())).collect(),
        }
        .normal()
    }

    /// Without what has no leaf.
    pub fn normal(mut self) -> Self {
        self.accounts.retain(|_, account| !account.is_empty());
        self.storage.retain(|_, word| !word.is_zero());
        self
    }

    /// The root of the machine's tree after changing `before`, whose tree is in the world, to this state.
    ///
    /// # Errors
    /// A sentence when the tree of the world is damaged.
    pub fn tree_root(&self, world: &World) -> Result<Fr, String> {
        let before = &world.state;
        let mut changes = vec![];
        for address in keys(&before.accounts, &self.accounts) {
            let (old, new) = (before.accounts.get(&address), self.accounts.get(&address));
            if old != new {
                let leaf = new.and_then(Account::leaf_value);
                changes.push((hash::account_key(address), leaf));
            }
        }
        for (address, slot) in keys(&before.storage, &self.storage) {
            let key = (address, slot);
            let (old, new) = (before.storage.get(&key), self.storage.get(&key));
            if old != new {
                let leaf = new.copied().and_then(storage_leaf_value);
                changes.push((hash::storage_key(address, slot), leaf));
            }
        }
        changes.sort_unstable();
        let update = tree::update(&world.nodes, world.root, &changes);
        Ok(update.map_err(|e| e.to_string())?.root)
    }

    /// Ethereum's state root: the keccak Merkle Patricia root. Of the history contract only if the test has it, and with the
    /// empty accounts that the test has and the execution did not touch.
    pub fn official_root(&self, world: &World, touched: &BTreeSet<Address>) -> B256 {
        let mut words: BTreeMap<Address, Vec<(B256, U256)>> = BTreeMap::new();
        for ((address, slot), word) in &self.storage {
            let of_account = words.entry(*address).or_default();
            of_account.push((B256::from(*slot), *word));
        }
        let mut accounts: BTreeMap<Address, TrieAccount> = world
            .empty_accounts
            .difference(touched)
            .map(|address| (*address, TrieAccount::default()))
            .collect();
        for (address, account) in &self.accounts {
            if *address == HISTORY_ADDRESS && world.history_added {
                continue;
            }
            let storage = words.remove(address);
            let storage = storage.map_or(EMPTY_ROOT_HASH, root::storage_root_unhashed);
            let account =
                TrieAccount::new(account.nonce, account.balance, storage, account.code.keccak);
            accounts.insert(*address, account);
        }
        root::state_root_unhashed(accounts)
    }
}

fn keys<K: Ord + Copy, V>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> BTreeSet<K> {
    a.keys().chain(b.keys()).copied().collect()
}

/// Chain id of the tests in which the base fee is not burnt but credited to [`FEE_COLLECTOR`] (Gnosis).
const COLLECTING_CHAIN: u64 = 100;
/// Who receives the base fee there.
const FEE_COLLECTOR: Address = address!("6bbe78ee9e474842dbd4ab4987b3cefe88426a92");

/// Whether state and logs are those that the official test expects.
///
/// Tests of chain id 100 were filled for a chain with a receiver of the base fee; here the fee of `gas_used` is credited to it
/// before the root is taken, and nothing else is different.
pub fn official(
    world: &World,
    case: &Case,
    state: &State,
    touched: &BTreeSet<Address>,
    logs: &[Log],
    gas_used: u64,
) -> bool {
    let mut state = Cow::Borrowed(state);
    if world.chain_id == COLLECTING_CHAIN && gas_used > 0 {
        let fee = U256::from(world.block.base_fee) * U256::from(gas_used);
        let accounts = &mut state.to_mut().accounts;
        let collector = accounts.entry(FEE_COLLECTOR).or_default();
        collector.balance = collector.balance.saturating_add(fee);
    }
    state.official_root(world, touched) == case.state_root
        && keccak256(alloy_rlp::encode(logs.to_vec())) == case.logs_hash
}

/// What one side says of a block that it executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The state after.
    pub state: State,
    /// The boundary state after: state root, and block hash, which commits to gas used, status and logs.
    pub end: BoundaryState,
    /// Gas used; of the machine only known if the block hashes differ.
    pub gas_used: Option<u64>,
    /// The receipts hash, which commits to status, gas used and logs; of the machine only known if the block hashes differ.
    pub receipts_hash: Option<B256>,
}

/// One thing on which the machine and `revm` do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub what: String,
    /// What `revm` says.
    pub revm: String,
    /// What the machine says.
    pub machine: String,
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            revm,
            machine,
        } = self;
        write!(f, "{what}: revm {revm}, machine {machine}")
    }
}

impl Difference {
    fn of<T: Display>(what: impl Display, revm: T, machine: T) -> Self {
        Self {
            what: what.to_string(),
            revm: revm.to_string(),
            machine: machine.to_string(),
        }
    }
}

/// Everything on which the outcomes differ, the cause before what follows from it.
pub fn compare(revm: &Outcome, machine: &Outcome) -> Vec<Difference> {
    let mut found = accounts(&revm.state, &machine.state);
    for (address, slot) in keys(&revm.state.storage, &machine.state.storage) {
        let word = |s: &State| s.storage.get(&(address, slot)).copied().unwrap_or_default();
        let (r, m) = (word(&revm.state), word(&machine.state));
        if r != m {
            found.push(Difference::of(
                format!("slot {slot:#x} of {address}"),
                format!("{r:#x}"),
                format!("{m:#x}"),
            ));
        }
    }
    if let (Some(r), Some(m)) = (revm.gas_used, machine.gas_used)
        && r != m
    {
        found.push(Difference::of("gas used", r, m));
    }
    if let (Some(r), Some(m)) = (revm.receipts_hash, machine.receipts_hash)
        && r != m
    {
        let what = "receipts hash (status, gas used and logs)";
        found.push(Difference::of(what, r, m));
    }
    if revm.end.state_root != machine.end.state_root {
        let (r, m) = (revm.end.state_root, machine.end.state_root);
        found.push(Difference::of("state root", r, m));
    }
    if revm.end.tip_hash != machine.end.tip_hash {
        let (r, m) = (revm.end.tip_hash, machine.end.tip_hash);
        found.push(Difference::of("block hash", r, m));
    }
    if found.is_empty() && revm.end != machine.end {
        let show = |end: &BoundaryState| format!("{end:?}");
        found.push(Difference::of(
            "boundary state",
            show(&revm.end),
            show(&machine.end),
        ));
    }
    found
}

fn accounts(revm: &State, machine: &State) -> Vec<Difference> {
    let mut found = vec![];
    for address in keys(&revm.accounts, &machine.accounts) {
        let account = |s: &State| s.accounts.get(&address).copied().unwrap_or_default();
        let (r, m) = (account(revm), account(machine));
        let what = |field: &str| format!("{field} of {address}");
        if r.nonce != m.nonce {
            found.push(Difference::of(what("nonce"), r.nonce, m.nonce));
        }
        if r.balance != m.balance {
            found.push(Difference::of(what("balance"), r.balance, m.balance));
        }
        if r.code.keccak != m.code.keccak {
            found.push(Difference::of(
                what("code hash"),
                r.code.keccak,
                m.code.keccak,
            ));
        } else if r.code != m.code {
            let show = |a: &Account| {
                let hash = field::to_bytes(&a.code.poseidon2);
                format!("{} bytes, Poseidon2 {hash}", a.code.size)
            };
            found.push(Difference::of(what("code record"), show(&r), show(&m)));
        }
    }
    found
}
