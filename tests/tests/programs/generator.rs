//! Strategies for programs: every opcode that has microcode, with words at the edges of what it takes.

use super::program::{Call, End, Gas, Operand, Piece, Program, STACK_LIMIT, has_microcode};
use alloy_primitives::{Address, U256};
use circuits::cpu::opcodes::{OPCODES, Opcode, opcode};
use proptest::{prelude::*, sample::select, strategy::Union};
use protocol::history::HISTORY_ADDRESS;

/// Number of the first block of a batch.
pub(crate) const FIRST_BLOCK: u64 = 1_000;
/// Senders.
pub(crate) const SENDERS: u8 = 4;

/// The account of the program with this place in its batch.
pub(crate) fn contract(place: usize) -> Address {
    Address::from_word(U256::from(0xc0de_0000 + place).into())
}

/// What an operand is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    /// Bytes from the beginning of something.
    Offset,
    /// How many bytes.
    Length,
    /// The same of what a call returned, which is nothing without one.
    Returned,
    Slot,
    Account,
    Block,
    /// A number of bits or bytes.
    Index,
}

/// What an opcode's operands are for, the one at the top first.
fn kinds(byte: u8) -> &'static [Kind] {
    use Kind::{Account, Block, Index, Length, Offset, Returned, Slot, Word};
    match byte {
        0x0b | 0x1a..=0x1d | 0x49 => &[Index, Word],
        0x20 | 0xf3 | 0xfd | 0xa0..=0xa4 => &[Offset, Length],
        0x31 | 0x3b | 0x3f | 0xff => &[Account],
        0x35 | 0x51..=0x53 => &[Offset],
        0x37 | 0x39 | 0x5e => &[Offset, Offset, Length],
        0x3e => &[Offset, Returned, Returned],
        0x3c => &[Account, Offset, Offset, Length],
        0x40 => &[Block],
        0x54 | 0x55 | 0x5c | 0x5d => &[Slot, Word],
        0xf0 => &[Word, Offset, Length],
        0xf5 => &[Word, Offset, Length, Word],
        0xf1 | 0xf2 => &[Word, Account, Word, Offset, Length, Offset, Length],
        0xf4 | 0xfa => &[Word, Account, Offset, Length, Offset, Length],
        _ => &[],
    }
}

/// Opcodes that a frame ends with.
fn ends(o: &Opcode) -> bool {
    matches!(o.byte, 0x00 | 0xf3 | 0xfd | 0xfe | 0xff)
}

/// The opcodes that are generated with operands of their own: all with microcode but PUSH, DUP, SWAP and jumps.
pub(crate) fn opcodes() -> Vec<u8> {
    let special = |o: &&Opcode| matches!(o.byte, 0x56 | 0x57 | 0x60..=0x9f);
    let known = OPCODES.iter().filter(|o| has_microcode(o.byte));
    known.filter(|o| !special(o)).map(|o| o.byte).collect()
}

/// A power of 2, one less, one more.
fn near_powers() -> impl Strategy<Value = U256> {
    (0..=256usize, -1i8..=1).prop_map(|(bits, more)| {
        let power = U256::from(1).checked_shl(bits).unwrap_or_default();
        match more {
            -1 => power.wrapping_sub(U256::from(1)),
            more => power.wrapping_add(U256::from(more as u64)),
        }
    })
}

fn random_words() -> impl Strategy<Value = U256> {
    any::<[u8; 32]>().prop_map(U256::from_be_bytes)
}

fn words() -> impl Strategy<Value = U256> {
    prop_oneof![
        3 => (0u64..=33).prop_map(U256::from),
        4 => near_powers(),
        2 => random_words(),
        2 => (random_words(), 0..256usize).prop_map(|(word, by)| word >> by),
        1 => (random_words(), 0..256usize).prop_map(|(word, by)| word << by),
        1 => (0u64..=33).prop_map(|n| U256::MAX - U256::from(n)),
        1 => accounts(),
    ]
}

/// Addresses of programs, senders, precompiles and nobody, some with bits above the 160.
fn accounts() -> impl Strategy<Value = U256> {
    let places = (0..6usize).prop_map(contract);
    let senders = (0..SENDERS).prop_map(|n| tests::key(n).unwrap().address());
    let small = select(vec![0u64, 1, 4, 0x11, 0x12, 0xff, 0x100, 0x101]);
    let small = small.prop_map(|n| Address::from_word(U256::from(n).into()));
    let others = select(vec![tests::COINBASE, HISTORY_ADDRESS]);
    let address = prop_oneof![3 => places, 1 => senders, 2 => small, 1 => others];
    let above = prop_oneof![4 => Just(U256::ZERO), 1 => random_words()];
    (address, above).prop_map(|(address, above)| {
        let address = U256::from_be_bytes(address.into_word().0);
        (above << 160) | address
    })
}

