//! Each rule of the segment's program, broken: the run must end with an error that names the part.

use super::super::MainMachine;
use crate::{
    cpu::interpreter::ExecutionError,
    sample::{Chain, address, dynamic, genesis, key, sign, transfer},
    witness::SegmentInput,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use k256::ecdsa::SigningKey;
use protocol::{
    BoundaryState, Transaction,
    account::{CodeRecord, EMPTY_CODE_COMMITMENT},
    field,
    transaction::Envelope,
};

/// Bytes of the payload before the first transaction.
const HEAD: usize = 112;
const SIGNED: &str = "signed bytes";
const EIP_2: &str = "EIP-2:";
const TYPE: &str = "type of the transaction";
const FIELDS: &str = "fields:";
const LEGACY: &str = "type 0:";
const INTEGER: &str = "integer of a transaction";
const ENCODED_LIST: &str = "list of a transaction";
const LIST: &str = "access list:";
const LIMITS: &str = "EIP-2681, EIP-1559, EIP-7825";
const GAS: &str = "intrinsic gas";
const PRECOMPILE: &str = "no precompile";
const SENDER: &str = "EIP-3607";
const COVERS: &str = "the balance covers";
const RECEIVER: &str = "value to the receiver";
const BLOCK: &str = "number = parent's + 1";
const BASE_FEE: &str = "the base fee";
const PARENT: &str = "header of the parent";
const MESSAGES: &str = "no messages";
const VERSION: &str = "payload: version";
const FROM: &str = "boundary state before";
const ROOT: &str = "state root after";
const END: &str = "segment hash is the public input";

/// A transaction in the payload, whose every byte can be chosen.
struct Raw {
    bytes: Vec<u8>,
    fill: u8,
    parity: u64,
    r: U256,
    s: U256,
}

/// A block of one transfer.
struct Case {
    input: SegmentInput,
    head: Vec<u8>,
    transactions: Vec<Raw>,
    tail: Vec<u8>,
}

fn receiver() -> Address {
    Address::repeat_byte(0x77)
}

fn honest() -> Transaction {
    let mut t = transfer(0, receiver(), U256::from(5), dynamic());
    t.gas_limit = 21_000;
    t
}

fn signed(bytes: Vec<u8>, key: &SigningKey) -> Raw {
    let (signature, id) = key
        .sign_prehash_recoverable(keccak256(&bytes).as_slice())
        .unwrap();
    let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
    Raw {
        bytes,
        fill: 0,
        parity: u64::from(id.is_y_odd()),
        r: U256::from_be_slice(&r),
        s: U256::from_be_slice(&s),
    }
}

impl Case {
    fn new() -> Self {
        let mut chain = Chain::of(genesis(100_000, 1_000_000_000, 2, 3));
        Self::next(&mut chain, honest())
    }

    /// The chain's next block, with this transaction of the funded key.
    fn next(chain: &mut Chain, transaction: Transaction) -> Self {
        let bytes = transaction.encode_for_signing();
        let input = chain.batch(vec![vec![sign(transaction, &key(0))]]);
        Self {
            head: input.payload[..HEAD].to_vec(),
            transactions: vec![signed(bytes, &key(0))],
            tail: vec![],
            input,
        }
    }

    /// The case after a block that used 21,000 gas, on a chain with this gas limit and base fee.
    fn second(gas_limit: u64, base_fee: u64) -> Self {
        let mut chain = Chain::of(genesis(gas_limit, base_fee, 2, 3));
        Self::next(&mut chain, honest());
        let mut t = honest();
        t.nonce = 1;
        Self::next(&mut chain, t)
    }

    /// The case with another transaction of the funded key.
    fn with(change: impl FnOnce(&mut Transaction)) -> Self {
        let mut t = honest();
        change(&mut t);
        Self::with_bytes(t.encode_for_signing())
    }

    fn with_bytes(bytes: Vec<u8>) -> Self {
        let mut case = Self::new();
        case.transactions = vec![signed(bytes, &key(0))];
        case
    }

    fn payload(&self) -> Vec<u8> {
        let mut p = self.head.clone();
        for t in &self.transactions {
            p.extend((t.bytes.len() as u64).to_be_bytes());
            p.extend(&t.bytes);
            p.resize(p.len().next_multiple_of(8), t.fill);
            p.extend(t.parity.to_be_bytes());
            p.extend(t.r.to_be_bytes::<32>());
            p.extend(t.s.to_be_bytes::<32>());
        }
        p.extend(&self.tail);
        p
    }

    fn word(&mut self, offset: usize, change: impl FnOnce(u64) -> u64) {
        let old = u64::from_be_bytes(self.head[offset..offset + 8].try_into().unwrap());
        self.head[offset..offset + 8].copy_from_slice(&change(old).to_be_bytes());
    }

    fn run(&self) -> Result<(), ExecutionError> {
        let mut input = self.input.clone();
        input.payload = self.payload();
        MainMachine::get().execute(&input).map(|_| ())
    }

    fn sender(&mut self) -> &mut protocol::Account {
        self.input.accounts.get_mut(&address(&key(0))).unwrap()
    }

    fn to(&mut self) -> &mut BoundaryState {
        self.input.to.as_mut().unwrap()
    }

    fn receiver(&mut self) -> &mut protocol::Account {
        self.input.accounts.get_mut(&receiver()).unwrap()
    }

    #[track_caller]
    fn refused(&self, part: &str, reason: &str) {
        match self.run() {
            Ok(()) => panic!("accepted; expected a refusal in {part}: {reason}"),
            Err(e) => assert!(
                e.part.contains(part) && e.reason.contains(reason),
                "expected {part}: {reason}; got {e}"
            ),
        }
    }
}

fn edit(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = Case::new();
    change(&mut case);
    case
}

fn string(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [b] if *b < 0x80 => vec![*b],
        _ if bytes.len() < 56 => [&[0x80 + bytes.len() as u8], bytes].concat(),
        _ => [&[0xb8, bytes.len() as u8], bytes].concat(),
    }
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let content = items.concat();
    if content.len() < 56 {
        [&[0xc0 + content.len() as u8], &content[..]].concat()
    } else {
        [&[0xf8, content.len() as u8], &content[..]].concat()
    }
}

