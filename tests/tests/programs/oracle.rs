//! A batch of programs in `revm`, which says what the gas limits are, and the input of the machine.

use super::{
    generator::{FIRST_BLOCK, SENDERS, contract},
    program::{Call, Gas, Program},
};
use alloy::signers::SignerSync;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use hallmark::statetest::{
    build::World,
    compare::{Outcome, State},
    oracle::{Executed, WorldDatabase, commit},
};
use protocol::{
    Account, BatchStatement, Block, BlockHeader, BlockInput, BoundaryState, Genesis, Payload,
    Receipt, SignedTransaction, Transaction, field,
    genesis::GenesisAccount,
    history::{BLOCKHASH_WINDOW, HISTORY_ADDRESS, HISTORY_CODE, HISTORY_NONCE, history_slot},
    rules,
    transaction::{AccessListItem, Envelope, Signature},
    tree::MemoryStore,
};
use revm::{
    ExecuteEvm, InspectEvm, Inspector,
    interpreter::{Interpreter, InterpreterTypes, interpreter_types::Jumps},
};
use sequencer::{BlockContext, transaction_environment};
use std::collections::{BTreeMap, BTreeSet};
use tests::{BASE_FEE, CHAIN_ID, COINBASE};

/// Gas limit of a call that has enough.
const PLENTY: u64 = 200_000;
/// Gas limit of the blocks.
const BLOCK_GAS: u64 = 1 << 40;

/// What programs did in `revm`, for the sum of a run.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// How often each opcode began, with enough gas for everything before.
    pub(crate) opcodes: [u64; 256],
    /// Transactions that succeeded, reverted, halted.
    pub(crate) outcomes: [u64; 3],
    /// Logs.
    pub(crate) logs: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            opcodes: [0; 256],
            outcomes: [0; 3],
            logs: 0,
        }
    }
}

impl Seen {
    /// Adds what others did.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = self.opcodes.iter_mut().zip(&other.opcodes);
        sums.for_each(|(sum, n)| *sum += n);
        let sums = self.outcomes.iter_mut().zip(&other.outcomes);
        sums.for_each(|(sum, n)| *sum += n);
        self.logs += other.logs;
    }
}

/// A batch that was executed.
pub(crate) struct Batch {
    /// The chain before it.
    pub(crate) world: World,
    /// Its payload.
    pub(crate) payload: Payload,
    /// `revm`'s outcome.
    pub(crate) executed: Executed,
    /// What happened on the way.
    pub(crate) seen: Seen,
}

/// Gas after each step, and which opcodes began.
#[derive(Default)]
struct Steps {
    spent: Vec<u64>,
    seen: Seen,
}

impl<CTX, I: InterpreterTypes> Inspector<CTX, I> for Steps {
    fn step(&mut self, interpreter: &mut Interpreter<I>, _: &mut CTX) {
        self.seen.opcodes[usize::from(interpreter.bytecode.opcode())] += 1;
    }
    fn step_end(&mut self, interpreter: &mut Interpreter<I>, _: &mut CTX) {
        let gas = &interpreter.gas;
        self.spent.push(gas.limit() - gas.remaining());
    }
}

fn sender(call: &Call) -> Address {
    tests::key(call.sender).unwrap().address()
}

/// The chain before a batch of these programs: the parent is an old one, so BLOCKHASH has something to say.
fn world(programs: &[Program]) -> World {
    let ether = U256::from(10).pow(U256::from(20));
    let mut accounts: BTreeMap<Address, GenesisAccount> = BTreeMap::new();
    for n in 0..SENDERS {
        let rich = GenesisAccount {
            balance: ether,
            ..Default::default()
        };
        accounts.insert(tests::key(n).unwrap().address(), rich);
    }
    for (place, program) in programs.iter().enumerate() {
        let account = GenesisAccount {
            nonce: 1,
            balance: U256::from(1000 + place),
            code: program.code().into(),
            storage: (program.storage.iter())
                .map(|(slot, word)| (U256::from(*slot), *word))
                .collect(),
        };
        accounts.insert(contract(place), account);
    }
    let parent_number = FIRST_BLOCK - 1;
    let window = parent_number.saturating_sub(BLOCKHASH_WINDOW)..parent_number;
    let known = window.filter(|n| n % 64 < 8);
    let history = GenesisAccount {
        nonce: HISTORY_NONCE,
        code: Bytes::from_static(HISTORY_CODE),
        storage: known
            .map(|n| (history_slot(n), keccak256(n.to_string()).into()))
            .collect(),
        ..Default::default()
    };
    accounts.insert(HISTORY_ADDRESS, history);
    let genesis = Genesis {
        chain_id: CHAIN_ID,
        timestamp: 1_700_000_000,
        gas_limit: BLOCK_GAS,
        base_fee: BASE_FEE,
        coinbase: COINBASE,
        accounts,
    };
    let genesis = genesis.complete().unwrap();
    let update = genesis.state().unwrap();
    let mut nodes = MemoryStore::new();
    nodes.insert(update.nodes);
    let codes = genesis.accounts.values();
    let parent = BlockHeader {
        number: parent_number,
        gas_used: BLOCK_GAS / rules::ELASTICITY,
        ..genesis.header()
    };
    let mut world = World {
        chain_id: CHAIN_ID,
        state: State::of(&genesis.accounts),
        codes: codes
            .map(|a| (keccak256(&a.code), a.code.clone()))
            .collect(),
        nodes,
        root: update.root,
        parent,
        block: BlockInput::default(),
        history_added: false,
        empty_accounts: BTreeSet::new(),
        gas_limit_capped: false,
    };
    world.block = next_block(&world.parent);
    world
}

