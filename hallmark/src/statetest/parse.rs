//! The files of state tests, in the layout of `ethereum/tests` and of `execution-spec-tests`, and the cases in them.

use alloy_primitives::{Address, B256, Bytes, U256};
use protocol::{genesis::GenesisAccount, transaction::AccessListItem};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, str::FromStr};

/// Forks whose expectations are used, best first. A later fork than the first is none of the machine's business.
const FORKS: [&str; 18] = [
    "Osaka",
    "Prague",
    "Cancun",
    "Shanghai",
    "Paris",
    "Merge",
    "GrayGlacier",
    "ArrowGlacier",
    "London",
    "Berlin",
    "Istanbul",
    "ConstantinopleFix",
    "Constantinople",
    "Byzantium",
    "EIP158",
    "EIP150",
    "Homestead",
    "Frontier",
];

/// The fork whose rules the machine has.
pub const MACHINE_FORK: &str = FORKS[0];

/// Chain id of a test that states none.
const CHAIN_ID: u64 = 1;

/// Why a file holds no state tests.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON, or not the layout of a state test.
    #[error("it is no file of state tests: {0}")]
    Layout(#[from] serde_json::Error),
    /// A number of the environment or of an account does not fit.
    #[error("test {test}: {field} is out of range")]
    Range {
        /// Name of the test.
        test: String,
        /// Name of the field.
        field: &'static str,
    },
    /// No fork up to Osaka has an expectation.
    #[error("test {test} has no post-state for Osaka or an earlier fork")]
    Fork {
        /// Name of the test.
        test: String,
    },
    /// A case points at data, a gas limit or a value that the transaction does not have.
    #[error("test {test}: case {case} has no such data, gas limit or value")]
    Index {
        /// Name of the test.
        test: String,
        /// The indices.
        case: String,
    },
}

/// A number of a test: hex with or without leading zeros, or decimal. `None` if it has more than 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(pub Option<U256>);

impl Default for Quantity {
    fn default() -> Self {
        Self(Some(U256::ZERO))
    }
}

impl Quantity {
    fn u64(self) -> Option<u64> {
        u64::try_from(self.0?).ok()
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("0x:bigint ").unwrap_or(text);
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        if !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(format!("{text} is no number"));
        }
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self(Some(U256::ZERO)));
        }
        Ok(Self(U256::from_str_radix(digits, u64::from(radix)).ok()))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// One test: a pre-state, a block and a transaction in several variants.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name in the file.
    pub name: String,
    /// Chain id: the test's configuration says it, or 1.
    pub chain_id: u64,
    /// The block.
    pub env: Env,
    /// Accounts before.
    pub pre: BTreeMap<Address, GenesisAccount>,
    /// The transaction's variants.
    pub transaction: Template,
    /// The cases, one for each combination of data, gas limit and value that some fork has an expectation for.
    pub cases: Vec<Case>,
}

/// The block that a test's transaction is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// Gas limit; what is above 64 bits is cut to the greatest number.
    pub gas_limit: u64,
    /// Number.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Base fee in wei per gas; 0 in tests from before EIP-1559.
    pub base_fee: u64,
    /// PREVRANDAO; the difficulty in tests from before the Merge, as DIFFICULTY has the same opcode.
    pub prev_randao: B256,
}

/// A transaction with lists of data, gas limits and values to choose from.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Nonce.
    pub nonce: Quantity,
    /// Gas price of types 0 and 1.
    pub gas_price: Option<Quantity>,
    /// Maximum fee of type 2.
    pub max_fee: Option<Quantity>,
    /// Maximum priority fee of type 2.
    pub max_priority_fee: Option<Quantity>,
    /// Gas limits.
    pub gas_limits: Vec<Quantity>,
    /// Receiver; none creates a contract.
    pub to: Option<Address>,
    /// Wei sent.
    pub values: Vec<Quantity>,
    /// Calldata or init code.
    pub data: Vec<Bytes>,
    /// Access lists, by the index of the data; without one the transaction has type 0.
    pub access_lists: Vec<Option<Vec<AccessListItem>>>,
    /// The sender's key.
    pub secret_key: Option<B256>,
    /// The sender.
    pub sender: Option<Address>,
    /// Whether it is a blob transaction (type 3).
    pub blob: bool,
    /// Whether it is a set-code transaction (type 4).
    pub set_code: bool,
}

