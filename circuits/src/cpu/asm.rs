//! The assembler: microcode is Rust calls that emit ROM words. A call may emit several.

use super::{
    interpreter::View,
    isa::{Op, STAMP_STEP, Service, Word},
    program::SegmentVars,
};
use crate::Fr;
use alloy_primitives::{Address, B256, U256};
use ff::Field;
use protocol::{account::EMPTY_CODE_COMMITMENT, field};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A scratch word, by address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Var(pub u16);

/// Operand B: a scratch word or an immediate `(0, imm)`.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A scratch word.
    Var(Var),
    /// An immediate low half.
    Imm(Fr),
}

impl From<Var> for Source {
    fn from(v: Var) -> Self {
        Self::Var(v)
    }
}
impl From<u64> for Source {
    fn from(v: u64) -> Self {
        Self::Imm(Fr::from(v))
    }
}
impl From<Fr> for Source {
    fn from(v: Fr) -> Self {
        Self::Imm(v)
    }
}

/// A place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(usize);

/// Computes the word that a hint supplies, or says why there is none.
pub type HintFn = Arc<dyn Fn(&View<'_>) -> Result<U256, String> + Send + Sync>;
/// Computes two field elements that a hint supplies as the halves of a word, or says why there are none.
pub type ElementsFn = Arc<dyn Fn(&View<'_>) -> Result<(Fr, Fr), String> + Send + Sync>;
/// Decides a jump that the prover may take.
pub type ChoiceFn = Arc<dyn Fn(&View<'_>) -> bool + Send + Sync>;

/// What the witness generator does where the program leaves a choice.
#[derive(Clone)]
pub enum Choice {
    /// D of an instruction that does not say what it is.
    Word(HintFn),
    /// The same, where the halves are field elements.
    Elements(ElementsFn),
    /// Direction of an instruction that may be followed by two.
    Jump(ChoiceFn),
}

/// An assembled program.
#[derive(Clone)]
pub struct Program {
    /// Instructions by index.
    pub words: Vec<Word>,
    /// Choices by index of the instruction.
    pub choices: BTreeMap<u64, Choice>,
    /// Names of the scratch words, by address.
    pub names: Vec<String>,
    /// What each instruction is for, by index of the first one it stands for.
    pub notes: BTreeMap<u64, String>,
    /// From which instruction on the words of the boundary state after the segment are in place, and where they are.
    pub boundary: (u64, SegmentVars),
}

impl Program {
    /// The ROM's address of the first instruction: scratch words have the addresses below.
    pub fn first_upc(&self) -> u64 {
        self.names.len() as u64
    }
    /// What the instruction with this index is for.
    pub fn part(&self, index: u64) -> &str {
        let note = self.notes.range(..=index).next_back();
        note.map_or("", |n| n.1)
    }
}

/// Scratch words of the assembler's own.
#[derive(Clone, Copy)]
struct Own {
    public: Var,
    zero: Var,
    one: Var,
    /// 2^64.
    group: Var,
    /// Results that nobody reads.
    unread: Var,
    /// The next stamp: number of a stream or time of an access.
    stamp: Var,
    /// Next group of the stream that is written.
    index: Var,
    /// Next group of the payload that is given.
    given: Var,
    /// Temporaries within a call.
    t: [Var; 2],
}

/// Collects words; jumps are resolved at the end.
pub struct Asm {
    words: Vec<Word>,
    /// For each word where it goes other than to the next word: always, or if the prover likes.
    jumps: BTreeMap<usize, (Label, bool)>,
    labels: Vec<Option<u64>>,
    placed: BTreeSet<usize>,
    choices: BTreeMap<u64, Choice>,
    names: Vec<String>,
    notes: BTreeMap<u64, String>,
    own: Own,
    /// Group that the stream last written to is written to next.
    written: u64,
    /// Whether an account is open.
    open: bool,
}

/// Operands of an instruction; what is left out is 0 (C: 1 where it is a factor; D: unread).
#[derive(Clone, Copy, Default)]
struct Operands {
    a: Option<Var>,
    b: Option<Source>,
    c: Option<Var>,
    d: Option<Var>,
}

impl Default for Asm {
    fn default() -> Self {
        let mut names = vec![];
        let mut var = |name: &str| {
            names.push(name.to_string());
            Var(names.len() as u16 - 1)
        };
        let own = Own {
            public: var("public input"),
            zero: var("zero"),
            one: var("one"),
            group: var("2^64"),
            unread: var("unread"),
            stamp: var("stamp"),
            index: var("stream index"),
            given: var("payload groups given"),
            t: [var("assembler's 0"), var("assembler's 1")],
        };
        let mut p = Self {
            words: vec![],
            jumps: BTreeMap::new(),
            labels: vec![],
            placed: BTreeSet::new(),
            choices: BTreeMap::new(),
            names,
            notes: BTreeMap::new(),
            own,
            written: 0,
            open: false,
        };
        p.note("constants of the assembler");
        p.set(own.one, 1);
        p.set(own.group, crate::framework::pow2(64));
        p.set(own.stamp, 1);
        p
    }
}

impl Asm {
    /// Declares a scratch word; it begins as 0.
    pub fn var(&mut self, name: &str) -> Var {
        assert!(
            !self.names.iter().any(|n| n == name),
            "scratch word {name} is declared twice"
        );
        self.names.push(name.into());
        Var(self.names.len() as u16 - 1)
    }
    /// The scratch word that is the public input.
    pub fn public(&self) -> Var {
        self.own.public
    }
    /// Declares a label.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }
    /// Puts a label here.
    pub fn place(&mut self, l: Label) {
        assert!(self.labels[l.0].is_none(), "a label is placed twice");
        self.labels[l.0] = Some(self.words.len() as u64);
        self.placed.insert(self.words.len());
    }
    /// Says what the next instructions are for, in the listing.
    pub fn note(&mut self, text: &str) {
        self.notes.insert(self.words.len() as u64, text.into());
    }

    fn emit(&mut self, ops: &[Op], service: Option<Service>, o: Operands) {
        let own = self.own;
        let (b, imm) = match o.b {
            Some(Source::Var(v)) => (v, Fr::ZERO),
            Some(Source::Imm(i)) => (own.zero, i),
            None => (own.zero, Fr::ZERO),
        };
        let or_zero = |v: Option<Var>| v.unwrap_or(own.zero).0;
        self.words.push(Word {
            controls: ops.iter().fold(0, |c, op| c | 1 << (*op as u8)),
            service,
            imm,
            operands: [or_zero(o.a), b.0, or_zero(o.c), o.d.unwrap_or(own.unread).0],
            next: vec![],
        });
    }
    fn own(&mut self, op: Op, d: Var, a: Option<Var>, b: impl Into<Source>) {
        let o = Operands {
            a,
            b: Some(b.into()),
            d: Some(d),
            ..Default::default()
        };
        self.emit(&[op], None, o);
    }
    fn serve(&mut self, service: Service, o: Operands) {
        self.emit(&[Op::Serve], Some(service), o);
    }
    fn choice(&mut self, c: Choice) {
        self.choices.insert(self.words.len() as u64, c);
    }

    /// `d = b`.
    pub fn set(&mut self, d: Var, b: impl Into<Source>) {
        self.own(Op::Copy, d, None, b);
    }
    /// `d = a + b` in halves, each in the field.
    fn mix(&mut self, d: Var, a: Var, b: impl Into<Source>) {
        self.own(Op::Copy, d, Some(a), b);
    }
    /// `d = (a.lo, b.lo)`.
    pub fn pair(&mut self, d: Var, a: Option<Var>, b: impl Into<Source>) {
        let t = self.own.t[0];
        let b = match b.into() {
            Source::Var(v) => v,
            imm => {
                self.set(t, imm);
                t
            }
        };
        self.own(Op::Cross, t, Some(b), self.own.zero);
        self.own(Op::Cross, d, a, t);
    }
    /// `d =` a 256-bit constant; `d` is its own intermediate.
    pub fn constant(&mut self, d: Var, v: U256) {
        let [hi, lo] = crate::witness::halves(v);
        self.set(d, hi);
        self.pair(d, Some(d), lo);
    }
    /// `d = (0, a.hi)`.
    pub fn high(&mut self, d: Var, a: Var) {
        self.own(Op::Cross, d, None, a);
    }
    /// `d.lo = a.hi * 2^128 + a.lo` in the field.
    pub fn join(&mut self, d: Var, a: Var) {
        self.own(Op::Join, d, Some(a), self.own.zero);
    }
    fn arithmetic(
        &mut self,
        service: Service,
        d: Option<Var>,
        a: Option<Var>,
        m: Option<Var>,
        b: Source,
    ) {
        let o = Operands {
            a,
            b: Some(b),
            c: Some(m.unwrap_or(self.own.one)),
            d,
        };
        self.serve(service, o);
    }
    /// `d = a * m + b`, proven below 2^256; `m` at most 2^64, or 1.
    pub fn mul_add(&mut self, d: Var, a: Var, m: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Add, Some(d), Some(a), m, b.into());
    }
    /// `d = a + b`.
    pub fn add(&mut self, d: Var, a: Var, b: impl Into<Source>) {
        self.mul_add(d, a, None, b);
    }
    /// `d = a - b`, proven not negative; without `d` only the proof.
    pub fn sub(&mut self, d: Option<Var>, a: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Sub, d, a, None, b.into());
    }
    /// Proves `a < b`.
    pub fn less(&mut self, a: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Less, None, a, None, b.into());
    }
    /// Proves `a = b`.
    pub fn equal(&mut self, a: Option<Var>, b: impl Into<Source>) {
        self.own(Op::Equal, self.own.unread, a, b);
    }
    /// `d =` any word; the witness takes it from `f`. The sum ranges what the free instruction gives.
    pub fn hint(&mut self, d: Var, f: impl Fn(&View<'_>) -> U256 + Send + Sync + 'static) {
        self.try_hint(d, move |v| Ok(f(v)));
    }
    /// The same, where `f` may find that there is no such word.
    pub fn try_hint(
        &mut self,
        d: Var,
        f: impl Fn(&View<'_>) -> Result<U256, String> + Send + Sync + 'static,
    ) {
        let t = self.own.t[0];
        self.choice(Choice::Word(Arc::new(f)));
        self.unbound(t);
        self.add(d, t, 0);
    }
    /// `d =` any two field elements.
    fn unbound(&mut self, d: Var) {
        let d = Some(d);
        self.emit(
            &[],
            None,
            Operands {
                d,
                ..Default::default()
            },
        );
    }
    fn elements(
        &mut self,
        d: Var,
        f: impl Fn(&View<'_>) -> Result<(Fr, Fr), String> + Send + Sync + 'static,
    ) {
        self.choice(Choice::Elements(Arc::new(f)));
        self.unbound(d);
    }

    /// Jumps if `a` is zero: the prover says whether it is, and each way proves it.
    pub fn jump_zero(&mut self, a: Var, to: Label) {
        let other = self.label();
        self.jump_hint(other, move |v| v.word(a) != U256::ZERO);
        self.equal(Some(a), 0);
        self.jump(to);
        self.place(other);
        self.less(None, a);
    }
    /// Jumps always. The instruction before says so, unless it goes elsewhere itself or a label stands between.
    pub fn jump(&mut self, to: Label) {
        let here = self.words.len();
        if here == 0 || self.placed.contains(&here) || self.jumps.contains_key(&(here - 1)) {
            self.emit(&[], None, Operands::default());
        }
        self.jumps.insert(self.words.len() - 1, (to, false));
    }
    /// Jumps if the prover likes; the witness asks `f`.
    pub fn jump_hint(&mut self, to: Label, f: impl Fn(&View<'_>) -> bool + Send + Sync + 'static) {
        self.jumps.insert(self.words.len(), (to, true));
        self.choice(Choice::Jump(Arc::new(f)));
        self.emit(&[], None, Operands::default());
    }
    /// Ends the program.
    pub fn halt(&mut self) {
        self.emit(&[Op::Halt], None, Operands::default());
    }

    /// `d = (0, next payload group)`; `at` advances.
    pub fn group(&mut self, d: Var, at: Var) {
        let o = Operands {
            c: Some(at),
            d: Some(d),
            ..Default::default()
        };
        self.serve(Service::Bytes, o);
    }
    /// `d = d * 2^64 + next group`, proven below 2^256.
    pub fn group_shift(&mut self, d: Var, at: Var) {
        let Own {
            t: [t, _], group, ..
        } = self.own;
        self.group(t, at);
        self.mul_add(d, d, Some(group), t);
    }
    /// `d =` the next four groups as a word.
    pub fn payload_word(&mut self, d: Var, at: Var) {
        self.group(d, at);
        for _ in 0..3 {
            self.group_shift(d, at);
        }
    }
    fn item(&mut self, service: Service, d: Var, at: Var, bytes: u64) {
        let o = Operands {
            b: Some(bytes.into()),
            c: Some(at),
            d: Some(d),
            ..Default::default()
        };
        self.serve(service, o);
    }
    /// `d =` the canonical RLP integer at byte `at`, which advances.
    pub fn item_integer(&mut self, d: Var, at: Var) {
        self.item(Service::Integer, d, at, 0);
    }
    /// `d =` the RLP string of `bytes` bytes at byte `at`, which advances.
    pub fn item_fixed(&mut self, d: Var, at: Var, bytes: u64) {
        self.item(Service::Fixed, d, at, bytes);
    }
    /// `d =` the length of the RLP item at byte `at`, which advances past a string or into a list.
    pub fn item_length(&mut self, d: Var, at: Var, list: bool) {
        self.item(Service::Length { list }, d, at, 0);
    }
    /// `d =` how many of the `length` payload bytes from byte `at` are not zero.
    pub fn count(&mut self, d: Var, at: Var, length: Var) {
        let o = Operands {
            a: Some(at),
            b: Some(length.into()),
            d: Some(d),
            ..Default::default()
        };
        self.serve(Service::Count, o);
    }
    /// `d =` keccak-256 of `length` bytes from group `start` of `stream` (the payload without one). The high half of `stream`
    /// is 1 to begin from the state in stream `stream + 2`, that of `start` is 1 to end with the state in stream `stream + 3`;
    /// otherwise they must be 0. See [`crate::keccak`].
    pub fn keccak(&mut self, d: Var, stream: Option<Var>, start: impl Into<Source>, length: Var) {
        let o = Operands {
            a: stream,
            b: Some(start.into()),
            c: Some(length),
            d: Some(d),
        };
        self.serve(Service::Keccak, o);
    }
    /// `x, y =` the key that signed `z` with `r`, `s` and this parity.
    pub fn recover(&mut self, [x, y]: [Var; 2], z: Var, [r, s]: [Var; 2], parity: u64) {
        let odd = parity == 1;
        for (y, d) in [(false, x), (true, y)] {
            let o = Operands {
                a: Some(z),
                b: Some(r.into()),
                c: Some(s),
                d: Some(d),
            };
            self.serve(Service::Key { odd, y }, o);
        }
    }
    /// One sponge step: the halves of `a` are absorbed into `(rate, capacity)`.
    pub fn absorb(&mut self, a: Var, rate: Var, capacity: Var) {
        let t = self.own.t[0];
        self.mix(t, a, rate);
        let o = Operands {
            a: Some(t),
            c: Some(capacity),
            d: Some(rate),
            ..Default::default()
        };
        self.serve(Service::Permute, o);
    }
    /// `d.lo = H(iv; a.lo, b.lo)`, one permutation; the high halves must be 0.
    pub fn compress(&mut self, d: Var, iv: Fr, a: Var, b: Var) {
        let t = self.own.t[0];
        self.set(t, iv);
        let o = Operands {
            a: Some(a),
            b: Some(b.into()),
            c: Some(t),
            d: Some(d),
        };
        self.serve(Service::Compress, o);
    }
    /// Writes the word `b` to groups `index ..` of `stream`. The words of a stream are written one after the other from 0.
    pub fn write(&mut self, stream: Var, index: u64, b: impl Into<Source>) {
        if index == 0 {
            self.set(self.own.index, 0);
            self.written = 0;
        }
        assert_eq!(index, self.written, "words of a stream follow each other");
        self.written += 4;
        let o = Operands {
            a: Some(stream),
            b: Some(b.into()),
            c: Some(self.own.index),
            d: None,
        };
        self.serve(Service::Word, o);
    }

    /// `d = (0, stamp)`: a stream number that no other instruction gets.
    pub fn clock(&mut self, d: Var) {
        assert!(!self.open, "the stamp is in use");
        let stamp = self.own.stamp;
        self.set(d, stamp);
        self.mix(stamp, stamp, STAMP_STEP);
    }
    fn stamped(&mut self, service: Service, a: Option<Var>, b: Option<Var>, d: Option<Var>) {
        let o = Operands {
            a,
            b: b.map(Source::Var),
            c: Some(self.own.stamp),
            d,
        };
        self.serve(service, o);
    }
    /// Opens account `a`: its balance, its nonce, and `(code, touched)`. [`Self::close_account`] must follow.
    pub fn open_account(&mut self, a: Var, [balance, nonce, code]: [Var; 3]) {
        assert!(!self.open, "an account is open already");
        self.open = true;
        let t = self.own.t[0];
        self.join(t, a);
        self.elements(code, move |v| v.code_and_mark(t));
        self.stamped(Service::Account, Some(t), Some(code), Some(balance));
        self.stamped(Service::Mark, None, None, Some(nonce));
    }
    /// Proves that an open account has no code, given its `(code, touched)`, which becomes a temporary.
    pub fn no_code(&mut self, code: Var) {
        self.high(code, code);
        self.equal(Some(code), EMPTY_CODE_COMMITMENT);
    }
    /// The open account's balance and nonce become these.
    pub fn close_account(&mut self, balance: Var, nonce: Var) {
        assert!(self.open, "no account is open");
        self.open = false;
        self.stamped(Service::Update, Some(nonce), Some(balance), None);
    }
    /// `d = a + 1`, without a proof that it is no more than a half.
    pub fn successor(&mut self, d: Var, a: Var) {
        self.mix(d, a, 1);
    }
    /// Slot `a` of the account `address` becomes `b`.
    pub fn set_storage(&mut self, address: Address, a: Var, b: Var) {
        assert!(!self.open, "the stamp is in use");
        let [of, mark] = self.own.t;
        self.set(of, field::from_address(address));
        self.stamped(Service::Slot, Some(of), Some(a), None);
        self.stamped(Service::Mark, None, None, Some(mark));
        self.stamped(Service::Update, Some(mark), Some(b), None);
    }
    /// The chain of state roots begins (or ends) with root `a`.
    pub fn tree(&mut self, a: Var, end: bool) {
        let [root, last] = self.own.t;
        self.join(root, a);
        let o = |a| Operands {
            a,
            c: Some(root),
            ..Default::default()
        };
        if end {
            self.elements(last, |v| v.chain_end());
            self.serve(Service::TreeEnd, o(Some(last)));
        } else {
            let make = [Op::Serve, Op::Make];
            self.emit(&make, Some(Service::TreeBegin), o(None));
        }
    }
    /// The payload is given from group `a` on, see [`Self::payload_end`].
    pub fn payload_begin(&mut self, a: Var) {
        self.set(self.own.given, a);
    }
    /// Gives the payload's groups: words that are what the prover likes, one after the other. What they are is proven by
    /// hashing them.
    pub fn payload_end(&mut self) {
        let Own {
            zero,
            given,
            t: [t, _],
            ..
        } = self.own;
        let again = self.label();
        self.place(again);
        for _ in 0..4 {
            self.choice(Choice::Word(Arc::new(move |v| Ok(v.payload_word(given)))));
            self.unbound(t);
            let o = Operands {
                a: Some(zero),
                b: Some(t.into()),
                c: Some(given),
                d: None,
            };
            self.serve(Service::Word, o);
        }
        self.jump_hint(again, move |v| v.payload_left(given) > 0);
    }

    /// Resolves the jumps. `boundary` is where the boundary state after the segment is in place, in `vars`.
    pub fn assemble(mut self, boundary: Label, vars: SegmentVars) -> Program {
        let boundary = self.labels[boundary.0].expect("each label is placed");
        assert!(!self.open, "an account stays open");
        for (i, w) in self.words.iter_mut().enumerate() {
            let kept = [self.own.public, self.own.zero];
            assert!(
                kept.iter().all(|v| v.0 != w.operands[3]),
                "instruction {i} writes the public input or the word that is 0"
            );
            let ahead = i as u64 + 1;
            w.next = match self.jumps.get(&i) {
                _ if w.has(Op::Halt) => vec![],
                None => vec![ahead],
                Some((l, hinted)) => {
                    let to = self.labels[l.0].expect("each label is placed");
                    if *hinted { vec![ahead, to] } else { vec![to] }
                }
            };
        }
        Program {
            words: self.words,
            choices: self.choices,
            names: self.names,
            notes: self.notes,
            boundary: (boundary, vars),
        }
    }
}

/// The address in the low half of a joined word.
pub(super) fn address_of(joined: U256) -> Address {
    Address::from_word(B256::from(joined))
}
