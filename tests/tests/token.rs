//! OpenZeppelin's ERC-20 token, placed by genesis, in the sequencer's EVM: what it answers, what its transactions do and
//! cost, and which instructions a transfer runs.
//!
//! `UPDATE_GOLDEN=1 cargo test --release --workspace --test token` writes the golden files anew.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::{
    consensus::TxEip1559,
    eips::eip2930::AccessList,
    network::TransactionBuilder,
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolConstructor, SolError, SolEvent},
};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use hallmark::{pipeline, plan, token::genesis_account};
use protocol::{Genesis, SignedTransaction};
use revm::{
    ExecuteEvm, InspectEvm, Inspector,
    bytecode::opcode::{KECCAK256, OpCode},
    context::TxEnv,
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    interpreter::{
        Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{Jumps, MemoryTr},
    },
    state::{AccountInfo, Bytecode, EvmState},
};
use sequencer::{BlockContext, Config, Node};
use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};
use tests::{BASE_FEE, CHAIN_ID, COINBASE, GENESIS_TIME, assert_golden, key, node_on, sign};
use verifier_contract::{Token, artifact, token};

const TOKEN: Address = Address::repeat_byte(0x70);
const FRESH: Address = Address::repeat_byte(0x77);
const NAME: &str = "Hallmark Token";
const SYMBOL: &str = "HMT";
/// Whole tokens that accounts 0 and 1 have.
const BALANCES: [u64; 2] = [1_000, 500];

fn address(index: u8) -> Address {
    key(index).unwrap().address()
}

/// Whole tokens in the smallest unit.
fn tokens(n: u64) -> U256 {
    U256::from(n) * U256::from(1_000_000_000_000_000_000_u64)
}

/// The tests' genesis with the token.
fn genesis(name: &str, symbol: &str) -> Genesis {
    let balances = BALANCES.into_iter().zip(0..);
    let balances = balances.map(|(n, index)| (address(index), tokens(n)));
    let token = genesis_account(name, symbol, &balances.collect()).unwrap();
    let mut genesis = tests::genesis().unwrap();
    genesis.accounts.insert(TOKEN, token);
    genesis.complete().unwrap()
}

/// What became of a transaction.
struct Outcome {
    success: bool,
    gas: u64,
    output: Bytes,
    logs: Vec<Log>,
    state: EvmState,
}

/// A chain of one transaction a block, in the sequencer's EVM.
#[derive(Clone)]
struct World {
    state: CacheDB<EmptyDB>,
}

impl World {
    fn new(genesis: &Genesis) -> Self {
        let mut state = CacheDB::new(EmptyDB::default());
        for (address, account) in &genesis.accounts {
            let code = Bytecode::new_raw(account.code.clone());
            let info = AccountInfo::new(account.balance, account.nonce, code.hash_slow(), code);
            state.insert_account_info(*address, info);
            for (slot, word) in &account.storage {
                let Ok(()) = state.insert_account_storage(*address, *slot, *word);
            }
        }
        Self { state }
    }

    fn block() -> BlockContext {
        BlockContext {
            chain_id: CHAIN_ID,
            number: 1,
            timestamp: GENESIS_TIME + 1,
            gas_limit: 30_000_000,
            base_fee: BASE_FEE,
            coinbase: COINBASE,
            prevrandao: Default::default(),
        }
    }

    /// A signed transaction, as the node hands it to the EVM.
    fn transaction(&self, sender: u8, to: TxKind, input: Bytes) -> TxEnv {
        let account = self.state.cache.accounts.get(&address(sender));
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: account.unwrap().info.nonce,
            gas_limit: 2_000_000,
            max_fee_per_gas: 2 * u128::from(BASE_FEE),
            max_priority_fee_per_gas: 1,
            to,
            value: U256::ZERO,
            access_list: AccessList::default(),
            input,
        };
        let raw = sign(&key(sender).unwrap(), transaction).unwrap();
        let signed = SignedTransaction::decode_2718(&raw).unwrap();
        assert_eq!(signed.recover_sender().unwrap(), address(sender));
        sequencer::transaction_environment(&signed, address(sender))
    }

    /// Executes a transaction and keeps what it did.
    fn send(&mut self, sender: u8, to: TxKind, input: Bytes) -> Outcome {
        let transaction = self.transaction(sender, to, input);
        let done = Self::block().evm(&mut self.state).transact(transaction);
        let done = done.unwrap();
        revm::DatabaseCommit::commit(&mut self.state, done.state.clone());
        Outcome {
            success: done.result.is_success(),
            gas: done.result.tx_gas_used(),
            output: done.result.output().cloned().unwrap_or_default(),
            logs: done.result.into_logs(),
            state: done.state,
        }
    }

    fn call<C: SolCall>(&mut self, sender: u8, call: &C) -> Outcome {
        self.send(sender, TxKind::Call(TOKEN), call.abi_encode().into())
    }

    /// What a call answers, without a trace of it.
    fn ask<C: SolCall>(&self, call: &C) -> C::Return {
        let outcome = self.clone().call(5, call);
        assert!(outcome.success && outcome.logs.is_empty());
        C::abi_decode_returns(&outcome.output).unwrap()
    }

    fn balance(&self, account: Address) -> U256 {
        self.ask(&Token::balanceOfCall { account })
    }

    /// The instructions of a call of account 0.
    fn trace(&self, call: &impl SolCall) -> Trace {
        let data = call.abi_encode().into();
        let transaction = self.transaction(0, TxKind::Call(TOKEN), data);
        let mut trace = Trace::default();
        let evm = Self::block().evm(self.state.clone());
        let mut evm = evm.with_inspector(&mut trace);
        evm.inspect_tx(transaction).unwrap();
        trace
    }
}