fn next_block(parent: &BlockHeader) -> BlockInput {
    let base_fee = rules::next_base_fee(parent.gas_limit, parent.gas_used, parent.base_fee);
    BlockInput {
        number: parent.number + 1,
        timestamp: parent.timestamp + 7,
        gas_limit: parent.gas_limit,
        base_fee: base_fee.unwrap(),
        coinbase: COINBASE,
        prev_randao: keccak256(parent.number.to_be_bytes()),
        transactions: vec![],
    }
}

fn context(block: &BlockInput) -> BlockContext {
    BlockContext {
        chain_id: CHAIN_ID,
        number: block.number,
        timestamp: block.timestamp,
        gas_limit: block.gas_limit,
        base_fee: block.base_fee,
        coinbase: block.coinbase,
        prevrandao: block.prev_randao,
    }
}

fn transaction(call: &Call, place: usize, nonce: u64) -> Transaction {
    let of = |own: bool| contract(if own { place } else { place + 1 });
    let items = call.list.iter().map(|(own, slot)| AccessListItem {
        address: of(*own),
        storage_keys: (0..*slot).map(|s| B256::from(U256::from(s))).collect(),
    });
    let access_list = items.collect();
    let gas_price = 2 * u128::from(BASE_FEE);
    Transaction {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: PLENTY,
        to: Some(contract(place)),
        value: U256::from(call.value),
        input: call.input.clone().into(),
        envelope: match call.kind {
            0 => Envelope::Legacy { gas_price },
            1 => Envelope::AccessList {
                gas_price,
                access_list,
            },
            _ => Envelope::DynamicFee {
                max_priority_fee_per_gas: 3,
                max_fee_per_gas: gas_price,
                access_list,
            },
        },
    }
}

fn sign(transaction: Transaction, call: &Call) -> SignedTransaction {
    let key = tests::key(call.sender).unwrap();
    let signature = key.sign_hash_sync(&transaction.signing_hash()).unwrap();
    SignedTransaction {
        transaction,
        signature: Signature {
            y_parity: signature.v(),
            r: signature.r(),
            s: signature.s(),
        },
    }
}

