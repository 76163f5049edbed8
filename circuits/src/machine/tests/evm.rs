//! Contracts in one call frame: the machine's interpreter against `revm`, and the checker.

pub(super) mod accounts;
mod arithmetic;
pub(super) mod blocks;
mod memory;
mod oracle;
pub(super) mod transient;

use super::super::MainMachine;
use crate::{
    cpu::{
        interpreter::ExecutionError,
        isa::OPCODES_AT,
        opcodes::{OPCODES, Opcode, opcode},
    },
    sample::{Chain, address, dynamic, genesis, key, sign, transfer},
    witness::{Cut, SegmentInput},
};
use alloy_primitives::{Address, Bytes, U256};
use protocol::{
    BlockInput, Payload, SignedTransaction,
    block::{Log, Receipt, ReceiptsChain},
    field,
    genesis::GenesisAccount,
};
use std::collections::BTreeMap;

pub(super) mod storage;
pub(super) mod world;

/// Where the contract is.
const CONTRACT: Address = Address::repeat_byte(0xc7);

/// One transaction to a contract.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) code: Vec<u8>,
    pub(super) input: Vec<u8>,
    pub(super) gas: u64,
    pub(super) value: u64,
    pub(super) storage: BTreeMap<U256, U256>,
}

impl Case {
    pub(super) fn of(code: &[u8]) -> Self {
        Self {
            code: code.to_vec(),
            input: vec![],
            gas: 100_000,
            value: 3,
            storage: BTreeMap::new(),
        }
    }

    fn account(&self) -> GenesisAccount {
        GenesisAccount {
            nonce: 1,
            balance: U256::from(1000),
            code: self.code.clone().into(),
            storage: self.storage.clone().into_iter().collect(),
        }
    }

    fn genesis(&self) -> protocol::Genesis {
        let mut genesis = genesis(30_000_000, 1_000_000_000, 2, 3);
        genesis.accounts.insert(CONTRACT, self.account());
        genesis
    }

    fn transaction(&self, nonce: u64, to: Address) -> SignedTransaction {
        let mut t = transfer(nonce, to, U256::from(self.value), dynamic());
        t.gas_limit = self.gas;
        t.input = Bytes::from(self.input.clone());
        sign(t, &key(0))
    }

    pub(super) fn input(&self) -> SegmentInput {
        let mut input = Chain::of(self.genesis()).open_batch(vec![self.transaction(0, CONTRACT)]);
        zeros(&mut input, CONTRACT);
        blocks::completed(input)
    }

    /// What `revm` makes of it.
    fn oracle(&self, input: &SegmentInput) -> Outcome {
        let mut state = oracle::state(self.genesis());
        let parent = (U256::from(input.parent.number), input.parent.hash());
        state.cache.block_hashes.insert(parent.0, parent.1);
        let block = Payload::decode(&input.payload).unwrap().blocks.remove(0);
        let result = oracle::execute(&mut state, &block, &block.transactions[0].transaction);
        let accounts = &state.cache.accounts;
        let logs = result.logs().iter();
        Outcome {
            balances: accounts_of(&block).map(|a| accounts[&a].info.balance),
            slots: accounts[&CONTRACT].storage.clone().into_iter().collect(),
            receipt: Receipt {
                success: result.is_success(),
                cumulative_gas_used: result.tx_gas_used(),
                logs: logs
                    .map(|l| Log {
                        address: l.address,
                        topics: l.topics().to_vec(),
                        data: l.data.data.clone(),
                    })
                    .collect(),
            },
        }
    }

    /// Gas that it uses.
    pub(super) fn gas_used(&self) -> u64 {
        self.oracle(&self.input()).receipt.cumulative_gas_used
    }

    /// Compares the machine's run with `revm`'s.
    #[track_caller]
    pub(super) fn agrees(&self) -> Result<bool, ExecutionError> {
        let input = self.input();
        // The block stays open, so that its receipts can be seen.
        let open = Cut { block: 1, left: 0 };
        let measured = MainMachine::get().measure(&input.until(open))?;
        let Outcome {
            balances,
            slots,
            receipt,
        } = self.oracle(&input);
        let after = &measured.next;
        let block = Payload::decode(&input.payload).unwrap().blocks.remove(0);
        let ours =
            accounts_of(&block).map(|a| after.accounts.get(&a).map_or(U256::ZERO, |a| a.balance));
        assert_eq!(ours, balances, "{self:?}");
        for (slot, word) in slots {
            let ours = after.storage.get(&(CONTRACT, slot)).copied();
            assert_eq!(ours.unwrap_or_default(), word, "slot {slot} of {self:?}");
        }
        let receipts = ReceiptsChain::over(std::slice::from_ref(&receipt)).0;
        assert_eq!(
            after.from.receipts_hash,
            field::to_bytes(&receipts),
            "{receipt:?} of {self:?}"
        );
        Ok(receipt.success)
    }
}