/// Items of a legacy transfer: nonce, price, gas, to, value, data, chain id, 0, 0.
fn legacy() -> Vec<Vec<u8>> {
    vec![
        string(&[]),
        string(&[0x77, 0x35, 0x94, 0]),
        string(&[0x52, 0x08]),
        string(receiver().as_slice()),
        string(&[5]),
        string(&[]),
        string(&[5, 0x39]),
        string(&[]),
        string(&[]),
    ]
}

/// A legacy transfer with one item replaced.
fn legacy_with(item: usize, bytes: &[u8]) -> Case {
    let mut items = legacy();
    items[item] = bytes.to_vec();
    Case::with_bytes(list(&items))
}

/// A transfer of type 1 with the given encoded access list.
fn listed(access_list: Vec<u8>) -> Case {
    let mut items = vec![string(&[5, 0x39])];
    items.extend(legacy().into_iter().take(6));
    items[3] = string(&[0x01, 0, 0]);
    items.push(access_list);
    Case::with_bytes([vec![1], list(&items)].concat())
}

// POSITIVE

#[test]
fn the_honest_case_runs() {
    let case = Case::new();
    assert_eq!(case.payload(), case.input.payload);
    case.run().unwrap();
}

/// Cases that must reach the end, where only the public input of the other payload differs.
#[test]
fn limits_themselves_are_allowed() {
    let cost = honest().max_cost().unwrap();
    edit(|c| c.sender().balance = cost).refused(END, "");
    Case::with(|t| t.gas_limit = 100_000).refused(END, "");
    Case::with_bytes(list(&legacy())).refused(END, "");
    listed(list(&[])).refused(END, "");
    listed(list(&[list(&[
        string(&[1; 20]),
        list(&[string(&[2; 32])]),
    ])]))
    .refused(END, "");
    let envelope = Envelope::DynamicFee {
        max_priority_fee_per_gas: 875_000_000,
        max_fee_per_gas: 875_000_000,
        access_list: vec![],
    };
    Case::with(|t| t.envelope = envelope).refused(END, "");
    for to in [0u64, 0x12, 0xff, 0x101] {
        let to = Address::from_word(B256::from(U256::from(to)));
        Case::with(|t| t.to = Some(to)).refused(RECEIVER, "lacks account");
    }
}

// NEGATIVE

#[test]
fn a_transaction_of_another_chain_is_refused() {
    Case::with(|t| t.chain_id = 1).refused(FIELDS, "1 is not 1337");
    legacy_with(6, &[1]).refused(LEGACY, "1 is not 1337");
    edit(|c| c.input.chain_id = 1).refused(FIELDS, "1337 is not 1");
}

