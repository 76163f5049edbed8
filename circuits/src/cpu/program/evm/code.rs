//! Bringing a contract's code: its bytes are hashed against the commitment in the account, once in a segment.

use super::EvmVars;
use crate::{
    Fr,
    code::ZERO_WORDS,
    cpu::{
        asm::{Asm, Micro, Operand, Routine, Var},
        interpreter::View,
        isa::{CODE_REGIONS, FAR_AT, Op, REGION_BITS, Service},
    },
    framework::pow2,
};
use alloy_primitives::U256;
use ff::Field;
use protocol::hash::Tag;

/// Codes of a segment are fewer than this.
const MOST: u64 = 1 << 20;

/// Where a code's region has its size, after the commitment.
const SIZE: u16 = 32;
/// Where it has the code's words.
pub(super) const WORDS: u16 = 64;

/// The region of code `number`: commitment, size, words of the code, and then words that are 0.
fn region(number: u64) -> u64 {
    FAR_AT + ((CODE_REGIONS + number) << REGION_BITS)
}

/// `d =` the address of the region of the code with the number in `number`.
pub(super) fn region_of(p: &mut Asm, d: Var, number: Var) {
    p.scale(d, number, 1 << REGION_BITS, Fr::from(region(0)));
}

/// The words with which the routine works that opens the record of an account's code.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// The code's commitment, to be given.
    pub(super) code: Var,
    /// The account's address, to be given for the witness alone: it says whose record it is.
    pub(super) of: Var,
    /// Bytes of the code.
    pub(super) size: Var,
    /// Its keccak-256.
    pub(super) keccak: Var,
    /// `(0, h)` with its Poseidon2 hash `h`.
    hash: Var,
    t: [Var; 3],
}

impl Record {
    pub(super) fn of(e: &EvmVars) -> Self {
        let [code, keccak, size, t, rate, capacity, hash, of] = e.t;
        Self {
            code,
            of,
            size,
            keccak,
            hash,
            t: [t, rate, capacity],
        }
    }
    /// Calls the routine for the code with the commitment in `code.lo`, which is the one of the account in the word `of`.
    pub(super) fn open(self, p: &mut Asm, routine: &mut Routine, of: Var, code: Var) {
        p.set(self.of, of);
        p.set(self.code, code);
        routine.call(p);
    }
}

/// The routine: size and hashes are what the prover says, and hashed to the commitment. That of no code is hashed like any other.
pub(super) fn record(p: &mut Asm, e: &EvmVars, routine: &Routine) {
    let Record {
        code,
        of,
        size,
        keccak,
        hash,
        t: [t, rate, capacity],
    } = Record::of(e);
    let record = move |v: &View<'_>| v.account(of).map(|a| a.code);
    routine.begin(p);
    p.note("a code's record, hashed to the commitment");
    p.try_hint(size, move |v| Ok(U256::from(record(v)?.size)));
    p.try_hint(keccak, move |v| Ok(record(v)?.keccak.into()));
    p.less(Some(size), pow2(32));
    p.set(rate, 0);
    p.set(capacity, Tag::Code.iv(4));
    p.high(t, keccak);
    p.pair(t, Some(size), t);
    p.absorb(t, rate, capacity);
    p.elements(hash, move |v| Ok((Fr::ZERO, record(v)?.poseidon2)));
    p.pair(hash, None, hash);
    p.pair(t, Some(keccak), hash);
    p.absorb(t, rate, capacity);
    p.high(rate, rate);
    p.equal(Some(rate), code);
    routine.end(p, None);
}

/// Number and size of the code with the commitment in `code.lo`, which is the one of the account in the word `of`. `opens` is the routine
/// [`record`].
pub(super) fn load(p: &mut Asm, e: &EvmVars, opens: &mut Routine, [of, code, number]: [Var; 3]) {
    let opened = Record::of(e);
    let (size, hash) = (opened.size, opened.hash);
    let [at, _, _, t, rate, capacity, _, to] = e.t;
    let (known, done) = (p.label(), p.label());
    let codes = e.codes;
    let find = move |v: &View<'_>| {
        let wanted = v.element(code);
        let count: u64 = v.word(codes).saturating_to();
        let of = |n: u64| crate::witness::from_halves(Fr::from(0), v.far(region(n)).1);
        (1..=count).find(|n| of(*n) == wanted)
    };
    p.note("a code that was brought before, or a new one");
    p.jump_hint(known, move |v| find(v).is_some());
    p.add(codes, codes, 1);
    p.set(number, codes);
    opened.open(p, opens, of, code);
    p.note("the code's bytes, hashed to the record");
    let (again, read) = (p.label(), p.label());
    p.set(rate, 0);
    p.scale(capacity, size, 1 << 64, Tag::CodeBytes.iv(0));
    p.set(at, 0);
    region_of(p, to, number);
    p.write_far(to, 0, code);
    p.write_far(to, SIZE, size);
    p.place(again);
    p.note("a word of code");
    p.jump_hint(read, move |v| v.word(at) * U256::from(32) >= v.word(size));
    p.try_hint(t, move |v| {
        let keccak = v.account(of)?.code.keccak;
        let code = v.context().codes.get(&keccak);
        let code = code.ok_or_else(|| format!("the witness lacks code {keccak}"))?;
        let from = usize::try_from(v.word(at) * U256::from(32)).unwrap_or(usize::MAX);
        let mut word = [0; 32];
        let rest = code.get(from..).unwrap_or_default();
        word.iter_mut().zip(rest).for_each(|(to, b)| *to = *b);
        Ok(U256::from_be_bytes(word))
    });
    p.absorb(t, rate, capacity);
    p.code_word(number, t, at);
    p.write_far(to, WORDS, t);
    p.mix(to, to, 32);
    p.jump(again);
    p.place(read);
    p.note("the code ends");
    p.scale(t, at, 32, 0);
    p.sub(Some(t), Some(t), size);
    p.less(Some(t), 32);
    p.high(rate, rate);
    p.equal(Some(rate), hash);
    for _ in 0..ZERO_WORDS {
        p.code_word_zero(number, at);
    }
    p.set(e.code_size, size);
    p.jump(done);

    p.place(known);
    p.note("a code that is there");
    p.hint(number, move |v| U256::from(find(v).unwrap_or_default()));
    p.less(Some(number), MOST);
    region_of(p, at, number);
    p.read_far(t, at, 0);
    p.equal(Some(t), code);
    p.read_far(e.code_size, at, SIZE);
    p.place(done);
}

impl Asm {
    /// Word `at` of code `number` is `b`; `at` advances.
    fn code_word(&mut self, number: Var, b: Var, at: Var) {
        self.give_code(number, Operand::Word(b), at);
    }
    /// Word `at` of code `number` is 0; `at` advances.
    fn code_word_zero(&mut self, number: Var, at: Var) {
        self.give_code(number, Operand::Zero, at);
    }
    fn give_code(&mut self, number: Var, b: Operand, at: Var) {
        self.emit(Micro {
            ops: vec![Op::Serve],
            service: Some(Service::CodeWord),
            a: Operand::Word(number),
            b,
            c: Some(at),
            ..Micro::default()
        });
    }
}