/// What a transaction leaves.
struct Outcome {
    /// Balances of sender, contract and coinbase.
    balances: [U256; 3],
    /// The contract's slots.
    slots: BTreeMap<U256, U256>,
    receipt: Receipt,
}

/// One batch of all cases, each one with a contract of its own; equal codes share it.
fn batch(cases: &[Case]) -> SegmentInput {
    let mut genesis = genesis(30_000_000, 1_000_000_000, 2, 3);
    let mut contracts: Vec<&Case> = vec![];
    let mut transactions = vec![];
    for (nonce, case) in (0..).zip(cases) {
        let same = |c: &&Case| (&c.code, &c.storage) == (&case.code, &case.storage);
        let at = contracts.iter().position(same).unwrap_or(contracts.len());
        let to = contract(at);
        if at == contracts.len() {
            contracts.push(case);
            genesis.accounts.insert(to, case.account());
        }
        transactions.push(case.transaction(nonce, to));
    }
    let mut input = Chain::of(genesis).open_batch(transactions);
    for at in 0..contracts.len() {
        zeros(&mut input, contract(at));
    }
    blocks::completed(input)
}

/// Slots of a contract that a case may look at are 0 unless it says otherwise.
fn zeros(input: &mut SegmentInput, of: Address) {
    for slot in [edges(), operands()].concat() {
        input.storage.entry((of, slot)).or_default();
    }
}

/// Where the contract of a batch with this number is.
fn contract(at: usize) -> Address {
    Address::from_word(U256::from(0xc0de_0000u64 + at as u64).into())
}

/// Gas of a transaction with nothing in it.
const INTRINSIC: u64 = 21_000;

/// Opcodes that have microcode and do nothing but put words in place of those that they take.
fn opcodes() -> impl Iterator<Item = &'static Opcode> {
    let program = &MainMachine::get().program;
    let known = |o: &&Opcode| program.index(OPCODES_AT + u64::from(o.byte)).is_some();
    let pure = |o: &&Opcode| {
        !matches!(
            o.byte,
            0x0a | 0x20 | 0x31 | 0x35 | 0x3b | 0x3f | 0x40 | 0x51 | 0x54 | 0x5c
        )
    };
    OPCODES.iter().filter(known).filter(pure)
}

/// Words that opcodes are tried with.
fn operands() -> Vec<U256> {
    let words = [0u64, 1, 3, 300, 0x85].map(U256::from);
    words.into_iter().chain([U256::MAX]).collect()
}

/// Everything that the opcodes do when nothing goes wrong.
fn plain_cases() -> Vec<Case> {
    let all = operands();
    let mut operations = vec![];
    for o in opcodes().filter(|o| (o.pops, o.pushes) == (2, 1)) {
        for a in &all {
            for b in &all {
                operations.extend(binary(o.byte, *a, *b));
                operations.push(0x50);
            }
        }
    }
    for o in opcodes().filter(|o| (o.pops, o.pushes) == (1, 1)) {
        for a in &all {
            operations.extend(push(*a));
            operations.extend([o.byte, 0x50]);
        }
    }
    for o in opcodes().filter(|o| (o.pops, o.pushes) == (3, 1)) {
        for n in [0, 1, 3, 7] {
            for (a, b) in [(2, 1), (8, 9), (5, 0)] {
                for word in [n, b, a].map(U256::from) {
                    operations.extend(push(word));
                }
                operations.extend([o.byte, 0x50]);
            }
        }
    }
    let mut stack = vec![];
    for o in opcodes().filter(|o| o.byte < 0x60 && (o.pops, o.pushes) == (0, 1)) {
        stack.push(o.byte);
    }
    for n in 0..=32u8 {
        stack.push(0x5f + n);
        stack.extend((0..n).map(|i| 0x5b ^ i));
    }
    stack.extend(0x80..=0x9f);
    // JUMPDEST, PUSH0 JUMPI not taken, JUMPI taken over an INVALID, JUMP over another.
    let jumps = [
        0x5b, 0x5f, 0x5f, 0x57, 0x60, 1, 0x60, 10, 0x57, 0xfe, 0x5b, 0x60, 15, 0x56, 0xfe, 0x5b,
        0x00,
    ];
    let mut long = Case::of(&jumps);
    long.input = vec![1; 300];
    // CALLDATASIZE decides whether the code jumps over a GAS.
    let mut size = Case::of(&[0x36, 0x61, 1, 44, 0x14, 0x60, 9, 0x57, 0x5a, 0x5b, 0x00]);
    size.input = vec![1; 300];
    let jumps = Case::of(&jumps);
    let mut cases = memory::plain();
    cases.extend([
        Case {
            gas: 1_000_000,
            ..Case::of(&operations)
        },
        Case::of(&stack),
        jumps.clone(),
        jumps,
        long,
        size,
        arithmetic::checked(&arithmetic::operations()),
        Case::of(&binary(0x0a, U256::from(3), U256::ZERO)),
    ]);
    cases
}