#[test]
fn a_nonce_is_used_once_and_in_order() {
    edit(|c| c.sender().nonce = 1).refused(SENDER, "1 is not 0");
    Case::with(|t| t.nonce = 1).refused(SENDER, "0 is not 1");
    Case::with(|t| t.nonce = u64::MAX).refused(LIMITS, "not negative");
    let mut twice = Case::new();
    twice.word(HEAD - 8, |_| 2);
    twice
        .transactions
        .push(signed(honest().encode_for_signing(), &key(0)));
    twice.refused(SENDER, "1 is not 0");
}

#[test]
fn the_balance_covers_the_greatest_cost() {
    let cost = honest().max_cost().unwrap();
    edit(|c| c.sender().balance = cost - U256::from(1)).refused(COVERS, "out of range");
    Case::with(|t| t.value = U256::MAX).refused(COVERS, "out of range");
    edit(|c| c.receiver().balance = U256::MAX).refused(RECEIVER, "out of range");
}

#[test]
fn gas_limits_hold() {
    Case::with(|t| t.gas_limit = 20_999).refused(GAS, "out of range");
    Case::with(|t| t.gas_limit = (1 << 24) + 1).refused(LIMITS, "not negative");
    Case::with(|t| t.gas_limit = 100_001).refused(LIMITS, "out of range");
    Case::with(|t| {
        t.input = vec![1].into();
        t.gas_limit = 21_039;
    })
    .refused(GAS, "out of range");
    listed(list(&[list(&[string(&[1; 20]), list(&[])])]))
        .run()
        .unwrap_err();
    let mut second = Case::new();
    second.word(HEAD - 8, |_| 2);
    let mut t = honest();
    (t.nonce, t.gas_limit) = (1, 79_001);
    second
        .transactions
        .push(signed(t.encode_for_signing(), &key(0)));
    second.refused(LIMITS, "out of range");
}

#[test]
fn fees_are_ordered() {
    let fee = |priority, max| {
        Case::with(|t| {
            t.envelope = Envelope::DynamicFee {
                max_priority_fee_per_gas: priority,
                max_fee_per_gas: max,
                access_list: vec![],
            }
        })
    };
    fee(1, 874_999_999).refused(LIMITS, "out of range");
    fee(900_000_001, 900_000_000).refused(LIMITS, "out of range");
    legacy_with(1, &string(&[1; 17])).refused(LIMITS, "is not 0");
}

#[test]
fn signatures_are_canonical() {
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    )
    .unwrap();
    edit(|c| {
        let t = &mut c.transactions[0];
        (t.s, t.parity) = (order - t.s, 1 - t.parity);
    })
    .refused(EIP_2, "out of range");
    edit(|c| c.transactions[0].parity ^= 1).refused(SENDER, "lacks account");
    edit(|c| c.transactions[0].parity = 2).refused(EIP_2, "2 is not 1");
    edit(|c| c.transactions[0].r = U256::ZERO).refused(EIP_2, "no signature");
    edit(|c| c.transactions[0].s = U256::ZERO).refused(EIP_2, "no signature");
    edit(|c| c.transactions[0].r = order).refused(EIP_2, "no signature");
    edit(|c| c.transactions[0].r = U256::MAX).refused(EIP_2, "no signature");
    edit(|c| c.transactions[0] = signed(honest().encode_for_signing(), &key(1)))
        .refused(SENDER, "lacks account");
    let mut other = edit(|c| c.transactions[0] = signed(honest().encode_for_signing(), &key(1)));
    let rich = *other.sender();
    other.input.accounts.insert(address(&key(1)), rich);
    other.refused(END, "is not");
}

#[test]
fn no_code_runs() {
    let code = CodeRecord::of(&[0]);
    let empty = field::to_word(&EMPTY_CODE_COMMITMENT);
    let reason = format!("is not {empty}");
    edit(|c| c.sender().code = code).refused(SENDER, &reason);
    edit(|c| c.receiver().code = code).refused("a word of code", "lacks code");
    for n in (1..=0x11u64).chain([0x100]) {
        let to = Address::from_word(B256::from(U256::from(n)));
        Case::with(|t| t.to = Some(to)).refused(PRECOMPILE, "");
        // Osaka runs the precompile, not code that the state has there.
        let mut case = Case::with(|t| t.to = Some(to));
        let account = case.input.accounts.entry(to).or_default();
        account.code = code;
        case.refused(PRECOMPILE, "");
    }
    legacy_with(3, &string(&[])).refused(FIELDS, "has 0 bytes");
    Case::with(|t| t.to = None).refused(FIELDS, "has 0 bytes");
}

