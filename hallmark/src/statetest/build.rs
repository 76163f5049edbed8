//! From a test to the machine's world: pre-state, parent, and a block with one signed transaction.
//!
//! What differs from the block that the test describes, on both sides alike:
//!
//! - a transaction's gas limit above 2^24 becomes 2^24 (EIP-7825), a block's above 2^62 - 1 becomes that;
//! - the history contract (EIP-2935) is there if the test does not have it, and holds what BLOCKHASH gives in state tests, the
//!   keccak of the number in decimal digits, for the blocks that BLOCKHASH reaches; the parent's hash alone is its header's;
//! - a legacy transaction is signed with the chain id (EIP-155);
//! - an account with neither nonce, balance nor code is not in the state.

use super::{
    compare::State,
    parse::{Case, Env, Quantity, Template, Test},
};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use protocol::{
    BlockHeader, BlockInput, Genesis, Payload, SignedTransaction, Transaction, field,
    genesis::{GenesisAccount, GenesisError},
    history::{BLOCKHASH_WINDOW, HISTORY_ADDRESS, HISTORY_CODE, HISTORY_NONCE, history_slot},
    payload::MAX_PAYLOAD_BYTES,
    rules::{ELASTICITY, MAX_GAS_LIMIT, MAX_TRANSACTION_GAS},
    transaction::{Envelope, Signature},
    tree::MemoryStore,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Why a case cannot be proven in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An opcode without microcode comes up.
    Opcode(&'static str),
    /// The transaction creates a contract.
    ContractCreation,
    /// The receiver is a precompile.
    PrecompileCall,
    /// The sender has delegated to code (EIP-7702).
    DelegatedSender,
    /// The receiver has delegated to code (EIP-7702).
    DelegatedReceiver,
    /// Type 3 does not exist on this chain.
    BlobTransaction,
    /// Type 4 (EIP-7702).
    SetCodeTransaction,
    /// The test does not have the sender's key.
    MissingKey,
    /// The test's key is not the sender's.
    OtherKey,
    /// A number of the transaction does not fit its encoding.
    FieldRange,
    /// Storage on an account with neither code nor nonce, which genesis refuses.
    Storage,
    /// Another account at the address of the history contract, which genesis refuses.
    HistoryContract,
    /// A chain id, gas limit or sum of balances that genesis refuses.
    Genesis,
    /// Block 0 is genesis and in no batch.
    BlockNumber,
    /// The payload is longer than L1 takes.
    PayloadBytes,
    /// More rows than the largest shape has.
    Rows,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opcode(name) => return write!(f, "opcode {name}"),
            Self::ContractCreation => "contract creation",
            Self::PrecompileCall => "precompile call",
            Self::DelegatedSender => "delegated sender",
            Self::DelegatedReceiver => "delegated receiver",
            Self::BlobTransaction => "blob transaction",
            Self::SetCodeTransaction => "set-code transaction",
            Self::MissingKey => "missing secret key",
            Self::OtherKey => "secret key of another account",
            Self::FieldRange => "transaction field out of range",
            Self::Storage => "storage on an account with neither code nor nonce",
            Self::HistoryContract => "another account at the history contract's address",
            Self::Genesis => "genesis out of range",
            Self::BlockNumber => "block 0",
            Self::PayloadBytes => "payload above 120,000 bytes",
            Self::Rows => "rows above the largest shape",
        })
    }
}

/// The chain that a test's cases share: the state before and the parent's header.
#[derive(Clone, Debug)]
pub struct World {
    /// Chain id.
    pub chain_id: u64,
    /// The state before, the history contract with it.
    pub state: State,
    /// Codes by keccak hash.
    pub codes: BTreeMap<B256, Bytes>,
    /// The state tree.
    pub nodes: MemoryStore,
    /// Its root.
    pub root: protocol::Fr,
    /// The parent's header.
    pub parent: BlockHeader,
    /// The block without its transaction.
    pub block: BlockInput,
    /// Whether the test has no history contract of its own.
    pub history_added: bool,
    /// Accounts of the test that have neither nonce, balance nor code.
    pub empty_accounts: BTreeSet<Address>,
    /// Whether the block's gas limit is lower than the test's.
    pub gas_limit_capped: bool,
}