/// What an execution runs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    /// Executions by instruction.
    counts: BTreeMap<u8, u64>,
    /// Most words on the stack before an instruction.
    stack: usize,
    /// Most bytes of memory before an instruction.
    memory: usize,
    /// Bytes that are hashed.
    hashed: usize,
}

impl<DB: revm::Database> Inspector<MainnetContext<DB>, EthInterpreter> for &mut Trace {
    fn step(&mut self, run: &mut Interpreter<EthInterpreter>, _: &mut MainnetContext<DB>) {
        let opcode = run.bytecode.opcode();
        *self.counts.entry(opcode).or_default() += 1;
        self.stack = self.stack.max(run.stack.len());
        self.memory = self.memory.max(run.memory.size());
        if opcode == KECCAK256 {
            let [.., length, _] = run.stack.data()[..] else {
                panic!("KECCAK256 without operands");
            };
            self.hashed += length.to::<usize>();
        }
    }
}

fn transfer(to: Address, n: u64) -> Token::transferCall {
    let value = tokens(n);
    Token::transferCall { to, value }
}

// POSITIVE

#[test]
fn the_token_answers_from_genesis() {
    let long = "a name that is longer than the thirty-one bytes of a slot, and than two";
    for (name, symbol) in [(NAME, SYMBOL), (long, ""), (&long[..31], &long[..32])] {
        let world = World::new(&genesis(name, symbol));
        assert_eq!(world.ask(&Token::nameCall {}), name);
        assert_eq!(world.ask(&Token::symbolCall {}), symbol);
        assert_eq!(world.ask(&Token::decimalsCall {}), 18);
        assert_eq!(world.ask(&Token::totalSupplyCall {}), tokens(1_500));
        assert_eq!(world.balance(address(0)), tokens(1_000));
        assert_eq!(world.balance(address(1)), tokens(500));
        assert_eq!(world.balance(FRESH), U256::ZERO);
    }
}

/// Code and storage are those that the contract's own constructor makes.
#[test]
fn genesis_places_what_a_deployment_makes() {
    let artifact = artifact::token().unwrap();
    for length in [0, 1, 31, 32, 33, 64, 100] {
        let (name, symbol) = ("é".repeat(length / 2) + "x", "y".repeat(length));
        let arguments = Token::constructorCall {
            name_: name.clone(),
            symbol_: symbol.clone(),
        };
        let init = [artifact.bytecode.to_vec(), arguments.abi_encode()].concat();
        let mut world = World::new(&tests::genesis().unwrap());
        let outcome = world.send(0, TxKind::Create, init.into());
        assert!(outcome.success);
        assert_eq!(outcome.output, artifact.runtime);
        let created = &outcome.state[&address(0).create(0)];
        let placed = genesis_account(&name, &symbol, &BTreeMap::new()).unwrap();
        assert_eq!(created.info.nonce, placed.nonce);
        assert_eq!(created.info.code_hash, placed.record().code.keccak);
        let words = created.storage.iter();
        let words = words.map(|(slot, word)| (*slot, word.present_value));
        let words: BTreeMap<_, _> = words.filter(|(_, word)| !word.is_zero()).collect();
        assert_eq!(words, placed.storage, "{length}");
    }
}

#[test]
fn a_transfer_moves_balances_and_says_so() {
    let mut world = World::new(&genesis(NAME, SYMBOL));
    for (to, sent) in [(FRESH, 7), (address(1), 8), (address(0), 9)] {
        let before = [world.balance(address(0)), world.balance(to)];
        let outcome = world.call(0, &transfer(to, sent));
        assert!(outcome.success);
        assert!(Token::transferCall::abi_decode_returns(&outcome.output).unwrap());
        let [log] = outcome.logs.try_into().unwrap();
        assert_eq!(log.address, TOKEN);
        let expected = Token::Transfer {
            from: address(0),
            to,
            value: tokens(sent),
        };
        assert_eq!(
            Token::Transfer::decode_log_data(&log.data).unwrap(),
            expected
        );
        let moved = if to == address(0) { 0 } else { sent };
        let after = [before[0] - tokens(moved), before[1] + tokens(moved)];
        assert_eq!([world.balance(address(0)), world.balance(to)], after);
    }
    assert_eq!(world.ask(&Token::totalSupplyCall {}), tokens(1_500));
}