/// Each opcode with too little gas, too few words, too many; each byte that is no opcode; each sort of bad jump.
fn failing_cases() -> Vec<Case> {
    let mut cases = vec![];
    for o in OPCODES {
        let pushes = |n: u64| [0x60, 0].repeat(n as usize);
        if o.gas > 0 {
            let mut case = Case::of(&[pushes(o.pops), vec![o.byte]].concat());
            case.gas = INTRINSIC + 3 * o.pops + o.gas - 1;
            cases.push(case);
        }
        if o.pops > 0 {
            let code = [vec![0x5f; o.pops as usize - 1], vec![o.byte]].concat();
            cases.push(Case::of(&code));
        }
        if o.pushes > o.pops {
            let code = [vec![0x5f; 1024], vec![o.byte]].concat();
            cases.push(Case::of(&code));
        }
    }
    for byte in (0..=u8::MAX).filter(|b| opcode(*b).is_none()).chain([0xfe]) {
        cases.push(Case::of(&[0x5f, byte]));
    }
    // Past the end, to another byte, to a greater byte, to data; by JUMP and by JUMPI.
    for to in [6, 0, 2, 200, 255] {
        cases.push(Case::of(&[0x60, to, 0x56, 0x60, 0x5b, 0x00]));
        cases.push(Case::of(&[0x60, 1, 0x60, to, 0x57, 0x60, 0x5b, 0x00]));
    }
    for to in [4u8, 3] {
        cases.push(Case::of(&[0x60, to, 0x56, 0x60, 0x5b, 0x00]));
        cases.push(Case::of(&[0x60, 1, 0x60, to + 2, 0x57, 0x60, 0x5b, 0x00]));
    }
    // A JUMPDEST that is jumped to without gas for it.
    let mut landing = Case::of(&[0x60, 3, 0x56, 0x5b]);
    landing.gas = INTRINSIC + 11;
    cases.push(landing);
    cases.extend(memory::failing());
    cases.push(arithmetic::exponent_of(3, true, 1));
    cases
}

/// Inputs in which every instruction of the EVM runs: what succeeds, and what fails, which is more.
pub(super) fn inputs() -> Vec<(String, SegmentInput)> {
    let cases = plain_cases();
    let batches = cases.chunks(4).enumerate();
    let contracts = batches.map(|(i, cases)| (format!("contracts {i}"), batch(cases)));
    let others = [
        ("storage".into(), storage::everything().input()),
        ("accounts".into(), accounts::input()),
        ("transient words".into(), transient::input()),
    ];
    contracts.chain(others).collect()
}

/// See [`inputs`].
pub(super) fn failing_inputs() -> Vec<(String, SegmentInput)> {
    let cases = failing_cases();
    let batches = cases.chunks(10).enumerate();
    batches
        .map(|(i, cases)| (format!("failures {i}"), batch(cases)))
        .collect()
}

/// Sender, contract and coinbase.
fn accounts_of(block: &BlockInput) -> [Address; 3] {
    [address(&key(0)), CONTRACT, block.coinbase]
}

/// PUSH of a word without leading zero bytes.
pub(super) fn push(word: U256) -> Vec<u8> {
    let bytes = word.to_be_bytes_trimmed_vec();
    let mut code = vec![0x5f + bytes.len() as u8];
    code.extend(bytes);
    code
}