/// Executes the programs' calls: the first ones of all in one block, the second ones in the next. With `replaced`, `revm` runs
/// other code than the machine will.
pub(crate) fn execute(programs: &[Program], replaced: &dyn Fn(&Bytes) -> Bytes) -> Batch {
    let world = world(programs);
    let mut told = world.clone();
    told.codes
        .values_mut()
        .for_each(|code| *code = replaced(code));
    let mut database = WorldDatabase::new(&told);
    let (mut parent, mut blocks, mut seen) = (world.parent, vec![], Seen::default());
    let mut nonces = [0u64; SENDERS as usize];
    let rounds = programs.iter().map(|p| p.calls.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let mut block = next_block(&parent);
        if round > 0 {
            database.start_block(&parent);
        }
        let (mut receipts, mut cumulative_gas_used) = (vec![], 0);
        for (place, program) in programs.iter().enumerate() {
            let Some(call) = program.calls.get(round) else {
                continue;
            };
            let nonce = &mut nonces[usize::from(call.sender)];
            let mut transaction = transaction(call, place, *nonce);
            *nonce += 1;
            let context = context(&block);
            let needed = rules::intrinsic_gas(&transaction).max(rules::floor_gas(&transaction));
            // Signatures do not matter to `revm`.
            let unsigned = SignedTransaction {
                transaction: transaction.clone(),
                signature: Signature::default(),
            };
            let mut evm = context.evm(&mut database).with_inspector(Steps::default());
            let tried = evm.inspect_tx(transaction_environment(&unsigned, sender(call)));
            tried.unwrap();
            let steps = std::mem::take(&mut evm.inspector);
            drop(evm);
            seen.add(&steps.seen);
            let limit = match call.gas {
                Gas::Edge(step, less) if !steps.spent.is_empty() => {
                    let spent = steps.spent[step.index(steps.spent.len())];
                    (rules::intrinsic_gas(&transaction) + spent).saturating_sub(less)
                }
                Gas::Limit(limit) => limit,
                _ => PLENTY,
            };
            transaction.gas_limit = limit.clamp(needed, PLENTY);
            let signed = sign(transaction, call);
            let environment = transaction_environment(&signed, sender(call));
            let executed = context.evm(&mut database).transact(environment).unwrap();
            commit(&mut database.state, executed.state);
            let result = executed.result;
            cumulative_gas_used += result.tx_gas_used();
            let outcome = match (result.is_success(), result.is_halt()) {
                (true, _) => 0,
                (false, false) => 1,
                (false, true) => 2,
            };
            seen.outcomes[outcome] += 1;
            let success = outcome == 0;
            let logs = if success { result.into_logs() } else { vec![] };
            seen.logs += logs.len() as u64;
            receipts.push(Receipt {
                success,
                cumulative_gas_used,
                logs: (logs.into_iter())
                    .map(|log| protocol::Log {
                        address: log.address,
                        topics: log.data.topics().to_vec(),
                        data: log.data.data,
                    })
                    .collect(),
            });
            block.transactions.push(signed);
        }
        parent = Block::seal(block.clone(), parent.hash(), receipts).header;
        blocks.push(block);
    }
    let WorldDatabase {
        state,
        accounts,
        slots,
        ..
    } = database;
    let state = state.normal();
    let payload = Payload { blocks };
    let statement = BatchStatement {
        chain_id: CHAIN_ID,
        batch_number: 1,
        first_block: FIRST_BLOCK,
        last_block: parent.number,
        last_timestamp: parent.timestamp,
        previous_state_root: world.root_bytes(),
        state_root: field::to_bytes(&state.tree_root(&world).unwrap()),
        previous_block_hash: world.parent.hash(),
        block_hash: parent.hash(),
        payload_hash: payload.hash(),
        ..BatchStatement::default()
    };
    Batch {
        payload,
        executed: Executed {
            outcome: Outcome {
                state,
                end: statement.end(),
                gas_used: None,
                receipts_hash: None,
            },
            statement,
            logs: vec![],
            output: Bytes::new(),
            touched: BTreeSet::new(),
            accounts,
            slots,
        },
        world,
        seen,
    }
}

impl Batch {
    /// The machine's input: the batch in one segment, with all that is there and all that `revm` looked at. It ends where its
    /// execution leads.
    pub(crate) fn input(&self) -> circuits::witness::SegmentInput {
        let Self {
            world, executed, ..
        } = self;
        let absent = executed.accounts.iter().map(|a| (*a, Account::default()));
        let mut accounts: BTreeMap<Address, Account> = absent.collect();
        let transactions = self.payload.blocks.iter().flat_map(|b| &b.transactions);
        for item in transactions.flat_map(|t| t.transaction.access_list()) {
            accounts.insert(item.address, Account::default());
        }
        accounts.extend(&world.state.accounts);
        let zero = executed.slots.iter().map(|slot| (*slot, U256::ZERO));
        let mut storage: BTreeMap<(Address, U256), U256> = zero.collect();
        for block in &self.payload.blocks {
            let parent = history_slot(block.number - 1);
            storage.insert((HISTORY_ADDRESS, parent), U256::ZERO);
            for item in (block.transactions.iter()).flat_map(|t| t.transaction.access_list()) {
                let keys = item.storage_keys.iter();
                storage
                    .extend(keys.map(|k| ((item.address, U256::from_be_bytes(k.0)), U256::ZERO)));
            }
        }
        storage.extend(&world.state.storage);
        circuits::witness::SegmentInput {
            chain_id: CHAIN_ID,
            batch_hash: executed.statement.hash(),
            from: BoundaryState {
                state_root: world.root_bytes(),
                tip_hash: world.parent.hash(),
                block_number: world.parent.number,
                block_timestamp: world.parent.timestamp,
                ..BoundaryState::default()
            },
            to: None,
            cut: None,
            parent: world.parent,
            payload: self.payload.encode(),
            accounts,
            storage,
            codes: world.codes.clone(),
            nodes: world.nodes.clone(),
        }
    }
}