#[test]
fn the_node_reads_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store.redb");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let node = Node::open(&store, genesis(NAME, SYMBOL), Config::default()).unwrap();
    let rpc = runtime
        .block_on(node.start_rpc((Ipv4Addr::LOCALHOST, 0).into()))
        .unwrap();
    let provider = ProviderBuilder::new().connect_http(rpc.url().parse().unwrap());
    let ask = |input: Vec<u8>| {
        let request = TransactionRequest::default()
            .with_to(TOKEN)
            .with_input(input);
        runtime.block_on(async { provider.call(request).await.unwrap() })
    };
    let name = ask(Token::nameCall {}.abi_encode());
    assert_eq!(Token::nameCall::abi_decode_returns(&name).unwrap(), NAME);
    let account = address(1);
    let balance = ask(Token::balanceOfCall { account }.abi_encode());
    let balance = Token::balanceOfCall::abi_decode_returns(&balance).unwrap();
    assert_eq!(balance, tokens(500));
}

/// Transfers of ether and of the token in one batch: its tables hold, and end where `revm` does.
#[test]
fn the_machine_executes_transfers_of_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let node = node_on(directory.path(), genesis(NAME, SYMBOL)).unwrap();
    let mut nonces = [0; 6];
    let mut send = |sender: u8, to: Address, value: u64, input: Vec<u8>| {
        let nonce = &mut nonces[usize::from(sender)];
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: *nonce,
            gas_limit: 100_000,
            max_fee_per_gas: 2 * u128::from(BASE_FEE),
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(to),
            value: U256::from(value),
            access_list: AccessList::default(),
            input: input.into(),
        };
        *nonce += 1;
        node.submit(sign(&key(sender).unwrap(), transaction).unwrap())
            .unwrap()
    };
    for sender in 2..6 {
        send(sender, FRESH, 5, vec![]);
    }
    let good = [(0, FRESH), (1, address(2)), (0, address(1))];
    let good = good.map(|(sender, to)| send(sender, TOKEN, 0, transfer(to, 3).abi_encode()));
    let reverted = send(1, TOKEN, 0, transfer(FRESH, 1_000).abi_encode());
    assert_eq!(node.build_block().unwrap().transactions, 8);
    let batch = node.seal_batch().unwrap().unwrap();
    let witness = node.batch_witness(1).unwrap();
    assert!(pipeline::whole_rows(&witness).unwrap() as u64 <= batch.rows);
    let segments = plan::plan(&witness, *pipeline::SHAPES.end()).unwrap();
    let failures = pipeline::check(&segments).unwrap().failures;
    assert!(failures.is_empty(), "{}", failures[0]);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rpc = runtime.block_on(node.start_rpc((Ipv4Addr::LOCALHOST, 0).into()));
    let rpc = rpc.unwrap();
    let provider = ProviderBuilder::new().connect_http(rpc.url().parse().unwrap());
    let receipt = |hash| {
        let receipt = async { provider.get_transaction_receipt(hash).await };
        runtime.block_on(receipt).unwrap().unwrap()
    };
    for hash in good {
        assert!(receipt(hash).status() && receipt(hash).logs().len() == 1);
    }
    assert!(!receipt(reverted).status() && receipt(reverted).logs().is_empty());
}