fn of_kind(kind: Kind) -> BoxedStrategy<U256> {
    let around = |n: u64| (n.saturating_sub(2)..=n + 2).prop_map(U256::from);
    match kind {
        Kind::Word => words().boxed(),
        Kind::Offset => prop_oneof![
            40 => (0u64..200).prop_map(U256::from),
            20 => (0u64..8).prop_map(|n| U256::from(32 * n)),
            2 => around(1 << 12),
            1 => around(1 << 22),
            1 => around(1 << 32),
            2 => words(),
        ]
        .boxed(),
        Kind::Length => prop_oneof![
            10 => Just(U256::ZERO),
            40 => (0u64..100).prop_map(U256::from),
            12 => (0u64..8).prop_map(|n| U256::from(32 * n)),
            1 => around(1 << 32),
            2 => words(),
        ]
        .boxed(),
        Kind::Returned => prop_oneof![
            10 => Just(U256::ZERO),
            1 => of_kind(Kind::Length),
        ]
        .boxed(),
        Kind::Slot => prop_oneof![
            8 => (0u64..4).prop_map(U256::from),
            1 => words(),
        ]
        .boxed(),
        Kind::Account => prop_oneof![5 => accounts(), 1 => words()].boxed(),
        Kind::Block => prop_oneof![
            2 => around(FIRST_BLOCK),
            2 => around(FIRST_BLOCK - 256),
            1 => (FIRST_BLOCK - 260..FIRST_BLOCK + 4).prop_map(U256::from),
            1 => words(),
        ]
        .boxed(),
        Kind::Index => prop_oneof![
            4 => (0u64..=33).prop_map(U256::from),
            4 => (0u64..=260).prop_map(U256::from),
            1 => words(),
        ]
        .boxed(),
    }
}

fn operand(kind: Kind) -> impl Strategy<Value = Operand> {
    let kept = if matches!(kind, Kind::Word) { 5 } else { 1 };
    prop_oneof![
        8 => of_kind(kind).prop_map(Operand::Word),
        2 => any::<u8>().prop_map(Operand::Copy),
        kept => Just(Operand::Kept),
    ]
}

fn operation(byte: u8) -> BoxedStrategy<Piece> {
    let pops = opcode(byte).map_or(0, |o| o.pops as usize);
    let kinds = kinds(byte).iter().copied();
    let kinds = kinds.chain(std::iter::repeat(Kind::Word)).take(pops);
    let operands: Vec<_> = kinds.map(|k| operand(k).boxed()).collect();
    (operands, 0..10u8)
        .prop_map(move |(mut operands, same)| {
            // Words that are the same are a case of their own.
            if let ([first, second, ..], 0) = (&mut operands[..], same) {
                *second = match first {
                    Operand::Kept => Operand::Copy(0),
                    other => *other,
                };
            }
            Piece::Op(byte, operands)
        })
        .boxed()
}

/// Pieces that may stand anywhere.
fn simple(with_ends: bool) -> BoxedStrategy<Piece> {
    let all = opcodes();
    let is_end = |b: &u8| opcode(*b).is_some_and(ends);
    let (ending, others): (Vec<u8>, Vec<u8>) = all.into_iter().partition(is_end);
    let of = |bytes: Vec<u8>| Union::new(bytes.into_iter().map(operation));
    prop_oneof![
        120 => of(others),
        6 => (1..=32u8, words()).prop_map(|(width, word)| Piece::Push(width, word)),
        10 => any::<u8>().prop_map(Piece::Dup),
        10 => any::<u8>().prop_map(Piece::Swap),
        u32::from(with_ends) => of(ending),
    ]
    .boxed()
}

fn pieces() -> BoxedStrategy<Vec<Piece>> {
    let body = || prop::collection::vec(simple(false), 1..5);
    let bytes = || prop::collection::vec(prop_oneof![Just(0x5b), Just(0x60), any::<u8>()], 0..5);
    let depths = STACK_LIMIT as u16 - 4..=STACK_LIMIT as u16 + 1;
    let condition = prop_oneof![
        1 => Just(Operand::Word(U256::ZERO)),
        1 => Just(Operand::Kept),
        2 => words().prop_map(Operand::Word),
    ];
    let places = prop_oneof![(0u64..100).prop_map(U256::from), words()];
    let piece = prop_oneof![
        400 => simple(true),
        24 => (condition, body()).prop_map(|(c, body)| Piece::If(c, body)),
        6 => bytes().prop_map(Piece::Skip),
        12 => (1..6u8, body()).prop_map(|(times, body)| Piece::Loop(times, body)),
        2 => depths.prop_map(Piece::Fill),
        16 => (8..20u16).prop_map(Piece::Fill),
        1 => bytes().prop_map(Piece::Bytes),
        1 => (places, any::<bool>()).prop_map(|(to, c)| Piece::Jump(to, c)),
    ];
    prop::collection::vec(piece, 1..24).boxed()
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let gas = prop_oneof![
        3 => Just(Gas::Plenty),
        2 => (any::<prop::sample::Index>(), 0..=2u64).prop_map(|(step, less)| Gas::Edge(step, less)),
    ];
    let byte = prop_oneof![Just(0u8), any::<u8>()];
    let input = prop_oneof![
        3 => Just(vec![]),
        2 => prop::collection::vec(byte, 1..80),
    ];
    let list = prop_oneof![
        6 => Just(vec![]),
        1 => prop::collection::vec((any::<bool>(), 0u64..4), 1..4),
    ];
    let value = prop_oneof![Just(0), Just(1), any::<u32>().prop_map(u64::from)];
    let call = (0..SENDERS, gas, value, input, 0..3u8, list).prop_map(
        |(sender, gas, value, input, kind, list)| Call {
            sender,
            gas,
            value,
            input,
            kind,
            list,
        },
    );
    prop_oneof![
        4 => prop::collection::vec(call.clone(), 1),
        1 => prop::collection::vec(call, 2..=3),
    ]
}

/// Programs.
pub(crate) fn programs() -> BoxedStrategy<Program> {
    let end = prop_oneof![10 => Just(End::Fold), 1 => Just(End::Code), 1 => Just(End::Stop)];
    let storage = prop::collection::vec((0u64..4, words()), 0..3);
    (pieces(), end, storage, calls())
        .prop_map(|(pieces, end, storage, calls)| Program {
            pieces,
            bytes: None,
            end,
            storage,
            calls,
        })
        .boxed()
}