#[test]
fn blocks_follow_their_parent() {
    edit(|c| c.word(8, |v| v + 1)).refused(BLOCK, "2 is not 1");
    edit(|c| c.word(8, |v| v - 1)).refused(BLOCK, "0 is not 1");
    edit(|c| c.word(16, |_| 999)).refused(BLOCK, "out of range");
    edit(|c| c.word(24, |v| v + 1)).refused(BLOCK, "100001 is not 100000");
    edit(|c| c.word(24, |v| v - 1)).refused(BLOCK, "99999 is not 100000");
    edit(|c| c.word(32, |v| v + 1)).refused(BASE_FEE, "is not");
    edit(|c| c.word(32, |v| v - 1)).refused(BASE_FEE, "is not");
    edit(|c| c.word(40, |v| v | 1 << 32)).refused("coinbase", "not negative");
    edit(|c| c.word(96, |_| 1)).refused(MESSAGES, "1 is not 0");
    edit(|c| c.word(48, |v| v ^ 1)).run().unwrap_err();
    edit(|c| c.word(64, |v| v ^ 1)).refused(END, "is not");
    edit(|c| c.input.parent.gas_used += 1).refused(PARENT, "is not");
    edit(|c| c.input.parent.gas_limit += 1).refused(PARENT, "is not");
    edit(|c| c.input.parent.base_fee += 1).refused(PARENT, "is not");
    edit(|c| c.input.parent.queue_hash = B256::repeat_byte(1)).refused(PARENT, "is not");
    edit(|c| c.input.from.tip_hash = B256::repeat_byte(1)).refused(PARENT, "is not");
    edit(|c| c.input.from.block_number += 1).refused(PARENT, "is not");
    edit(|c| c.input.from.block_timestamp -= 1).refused(PARENT, "is not");
}

#[test]
fn the_base_fee_follows_the_gas_used() {
    const GWEI: u64 = 1_000_000_000;
    // Below the target, at it, above it by so much, and above it with a fee of which the change is less than a wei.
    let (below, exact, above) = (100_000, 42_000, 30_000);
    for (gas_limit, genesis_fee, old, new, part) in [
        (below, GWEI, 875_000_000, 811_562_500, "shrinks"),
        (exact, GWEI, 875_000_000, 875_000_000, "target ="),
        (above, GWEI, 875_000_000, 918_750_000, "grows"),
        (above, 2, 2, 3, "grows"),
    ] {
        let case = || Case::second(gas_limit, genesis_fee);
        assert_eq!(case().input.parent.base_fee, old);
        case().run().unwrap();
        // The last is the change in the other direction.
        for wrong in [new - 1, new + 1, 2 * old - new] {
            let mut c = case();
            c.word(32, |fee| {
                assert_eq!(fee, new);
                wrong
            });
            if wrong != new {
                c.refused(part, "is not");
            }
        }
    }
}

#[test]
fn the_payload_is_exact() {
    edit(|c| c.word(0, |v| v + 1)).refused(VERSION, "is not");
    // A batch has a block.
    edit(|c| (c.head.truncate(8), c.transactions.clear()).0).refused(BLOCK, "ends here");
    edit(|c| c.tail = vec![0; 8]).refused(BLOCK, "0 is not 2");
    edit(|c| c.tail = vec![0]).refused(BLOCK, "0 is not 2");
    edit(|c| c.word(HEAD - 8, |_| 2)).refused(SIGNED, "ends here");
    edit(|c| c.word(HEAD - 8, |_| 0)).refused(BLOCK, "is not 2");
    edit(|c| c.word(HEAD - 8, |_| u64::MAX)).refused(SIGNED, "ends here");
    edit(|c| c.transactions[0].fill = 1).refused(SIGNED, "fill byte");
    let whole = Case::new().payload();
    for length in (0..whole.len()).filter(|n| n % 8 == 0 || n % 5 == 0) {
        let mut input = Case::new().input;
        input.payload = whole[..length].to_vec();
        let run = MainMachine::get().execute(&input).map(|_| ());
        assert!(run.is_err(), "{length} bytes were accepted");
    }
    for (i, length) in [(0usize, 0u64), (1, 1 << 20), (2, u64::MAX)] {
        let mut input = Case::new().input;
        input.payload = whole.clone();
        input.payload[HEAD..HEAD + 8].copy_from_slice(&length.to_be_bytes());
        let run = MainMachine::get().execute(&input).map(|_| ());
        assert!(run.is_err(), "length {i} was accepted");
    }
}