/// One choice of data, gas limit and value, with what a fork expects of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Index of the data.
    pub data: usize,
    /// Index of the gas limit.
    pub gas: usize,
    /// Index of the value.
    pub value: usize,
    /// The fork that the expectation was filled for.
    pub fork: String,
    /// keccak Merkle Patricia root of the state after.
    pub state_root: B256,
    /// keccak of the RLP of the logs.
    pub logs_hash: B256,
    /// The exception, if the transaction is not valid.
    pub exception: Option<String>,
}

impl Case {
    /// The case's name: `file::test::data/gas/value`.
    pub fn name(&self, file: &str, test: &str) -> String {
        format!("{file}::{test}::{}/{}/{}", self.data, self.gas, self.value)
    }
}

/// The tests of a file.
///
/// # Errors
/// [`ParseError`] when it is no file of state tests.
pub fn parse(text: &str) -> Result<Vec<Test>, ParseError> {
    let tests: BTreeMap<String, RawTest> = serde_json::from_str(text)?;
    tests
        .into_iter()
        .map(|(name, raw)| raw.test(name))
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTest {
    env: RawEnv,
    pre: BTreeMap<Address, RawAccount>,
    transaction: RawTransaction,
    post: BTreeMap<String, Vec<RawPost>>,
    #[serde(default)]
    config: RawConfig,
}

#[derive(Default, Deserialize)]
struct RawConfig {
    chainid: Option<Quantity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEnv {
    current_coinbase: Address,
    current_gas_limit: Quantity,
    current_number: Quantity,
    current_timestamp: Quantity,
    current_base_fee: Option<Quantity>,
    current_random: Option<Quantity>,
    current_difficulty: Option<Quantity>,
}

#[derive(Deserialize)]
struct RawAccount {
    #[serde(default)]
    balance: Quantity,
    #[serde(default)]
    nonce: Quantity,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<Quantity, Quantity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTransaction {
    nonce: Quantity,
    gas_price: Option<Quantity>,
    max_fee_per_gas: Option<Quantity>,
    max_priority_fee_per_gas: Option<Quantity>,
    gas_limit: Vec<Quantity>,
    /// Absent, null or empty: a contract is created.
    to: Option<String>,
    value: Vec<Quantity>,
    data: Vec<Bytes>,
    #[serde(default)]
    access_lists: Vec<Option<Vec<RawAccessListItem>>>,
    secret_key: Option<Quantity>,
    sender: Option<Address>,
    max_fee_per_blob_gas: Option<Quantity>,
    blob_versioned_hashes: Option<Vec<B256>>,
    authorization_list: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAccessListItem {
    address: Address,
    storage_keys: Vec<Quantity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPost {
    hash: B256,
    logs: B256,
    indexes: RawIndexes,
    expect_exception: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
struct RawIndexes {
    data: usize,
    gas: usize,
    value: usize,
}

impl RawTest {
    fn test(self, name: String) -> Result<Test, ParseError> {
        let range = |field| ParseError::Range {
            test: name.clone(),
            field,
        };
        let env = self.env.env(range)?;
        let chain_id = match self.config.chainid {
            Some(id) => id.u64().ok_or_else(|| range("the chain id"))?,
            None => CHAIN_ID,
        };
        let pre = self
            .pre
            .into_iter()
            .map(|(address, account)| Ok((address, account.account(range)?)))
            .collect::<Result<_, ParseError>>()?;
        let transaction = self.transaction.template(range)?;
        let mut cases = BTreeMap::new();
        for fork in FORKS {
            for post in self.post.get(fork).into_iter().flatten() {
                let i = post.indexes;
                let known = transaction.data.get(i.data).is_some()
                    && transaction.gas_limits.get(i.gas).is_some()
                    && transaction.values.get(i.value).is_some();
                if !known {
                    return Err(ParseError::Index {
                        test: name,
                        case: format!("{}/{}/{}", i.data, i.gas, i.value),
                    });
                }
                cases
                    .entry((i.data, i.gas, i.value))
                    .or_insert_with(|| Case {
                        data: i.data,
                        gas: i.gas,
                        value: i.value,
                        fork: fork.to_owned(),
                        state_root: post.hash,
                        logs_hash: post.logs,
                        exception: post.expect_exception.clone(),
                    });
            }
        }
        if cases.is_empty() {
            return Err(ParseError::Fork { test: name });
        }
        Ok(Test {
            name,
            chain_id,
            env,
            pre,
            transaction,
            cases: cases.into_values().collect(),
        })
    }
}

impl RawEnv {
    fn env(&self, range: impl Fn(&'static str) -> ParseError) -> Result<Env, ParseError> {
        let number = |q: Quantity, field| q.u64().ok_or_else(|| range(field));
        let random = self.current_random.or(self.current_difficulty);
        Ok(Env {
            coinbase: self.current_coinbase,
            gas_limit: self.current_gas_limit.u64().unwrap_or(u64::MAX),
            number: number(self.current_number, "the block number")?,
            timestamp: number(self.current_timestamp, "the timestamp")?,
            base_fee: number(self.current_base_fee.unwrap_or_default(), "the base fee")?,
            prev_randao: random
                .unwrap_or_default()
                .0
                .ok_or_else(|| range("prevrandao"))?
                .into(),
        })
    }
}

impl RawAccount {
    fn account(
        self,
        range: impl Fn(&'static str) -> ParseError,
    ) -> Result<GenesisAccount, ParseError> {
        let storage = self
            .storage
            .into_iter()
            .map(|(slot, word)| slot.0.zip(word.0).ok_or_else(|| range("a storage word")))
            .collect::<Result<_, _>>()?;
        Ok(GenesisAccount {
            balance: self.balance.0.ok_or_else(|| range("a balance"))?,
            nonce: self.nonce.u64().ok_or_else(|| range("a nonce"))?,
            code: self.code,
            storage,
        })
    }
}

impl RawTransaction {
    fn template(self, range: impl Fn(&'static str) -> ParseError) -> Result<Template, ParseError> {
        let to = match self.to.as_deref() {
            None | Some("" | "0x") => None,
            Some(to) => Some(to.parse().map_err(|_| range("the receiver"))?),
        };
        let key = self
            .secret_key
            .map(|key| key.0.map(B256::from).ok_or_else(|| range("the secret key")));
        let item = |raw: RawAccessListItem| {
            let keys = raw.storage_keys.into_iter();
            let keys = keys.map(|k| k.0.map(B256::from).ok_or_else(|| range("a storage key")));
            Ok(AccessListItem {
                address: raw.address,
                storage_keys: keys.collect::<Result<_, _>>()?,
            })
        };
        let access_lists = self.access_lists.into_iter();
        let access_lists = access_lists
            .map(|list| {
                list.map(|items| items.into_iter().map(item).collect())
                    .transpose()
            })
            .collect::<Result<_, ParseError>>()?;
        Ok(Template {
            nonce: self.nonce,
            gas_price: self.gas_price,
            max_fee: self.max_fee_per_gas,
            max_priority_fee: self.max_priority_fee_per_gas,
            gas_limits: self.gas_limit,
            to,
            values: self.value,
            data: self.data,
            access_lists,
            secret_key: key.transpose()?,
            sender: self.sender,
            blob: self.max_fee_per_blob_gas.is_some() || self.blob_versioned_hashes.is_some(),
            set_code: self.authorization_list.is_some(),
        })
    }
}