impl World {
    /// The world of a test.
    ///
    /// # Errors
    /// The reason why no chain can be in this state.
    pub fn new(test: &Test) -> Result<Self, Reason> {
        let Env {
            gas_limit,
            number,
            base_fee,
            timestamp,
            ..
        } = test.env;
        let parent_number = number.checked_sub(1).ok_or(Reason::BlockNumber)?;
        let history_added = !test.pre.contains_key(&HISTORY_ADDRESS);
        let mut accounts = test.pre.clone();
        let history = accounts
            .entry(HISTORY_ADDRESS)
            .or_insert_with(|| GenesisAccount {
                nonce: HISTORY_NONCE,
                code: Bytes::from_static(HISTORY_CODE),
                ..GenesisAccount::default()
            });
        for block in number.saturating_sub(BLOCKHASH_WINDOW)..parent_number {
            history
                .storage
                .insert(history_slot(block), block_hash(block).into());
        }
        let is_empty = |a: &GenesisAccount| a.record().is_empty();
        let empty_accounts = test.pre.iter().filter(|(_, a)| is_empty(a));
        let empty_accounts = empty_accounts.map(|(address, _)| *address).collect();
        let genesis = Genesis {
            chain_id: test.chain_id,
            timestamp,
            gas_limit: gas_limit.min(MAX_GAS_LIMIT),
            base_fee,
            coinbase: test.env.coinbase,
            accounts,
        };
        let genesis = genesis.complete().map_err(|error| match error {
            GenesisError::Storage(_) => Reason::Storage,
            GenesisError::History => Reason::HistoryContract,
            _ => Reason::Genesis,
        })?;
        let update = genesis.state().map_err(|_| Reason::Genesis)?;
        let mut nodes = MemoryStore::new();
        nodes.insert(update.nodes);
        let codes = genesis.accounts.values();
        let codes = codes.map(|a| (keccak256(&a.code), a.code.clone()));
        // EIP-1559 leaves the base fee as it is after a block that used exactly its target.
        let parent = BlockHeader {
            number: parent_number,
            timestamp,
            gas_limit: genesis.gas_limit,
            gas_used: genesis.gas_limit / ELASTICITY,
            base_fee,
            coinbase: test.env.coinbase,
            ..BlockHeader::default()
        };
        Ok(Self {
            chain_id: test.chain_id,
            codes: codes.collect(),
            state: State::of(&genesis.accounts),
            nodes,
            root: update.root,
            parent,
            block: BlockInput {
                number,
                timestamp,
                gas_limit: genesis.gas_limit,
                base_fee,
                coinbase: test.env.coinbase,
                prev_randao: test.env.prev_randao,
                transactions: vec![],
            },
            history_added,
            empty_accounts,
            gas_limit_capped: gas_limit > MAX_GAS_LIMIT,
        })
    }

    /// The state root as bytes.
    pub fn root_bytes(&self) -> B256 {
        field::to_bytes(&self.root)
    }
}

/// What BLOCKHASH gives in state tests: keccak-256 of the number in decimal digits.
fn block_hash(number: u64) -> B256 {
    keccak256(number.to_string())
}

/// A case as the machine takes it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The block with its transaction.
    pub block: BlockInput,
    /// Who sent it.
    pub sender: Address,
    /// Whether its gas limit was lowered to 2^24 (EIP-7825).
    pub gas_limit_lowered: bool,
}

impl Built {
    /// Chooses data, gas limit and value, signs, and puts the transaction into the world's block.
    ///
    /// # Errors
    /// The reason why this chain has no such transaction.
    pub fn new(world: &World, template: &Template, case: &Case) -> Result<Self, Reason> {
        if template.blob {
            return Err(Reason::BlobTransaction);
        }
        if template.set_code {
            return Err(Reason::SetCodeTransaction);
        }
        let key = template.secret_key.ok_or(Reason::MissingKey)?;
        let key = PrivateKeySigner::from_bytes(&key).map_err(|_| Reason::MissingKey)?;
        let sender = key.address();
        if template.sender.is_some_and(|s| s != sender) {
            return Err(Reason::OtherKey);
        }
        let stated = pick(&template.gas_limits, case.gas)?;
        let stated = stated.0.ok_or(Reason::FieldRange)?;
        let gas_limit = stated.saturating_to::<u64>().min(MAX_TRANSACTION_GAS);
        let transaction = Transaction {
            chain_id: world.chain_id,
            nonce: narrow(template.nonce)?,
            gas_limit,
            to: template.to,
            value: pick(&template.values, case.value)?
                .0
                .ok_or(Reason::FieldRange)?,
            input: pick(&template.data, case.data)?.clone(),
            envelope: envelope(template, case.data)?,
        };
        let signature = key.sign_hash_sync(&transaction.signing_hash());
        let signature = signature.map_err(|_| Reason::MissingKey)?;
        let signed = SignedTransaction {
            transaction,
            signature: Signature {
                y_parity: signature.v(),
                r: signature.r(),
                s: signature.s(),
            },
        };
        let block = BlockInput {
            transactions: vec![signed],
            ..world.block.clone()
        };
        if (protocol::payload::PAYLOAD_HEADER_BYTES + block.encoded_len()) > MAX_PAYLOAD_BYTES {
            return Err(Reason::PayloadBytes);
        }
        Ok(Self {
            block,
            sender,
            gas_limit_lowered: stated > U256::from(MAX_TRANSACTION_GAS),
        })
    }

    /// The transaction.
    pub fn signed(&self) -> Option<&SignedTransaction> {
        self.block.transactions.first()
    }

    /// The payload of a batch of this block alone.
    pub fn payload(&self) -> Payload {
        Payload {
            blocks: vec![self.block.clone()],
        }
    }
}

fn pick<T>(list: &[T], index: usize) -> Result<&T, Reason> {
    list.get(index).ok_or(Reason::FieldRange)
}

fn narrow<T: TryFrom<U256>>(quantity: Quantity) -> Result<T, Reason> {
    let value = quantity.0.ok_or(Reason::FieldRange)?;
    T::try_from(value).map_err(|_| Reason::FieldRange)
}

/// Type, prices and access list.
fn envelope(template: &Template, data: usize) -> Result<Envelope, Reason> {
    let list = template.access_lists.get(data).cloned().flatten();
    if let Some(max_fee) = template.max_fee {
        return Ok(Envelope::DynamicFee {
            max_priority_fee_per_gas: narrow(template.max_priority_fee.unwrap_or_default())?,
            max_fee_per_gas: narrow(max_fee)?,
            access_list: list.unwrap_or_default(),
        });
    }
    let gas_price = narrow(template.gas_price.unwrap_or_default())?;
    Ok(match list {
        Some(access_list) => Envelope::AccessList {
            gas_price,
            access_list,
        },
        None => Envelope::Legacy { gas_price },
    })
}