/// A program that halts unless its operation gives what it should: two words, the opcode, its result.
fn binary(opcode: u8, a: U256, b: U256) -> Vec<u8> {
    let mut code = push(b);
    code.extend(push(a));
    code.push(opcode);
    code
}

// POSITIVE

#[test]
fn what_succeeds_and_what_fails_agrees_with_revm() {
    for case in plain_cases() {
        assert_eq!(case.agrees(), Ok(true), "{case:?}");
    }
    for case in failing_cases() {
        assert_eq!(case.agrees(), Ok(false), "{case:?}");
    }
}

#[test]
fn nothing_and_stop() {
    for code in [&[0x00][..], &[0x5f], &[0x60], &[0x7f, 1, 2]] {
        assert_eq!(Case::of(code).agrees(), Ok(true), "{code:?}");
    }
}

/// Words at the edges.
fn edges() -> Vec<U256> {
    let one = U256::from(1);
    vec![
        U256::ZERO,
        one,
        U256::from(2),
        U256::from(255),
        U256::from(256),
        one << 128,
        (one << 128) - one,
        one << 255,
        U256::MAX - one,
        U256::MAX,
    ]
}

#[test]
fn unary_and_ternary_operations_at_the_edges() {
    let observe = [0x80, 0x60, 0, 0x1c, 0x60, 0xff, 0x16];
    for o in opcodes().filter(|o| o.pushes == 1 && matches!(o.pops, 1 | 3)) {
        for a in edges() {
            let others = if o.pops == 1 { vec![a] } else { edges() };
            for b in others {
                let mut code = vec![];
                for n in [U256::from(7), b, U256::MAX - U256::from(5)] {
                    if o.pops == 3 {
                        code.extend(push(n));
                        code.extend(push(b));
                    }
                    code.extend(push(a));
                    code.push(o.byte);
                    for shift in [0u8, 8, 64, 128, 248] {
                        code.extend(observe);
                        let at = code.len() - 5;
                        code[at] = shift;
                        let to = code.len() as u8 + 4;
                        code.extend([0x60, to, 0x57, 0x5a, 0x5b, 0x50]);
                        code.truncate(code.len());
                    }
                }
                let case = Case::of(&code);
                case.agrees().unwrap_or_else(|e| panic!("{}: {e}", o.name));
            }
        }
    }
}

#[test]
fn binary_operations_at_the_edges() {
    // The result decides where a jump goes, and with it the gas used.
    for opcode in opcodes().filter(|o| (o.pops, o.pushes) == (2, 1)) {
        let opcode = opcode.byte;
        for a in edges() {
            for b in edges() {
                // The result, looked at byte by byte: JUMPI over a POP costs differently.
                let mut code = binary(opcode, a, b);
                for shift in [0u8, 8, 64, 127, 128, 200, 248] {
                    code.extend([0x80, 0x60, shift, 0x1c, 0x60, 0xff, 0x16]);
                    let to = code.len() as u8 + 4;
                    code.extend([0x60, to, 0x57, 0x5a, 0x5b, 0x50]);
                }
                let case = Case::of(&code);
                let success = case.agrees().unwrap_or_else(|e| panic!("{opcode:x}: {e}"));
                let _ = success;
            }
        }
    }
}

/// Fills the table of a case and checks it.
#[track_caller]
pub(super) fn holds(case: &Case) {
    let machine = MainMachine::get();
    let filled = machine.fill(&case.input()).unwrap();
    crate::testing::assert_holds(&machine.machine, &filled.table);
}

#[test]
fn a_loop_holds() {
    // PUSH1 5, JUMPDEST, PUSH1 1, SWAP1, SUB, DUP1, PUSH1 2, JUMPI, PUSH32, NOT, GAS, PC, ISZERO, EQ, LT, CALLER, POP.
    let mut code = vec![
        0x60, 5, 0x5b, 0x60, 1, 0x90, 0x03, 0x80, 0x60, 2, 0x57, 0x7f,
    ];
    code.extend([0xab; 32]);
    code.extend([0x19, 0x5a, 0x58, 0x15, 0x14, 0x10, 0x33, 0x50]);
    let case = Case::of(&code);
    assert_eq!(case.agrees(), Ok(true));
    holds(&case);
}