#[test]
fn gas_of_each_call() {
    let world = World::new(&genesis(NAME, SYMBOL));
    let (owner, spender, to) = (address(0), address(1), FRESH);
    let value = tokens(1);
    let mut text = String::new();
    let mut line = |name: &str, success: bool, outcome: Outcome| {
        assert_eq!(outcome.success, success, "{name}");
        let _ = writeln!(text, "{name} {}", outcome.gas);
    };
    let run = |call: &dyn Fn(&mut World) -> Outcome| call(&mut world.clone());

    line("name", true, run(&|w| w.call(0, &Token::nameCall {})));
    line("symbol", true, run(&|w| w.call(0, &Token::symbolCall {})));
    line(
        "decimals",
        true,
        run(&|w| w.call(0, &Token::decimalsCall {})),
    );
    let supply = Token::totalSupplyCall {};
    line("total_supply", true, run(&|w| w.call(0, &supply)));
    let balance = Token::balanceOfCall { account: owner };
    line("balance_of", true, run(&|w| w.call(0, &balance)));
    let allowance = Token::allowanceCall { owner, spender };
    line("allowance", true, run(&|w| w.call(0, &allowance)));
    for (name, to, n) in [
        ("transfer_to_a_new_holder", FRESH, 1),
        ("transfer_to_a_holder", address(1), 1),
        ("transfer_to_oneself", address(0), 1),
        ("transfer_of_everything", address(1), BALANCES[0]),
    ] {
        line(name, true, run(&|w| w.call(0, &transfer(to, n))));
    }
    for (name, to, n) in [
        ("transfer_above_the_balance", address(1), BALANCES[0] + 1),
        ("transfer_to_the_zero_address", Address::ZERO, 1),
    ] {
        line(name, false, run(&|w| w.call(0, &transfer(to, n))));
    }
    let approve = Token::approveCall { spender, value };
    line("approve", true, run(&|w| w.call(0, &approve)));
    let from = Token::transferFromCall {
        from: owner,
        to,
        value,
    };
    line(
        "transfer_from",
        true,
        run(&|w| {
            assert!(w.call(0, &approve).success);
            w.call(1, &from)
        }),
    );
    line(
        "transfer_from_without_allowance",
        false,
        run(&|w| w.call(1, &from)),
    );
    assert_golden("erc20-gas.txt", &text);
}

#[test]
fn instructions_of_a_transfer() {
    let world = World::new(&genesis(NAME, SYMBOL));
    let accepted = world.trace(&transfer(address(1), 1));
    // The path does not depend on what the receiver had.
    assert_eq!(accepted, world.trace(&transfer(FRESH, 1)));
    let reverted = world.trace(&transfer(address(1), BALANCES[0] + 1));

    let mut text = String::from("instruction transfer reverted\n");
    let mut line = |name: &str, of: &dyn Fn(&Trace) -> u64| {
        let _ = writeln!(text, "{name} {} {}", of(&accepted), of(&reverted));
    };
    for opcode in 0..=u8::MAX {
        let of = |trace: &Trace| trace.counts.get(&opcode).copied().unwrap_or_default();
        if of(&accepted) + of(&reverted) > 0 {
            line(OpCode::name_by_op(opcode), &of);
        }
    }
    line("total", &|trace| trace.counts.values().sum());
    line("words_on_the_stack_at_most", &|trace| trace.stack as u64);
    line("bytes_of_memory", &|trace| trace.memory as u64);
    line("bytes_hashed", &|trace| trace.hashed as u64);
    let size = artifact::token().unwrap().runtime.len() as u64;
    line("bytes_of_code", &|_| size);
    assert_golden("erc20-opcodes.txt", &text);
}

// NEGATIVE

#[test]
fn more_than_the_balance_is_refused() {
    let mut world = World::new(&genesis(NAME, SYMBOL));
    for (sender, balance) in [(0, tokens(BALANCES[0])), (2, U256::ZERO)] {
        let value = balance + U256::from(1);
        let outcome = world.call(sender, &Token::transferCall { to: FRESH, value });
        assert!(!outcome.success && outcome.logs.is_empty());
        let error = Token::ERC20InsufficientBalance::abi_decode(&outcome.output).unwrap();
        let expected = Token::ERC20InsufficientBalance {
            sender: address(sender),
            balance,
            needed: value,
        };
        assert_eq!(error, expected);
        assert_eq!(world.balance(address(sender)), balance);
        assert_eq!(world.balance(FRESH), U256::ZERO);
    }
}

#[test]
fn other_refusals_say_why() {
    let mut world = World::new(&genesis(NAME, SYMBOL));
    let nobody = world.call(0, &transfer(Address::ZERO, 1));
    let error = Token::ERC20InvalidReceiver::abi_decode(&nobody.output).unwrap();
    assert_eq!(error.receiver, Address::ZERO);
    let (from, to, value) = (address(0), FRESH, tokens(1));
    let foreign = world.call(1, &Token::transferFromCall { from, to, value });
    let error = Token::ERC20InsufficientAllowance::abi_decode(&foreign.output).unwrap();
    assert_eq!((error.spender, error.needed), (address(1), value));
    assert!(!nobody.success && !foreign.success);
}

/// A storage that is off by one slot is not the token's.
#[test]
fn words_elsewhere_are_not_seen() {
    let mut genesis = genesis(NAME, SYMBOL);
    let account = genesis.accounts.get_mut(&TOKEN).unwrap();
    let words = token::storage(NAME, SYMBOL, &BTreeMap::from([(address(0), tokens(1))]));
    account.storage = words
        .unwrap()
        .into_iter()
        .map(|(slot, word)| (slot.wrapping_add(U256::from(1)), word))
        .collect();
    let world = World::new(&genesis);
    assert_eq!(world.balance(address(0)), U256::ZERO);
    assert_ne!(world.ask(&Token::nameCall {}), NAME);
}