#[test]
fn rlp_is_canonical() {
    legacy_with(0, &[0]).refused(INTEGER, "no canonical");
    legacy_with(4, &[0x82, 0, 5]).refused(INTEGER, "no canonical");
    legacy_with(4, &string(&[1; 33])).refused(INTEGER, "no canonical");
    legacy_with(4, &string(&[1; 56])).refused(INTEGER, "no canonical");
    legacy_with(4, &[0x81, 5]).refused(INTEGER, "has a header");
    legacy_with(3, &[&[0xb8, 20], receiver().as_slice()].concat()).refused(FIELDS, "not canonical");
    legacy_with(3, &string(&[0x77; 19])).refused(FIELDS, "has 19 bytes");
    legacy_with(3, &string(&[0x77; 21])).refused(FIELDS, "has 21 bytes");
    legacy_with(5, &list(&[])).refused(FIELDS, "a list");
    legacy_with(7, &[1]).refused(LEGACY, "1 is not 0");
    legacy_with(8, &[1]).refused(LEGACY, "1 is not 0");
    Case::with_bytes(list(&legacy()[..8])).run().unwrap_err();
    Case::with_bytes(list(&legacy()[..6])).run().unwrap_err();
    let mut longer = legacy();
    longer.push(string(&[]));
    Case::with_bytes(list(&longer)).run().unwrap_err();
    Case::with_bytes([list(&legacy()), vec![0x80]].concat()).refused(ENCODED_LIST, "is not");
    let content = legacy().concat();
    let long = [&[0xf9, 0, content.len() as u8], &content[..]].concat();
    Case::with_bytes(long).refused(ENCODED_LIST, "not canonical");
    Case::with_bytes(vec![]).run().unwrap_err();
    Case::with_bytes(string(&[0x77; 60])).run().unwrap_err();
}

#[test]
fn other_types_are_refused() {
    let body = honest().encode_for_signing();
    for kind in [0u8, 3, 4, 0x7f] {
        let mut bytes = body.clone();
        bytes[0] = kind;
        Case::with_bytes(bytes).refused(TYPE, "is not the type");
    }
    let mut as_list = body;
    as_list[0] = 1;
    Case::with_bytes(as_list).run().unwrap_err();
}

#[test]
fn access_lists_are_well_formed() {
    let (a, k) = (string(&[1; 20]), string(&[2; 32]));
    let entry = |items: &[Vec<u8>]| listed(list(&[list(items)]));
    entry(&[string(&[1; 19]), list(&[])]).refused(LIST, "has 19 bytes");
    entry(&[a.clone(), list(&[string(&[2; 31])])]).refused(LIST, "has 31 bytes");
    entry(&[a.clone(), list(&[]), k.clone()]).refused(ENCODED_LIST, "is not");
    entry(std::slice::from_ref(&a)).run().unwrap_err();
    entry(&[a.clone(), k.clone()]).refused(ENCODED_LIST, "a string");
    listed(list(std::slice::from_ref(&a))).refused(LIST, "a string");
    listed(string(&[])).refused(ENCODED_LIST, "a string");
    let past = [&[0xc0 + 30], &a[..], &[0xc9], &[0x80; 8]].concat();
    listed(list(&[past])).run().unwrap_err();
}

#[test]
fn the_public_input_binds_every_field() {
    edit(|c| c.to().state_root = B256::repeat_byte(1)).refused(END, "is not");
    edit(|c| c.to().tip_hash = B256::repeat_byte(1)).refused(END, "is not");
    edit(|c| c.to().block_number += 1).refused(END, "is not");
    edit(|c| c.to().block_timestamp += 1).refused(END, "is not");
    edit(|c| c.to().payload_sponge = B256::repeat_byte(1)).refused(END, "is not");
    edit(|c| c.to().queue_index += 1).refused(END, "is not");
    edit(|c| c.to().withdrawal_root = B256::repeat_byte(1)).refused(END, "is not");
    edit(|c| c.to().payload_offset += 1).refused(END, "is not");
    edit(|c| c.to().transaction_number += 1).refused(END, "is not");
    edit(|c| c.to().block_open = true).refused(END, "is not");
    edit(|c| c.input.from.state_root = B256::repeat_byte(1)).refused(ROOT, "is not in the store");
    edit(|c| c.input.from.state_root = B256::repeat_byte(0xff)).refused(FROM, "not negative");
    edit(|c| c.input.from.queue_index += 1).refused(END, "is not");
    edit(|c| c.input.from.transaction_number += 1).refused(END, "is not");
    edit(|c| c.input.from.gas_used += 1).refused(END, "is not");
    edit(|c| c.input.from.payload_offset += 8).refused(END, "is not");
}
