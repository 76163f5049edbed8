//! The assembler: microcode is Rust calls that emit ROM words. A call may emit several.

use super::{
    interpreter::View,
    isa::{DEPTH_AT, Entry, GAS_AT, LANDINGS_AT, OPCODES_AT, Op, STACK_BIAS, STAMP_STEP, Service},
    memory::Registers,
    opcodes::opcode,
    program::SegmentVars,
};
use crate::{Fr, framework::pow2};
use alloy_primitives::{Address, B256, U256};
use ff::{Field, PrimeField};
use protocol::{account::EMPTY_CODE_COMMITMENT, field};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
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
/// Decides which entry of an instruction is taken, or says why none can be.
pub type PickFn = Arc<dyn Fn(&View<'_>) -> Result<usize, String> + Send + Sync>;

/// What the witness generator does where the program leaves a choice.
#[derive(Clone)]
pub enum Choice {
    /// The result of an instruction that does not say what it is.
    Word(HintFn),
    /// The same, where the halves are field elements.
    Elements(ElementsFn),
    /// Which of its entries an instruction follows.
    Entry(PickFn),
}

/// An assembled instruction.
#[derive(Clone)]
pub struct Word {
    /// Its address.
    pub address: u64,
    /// The ways in which it may go; one at least.
    pub entries: Vec<Entry>,
    /// What the witness generator chooses there.
    pub choice: Option<Choice>,
}

/// An assembled program.
#[derive(Clone)]
pub struct Program {
    /// Instructions by index.
    pub words: Vec<Word>,
    /// Names of the scratch words, by address.
    pub names: Vec<String>,
    /// What each instruction is for, by index of the first one it stands for.
    pub notes: BTreeMap<u64, String>,
    /// Indices of the instructions of a transaction; the first one begins it.
    pub transaction: Range<u64>,
    /// Indices of those of the opcodes and of what they call.
    pub opcodes: Range<u64>,
    /// From which instruction on the words of the boundary state after the segment are in place, and where they are.
    pub boundary: (u64, SegmentVars),
    /// Index plus 1 of the instruction at an address, 0 where there is none.
    indices: Vec<u32>,
}

impl Program {
    /// Address of the first instruction: scratch words have the addresses below.
    pub fn first_upc(&self) -> u64 {
        self.names.len() as u64
    }
    /// Index of the instruction at an address.
    pub fn index(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address).ok()?;
        let index = *self.indices.get(at)?;
        index.checked_sub(1).map(u64::from)
    }
    /// Whether the opcode `tag` (a byte of a code, see [`crate::buses::Buses::code`]) cannot begin with these registers. One that
    /// does not exist begins, and fails.
    pub(super) fn faults(&self, tag: u64, r: &Registers) -> bool {
        let known = u8::try_from(tag).ok().and_then(opcode);
        known.is_some_and(|o| !o.begins(r))
    }
    /// Index of the first instruction of the part that the one with this index belongs to.
    pub(super) fn part_begin(&self, index: u64) -> u64 {
        let note = self.notes.range(..=index).next_back();
        note.map_or(0, |n| *n.0)
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
    /// 2^64 - 1.
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

/// Operands of an instruction that asks a service; what is left out is 0 (D: unread).
#[derive(Clone, Copy, Default)]
struct Operands {
    a: Option<Var>,
    b: Option<Source>,
    c: Option<Var>,
    d: Option<Var>,
}

/// Operand A or B.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Operand {
    /// A word that is 0.
    #[default]
    Zero,
    /// A scratch word.
    Word(Var),
    /// A word of the stack, counted from 1 at the top.
    Stack(u16),
    /// The same, taken off.
    Pop(u16),
    /// A: the data of the PUSH of so many bytes at the program counter.
    Data(u16),
    /// B: the word so many bytes behind the address that A is.
    Far(u16),
}

impl From<Var> for Operand {
    fn from(v: Var) -> Self {
        Self::Word(v)
    }
}

/// Operand D.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// Nobody reads it.
    #[default]
    Unread,
    /// A scratch word.
    Word(Var),
    /// The word so many bytes behind the address that A is.
    Far(u16),
    /// A new word of the stack, after so many were taken off.
    Push(u16),
}

/// Which instruction is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// The one below.
    #[default]
    Ahead,
    /// Another one.
    To(Label),
    /// That of the opcode so many bytes further.
    Opcode(u16),
    /// That of the opcode that A says, which must be a JUMPDEST.
    Landing,
    /// Another one; the opcode that A says is part of D.
    Inspect(Label),
    /// The program ends; the codes follow or not.
    End(bool),
}

/// What an instruction of the EVM does to the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The register word.
    pub(super) word: Var,
    /// Gas that it costs; what it gives back if that is negative.
    pub(super) gas: i64,
    /// By how much the stack grows.
    pub(super) grows: i64,
}

/// An entry of the ROM before its jumps are resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Micro {
    pub(super) ops: Vec<Op>,
    pub(super) service: Option<Service>,
    pub(super) imm: Fr,
    pub(super) a: Operand,
    pub(super) b: Operand,
    pub(super) c: Option<Var>,
    pub(super) d: Target,
    pub(super) registers: Option<Step>,
    pub(super) next: Next,
}

/// An instruction before it is assembled.
struct Draft {
    /// Its address, if it has one of its own.
    address: Option<u64>,
    entries: Vec<Micro>,
    choice: Option<Choice>,
}

/// Instructions that are called from several places. The calls stand before its end.
#[derive(Clone, Debug)]
pub(super) struct Routine {
    begin: Label,
    /// Where it was called from.
    caller: Var,
    calls: Vec<Label>,
}

impl Routine {
    /// A routine that keeps its caller's number in `caller`; routines of which one calls the other need different words.
    pub(super) fn declare(p: &mut Asm, caller: Var) -> Self {
        Self {
            begin: p.label(),
            caller,
            calls: vec![],
        }
    }
    /// Calls it.
    pub(super) fn call(&mut self, p: &mut Asm) {
        let back = p.label();
        p.set(self.caller, self.calls.len() as u64);
        p.jump(self.begin);
        p.place(back);
        self.calls.push(back);
    }
    /// Its instructions begin here.
    pub(super) fn begin(&self, p: &mut Asm) {
        p.place(self.begin);
    }
    /// It ends here and goes on where it was called from; `d` becomes 0.
    pub(super) fn end(&self, p: &mut Asm, d: Option<Var>) {
        let calls: Vec<_> = (0..).zip(self.calls.iter().copied()).collect();
        p.switch(self.caller, &calls, d);
    }
}

/// Collects instructions; jumps are resolved at the end.
pub struct Asm {
    drafts: Vec<Draft>,
    labels: Vec<Option<u64>>,
    placed: BTreeSet<usize>,
    names: Vec<String>,
    notes: BTreeMap<u64, String>,
    own: Own,
    transaction: Range<u64>,
    opcodes: Range<u64>,
    /// Address that the next instruction has.
    address: Option<u64>,
    /// Group that the stream last written to is written to next.
    written: u64,
    /// Whether a record is open.
    open: bool,
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
            group: var("2^64 - 1"),
            unread: var("unread"),
            stamp: var("stamp"),
            index: var("stream index"),
            given: var("payload groups given"),
            t: [var("assembler's 0"), var("assembler's 1")],
        };
        let mut p = Self {
            drafts: vec![],
            labels: vec![],
            placed: BTreeSet::new(),
            names,
            notes: BTreeMap::new(),
            own,
            transaction: 0..0,
            opcodes: 0..0,
            address: None,
            written: 0,
            open: false,
        };
        p.note("constants of the assembler");
        p.set(own.group, Fr::from(u64::MAX));
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
        self.labels[l.0] = Some(self.drafts.len() as u64);
        self.placed.insert(self.drafts.len());
    }
    /// Says what the next instructions are for, in the listing.
    pub fn note(&mut self, text: &str) {
        self.notes.insert(self.drafts.len() as u64, text.into());
    }

    /// What `body` emits is the program of a transaction.
    pub(super) fn transaction(&mut self, body: impl FnOnce(&mut Self)) {
        let begin = self.drafts.len() as u64;
        body(self);
        self.transaction = begin..self.drafts.len() as u64;
    }
    /// What `body` emits is the program of the opcodes.
    pub(super) fn opcodes(&mut self, body: impl FnOnce(&mut Self)) {
        let begin = self.drafts.len() as u64;
        body(self);
        self.opcodes = begin..self.drafts.len() as u64;
    }
    /// The next instruction has this address.
    pub(super) fn at(&mut self, address: u64) {
        assert!(self.address.is_none(), "an instruction has one address");
        self.address = Some(address);
    }
    /// Emits an instruction of one entry.
    pub(super) fn emit(&mut self, m: Micro) {
        self.emit_any(vec![m], None);
    }
    /// Emits an instruction of several entries.
    pub(super) fn pick(
        &mut self,
        entries: Vec<Micro>,
        f: impl Fn(&View<'_>) -> usize + Send + Sync + 'static,
    ) {
        self.try_pick(entries, move |v| Ok(f(v)));
    }
    /// The same, where `f` may find that no entry has a proof.
    pub(super) fn try_pick(
        &mut self,
        entries: Vec<Micro>,
        f: impl Fn(&View<'_>) -> Result<usize, String> + Send + Sync + 'static,
    ) {
        self.emit_any(entries, Some(Choice::Entry(Arc::new(f))));
    }
    fn emit_any(&mut self, entries: Vec<Micro>, choice: Option<Choice>) {
        let address = self.address.take();
        self.drafts.push(Draft {
            address,
            entries,
            choice,
        });
    }
    fn own(&mut self, ops: &[Op], d: Var, a: Option<Var>, b: impl Into<Source>) {
        let ops = [&[Op::Own], ops].concat();
        let m = Micro {
            ops,
            a: self.operand(a),
            d: Target::Word(d),
            ..Micro::default()
        };
        let m = self.with(m, b.into());
        self.emit(m);
    }
    fn operand(&self, v: Option<Var>) -> Operand {
        v.map_or(Operand::Zero, Operand::Word)
    }
    /// The entry with operand B.
    fn with(&self, m: Micro, b: Source) -> Micro {
        match b {
            Source::Var(v) => Micro {
                b: Operand::Word(v),
                ..m
            },
            Source::Imm(imm) => Micro { imm, ..m },
        }
    }
    fn serve(&mut self, service: Service, o: Operands) {
        let m = self.asking(service, o);
        self.emit(m);
    }
    /// An entry that asks a service.
    fn asking(&self, service: Service, o: Operands) -> Micro {
        let m = Micro {
            ops: vec![Op::Serve],
            service: Some(service),
            a: self.operand(o.a),
            c: o.c,
            d: o.d.map_or(Target::Unread, Target::Word),
            ..Micro::default()
        };
        o.b.map_or(m.clone(), |b| self.with(m, b))
    }

    /// `d = b`.
    pub fn set(&mut self, d: Var, b: impl Into<Source>) {
        self.own(&[Op::CopyB], d, None, b);
    }
    /// `d = (a.lo, b.lo)` for `b` below 2^128.
    pub(super) fn beside(&mut self, d: Var, a: Var, b: Var) {
        self.own(&[Op::Cross, Op::CopyB], d, Some(a), b);
    }
    /// `d = a + b` in halves, each in the field.
    pub(super) fn mix(&mut self, d: Var, a: Var, b: impl Into<Source>) {
        self.own(&[Op::CopyA, Op::CopyB], d, Some(a), b);
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
        self.own(&[Op::Cross], t, Some(b), self.own.zero);
        self.own(&[Op::Cross], d, a, t);
    }
    /// `d =` a 256-bit constant; `d` is its own intermediate.
    pub fn constant(&mut self, d: Var, v: U256) {
        let [hi, lo] = crate::witness::halves(v);
        self.set(d, hi);
        self.pair(d, Some(d), lo);
    }
    /// `d = (0, a.hi)`.
    pub fn high(&mut self, d: Var, a: Var) {
        self.own(&[Op::Cross], d, None, a);
    }
    /// `d = (0, a.lo)`; `d` is its own intermediate.
    pub(super) fn low(&mut self, d: Var, a: Var) {
        self.cross(d, a, None);
        self.high(d, d);
    }
    /// `d = (a.lo, b.hi)`.
    pub(super) fn cross(&mut self, d: Var, a: Var, b: Option<Var>) {
        let b = b.unwrap_or(self.own.zero);
        self.own(&[Op::Cross], d, Some(a), b);
    }
    /// `d.lo = a.hi * 2^128 + a.lo` in the field.
    pub fn join(&mut self, d: Var, a: Var) {
        self.own(&[Op::Join], d, Some(a), self.own.zero);
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
            c: m,
            d,
        };
        self.serve(service, o);
    }
    /// `d = a * (m + 1) + b`, proven below 2^256; `m` below 2^64, or 0.
    fn linear(&mut self, d: Var, a: Var, m: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Add, Some(d), Some(a), m, b.into());
    }
    /// `d = a * m + b`, proven below 2^256; `m` is at least 1 and at most 2^64.
    pub fn mul_add(&mut self, d: Var, a: Var, m: Var, b: impl Into<Source>) {
        let t = self.own.t[1];
        self.mix(t, m, -Fr::ONE);
        self.linear(d, a, Some(t), b);
    }
    /// `d = a * m + b`, proven below 2^256; the constant `m` is at least 1 and at most 2^64.
    pub fn scale(&mut self, d: Var, a: Var, m: u128, b: impl Into<Source>) {
        let t = self.own.t[1];
        self.set(t, Fr::from_u128(m - 1));
        self.linear(d, a, Some(t), b);
    }
    /// `d = a + b`.
    pub fn add(&mut self, d: Var, a: Var, b: impl Into<Source>) {
        self.linear(d, a, None, b);
    }
    /// `d = a - b`, proven not negative; without `d` only the proof.
    pub fn sub(&mut self, d: Option<Var>, a: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Sub, d, a, None, b.into());
    }
    /// `d = 2^n`, for `n` below 256.
    pub fn power(&mut self, d: Var, n: Var) {
        let o = Operands {
            a: Some(n),
            d: Some(d),
            ..Default::default()
        };
        self.serve(Service::Power, o);
    }
    /// Proves `a < b`.
    pub fn less(&mut self, a: Option<Var>, b: impl Into<Source>) {
        self.arithmetic(Service::Less, None, a, None, b.into());
    }
    /// Proves `a = b`.
    pub fn equal(&mut self, a: Option<Var>, b: impl Into<Source>) {
        let ops = vec![Op::Own, Op::Equal];
        let a = self.operand(a);
        let m = Micro {
            ops,
            a,
            ..Micro::default()
        };
        let m = self.with(m, b.into());
        self.emit(m);
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
        self.unbound(t, Choice::Word(Arc::new(f)));
        self.add(d, t, 0);
    }
    /// The word so many bytes behind the address in `at` becomes `b`.
    pub(super) fn write_far(&mut self, at: Var, bytes: u16, b: impl Into<Source>) {
        let m = Micro {
            ops: vec![Op::Own, Op::CopyB],
            a: Operand::Word(at),
            d: Target::Far(bytes),
            ..Micro::default()
        };
        let m = self.with(m, b.into());
        self.emit(m);
    }
    /// `d =` the word so many bytes behind the address in `at`.
    pub(super) fn read_far(&mut self, d: Var, at: Var, bytes: u16) {
        self.emit(Micro {
            ops: vec![Op::Own, Op::CopyB],
            a: Operand::Word(at),
            b: Operand::Far(bytes),
            d: Target::Word(d),
            ..Micro::default()
        });
    }
    /// `d =` any two field elements.
    fn unbound(&mut self, d: Var, choice: Choice) {
        let m = Micro {
            d: Target::Word(d),
            ..Micro::default()
        };
        self.emit_any(vec![m], Some(choice));
    }
    /// `d =` any two field elements, which the witness takes as a word from `f`.
    pub(super) fn free(&mut self, d: Var, f: impl Fn(&View<'_>) -> U256 + Send + Sync + 'static) {
        self.unbound(d, Choice::Word(Arc::new(move |v| Ok(f(v)))));
    }
    pub(super) fn elements(
        &mut self,
        d: Var,
        f: impl Fn(&View<'_>) -> Result<(Fr, Fr), String> + Send + Sync + 'static,
    ) {
        self.unbound(d, Choice::Elements(Arc::new(f)));
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
        let here = self.drafts.len();
        let goes_on = |d: &Draft| d.entries.iter().all(|e| e.next == Next::Ahead);
        if self.placed.contains(&here) || !self.drafts.last().is_some_and(goes_on) {
            self.nothing(Next::To(to));
        } else if let Some(last) = self.drafts.last_mut() {
            last.entries.iter_mut().for_each(|e| e.next = Next::To(to));
        }
    }
    fn nothing(&mut self, next: Next) {
        let ops = vec![Op::Own];
        self.emit(Micro {
            ops,
            next,
            ..Micro::default()
        });
    }
    /// Jumps if the prover likes; the witness asks `f`.
    pub fn jump_hint(&mut self, to: Label, f: impl Fn(&View<'_>) -> bool + Send + Sync + 'static) {
        let way = |next| Micro {
            ops: vec![Op::Own],
            next,
            ..Micro::default()
        };
        let ways = vec![way(Next::Ahead), way(Next::To(to))];
        self.pick(ways, move |v| usize::from(f(v)));
    }
    /// Goes on where the value of `a` is among `ways`, which is proven; `d` becomes 0. Other values have no proof.
    pub(super) fn switch(&mut self, a: Var, ways: &[(u64, Label)], d: Option<Var>) {
        let way = |(value, to): &(u64, Label)| Micro {
            ops: vec![Op::Own, Op::Equal],
            imm: Fr::from(*value),
            a: Operand::Word(a),
            d: d.map_or(Target::Unread, Target::Word),
            next: Next::To(*to),
            ..Micro::default()
        };
        let values: Vec<_> = ways.iter().map(|w| U256::from(w.0)).collect();
        self.try_pick(ways.iter().map(way).collect(), move |v| {
            let found = values.iter().position(|x| *x == v.word(a));
            found.ok_or_else(|| format!("{} is no case", v.word(a)))
        });
    }
    /// Ends the program. The codes follow if there are any.
    pub fn halt(&mut self) {
        let end = |codes| Micro {
            next: Next::End(codes),
            ..Micro::default()
        };
        self.pick(vec![end(false), end(true)], |v| usize::from(v.has_codes()));
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
        self.linear(d, d, Some(group), t);
    }
    /// `d = (0, a.lo * 2^64)`, for `a` below 2^64.
    pub(super) fn times_2_64(&mut self, d: Var, a: Var) {
        let group = self.own.group;
        self.linear(d, a, Some(group), 0);
    }
    /// `d =` the next four groups as a word.
    pub fn payload_word(&mut self, d: Var, at: Var) {
        self.group(d, at);
        for _ in 0..3 {
            self.group_shift(d, at);
        }
    }
    /// `d =` how many of the `length` payload bytes from byte `at` are not zero.
    pub fn count(&mut self, d: Var, at: Var, length: Var) {
        let t = self.own.t[0];
        self.set(t, 0);
        let o = Operands {
            a: Some(at),
            b: Some(length.into()),
            c: Some(t),
            d: None,
        };
        self.serve(Service::Span, o);
        self.set(d, t);
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
        self.write_next(stream, b);
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
    /// A new stream, of whose words none is written; its number is in `stream`.
    pub(super) fn begin_stream(&mut self, stream: Var) {
        self.clock(stream);
        self.set(self.own.index, 0);
    }
    /// Writes the word `b` next in the stream.
    pub(super) fn write_next(&mut self, stream: Var, b: impl Into<Source>) {
        let o = Operands {
            a: Some(stream),
            b: Some(b.into()),
            c: Some(self.own.index),
            d: None,
        };
        self.serve(Service::Word, o);
    }
    /// Opens account `a`: its balance, its nonce, and `(code, touched)`. [`Self::close_account`] must follow.
    pub fn open_account(&mut self, a: Var, [balance, nonce, code]: [Var; 3]) {
        let created = self.own.t[1];
        self.record_is_open();
        let t = self.own.t[0];
        self.join(t, a);
        self.elements(code, move |v| v.code_and_mark(t));
        self.stamped(Service::Account, Some(t), Some(code), Some(balance));
        self.elements(created, |v| v.origin());
        self.stamped(Service::Mark, None, Some(created), Some(nonce));
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
    /// Slot `a` of the account `address` becomes `b`; its mark and its original word stay.
    pub fn set_storage(&mut self, address: Address, a: Var, b: Var) {
        let [of, mark] = self.own.t;
        self.set(of, field::from_address(address));
        self.open_slot(of, a, [self.own.unread, mark, mark]);
        self.close_slot(mark, b);
    }
    /// Opens slot `a` of the account whose address is the element in `of`: its word, its mark, its original word; the last two may be
    /// one scratch word, which is the mark then. [`Self::close_slot`] must follow.
    pub(super) fn open_slot(&mut self, of: Var, a: Var, [word, mark, original]: [Var; 3]) {
        self.record_is_open();
        self.stamped(Service::Slot, Some(of), Some(a), Some(word));
        self.elements(original, |v| v.origin());
        self.stamped(Service::Mark, None, Some(original), Some(mark));
    }
    /// The open slot's word becomes `word`, its mark the low half of `marks`. The high half is 1 if the slot's word until now is the
    /// original one from now on, else 0.
    pub(super) fn close_slot(&mut self, marks: Var, word: Var) {
        assert!(self.open, "no slot is open");
        self.open = false;
        self.stamped(Service::Update, Some(marks), Some(word), None);
    }
    /// Whoever comes here has opened a record.
    pub(super) fn record_is_open(&mut self) {
        assert!(!self.open, "a record is open already");
        self.open = true;
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
            let mut m = self.asking(Service::TreeBegin, o(None));
            m.ops.push(Op::Make);
            self.emit(m);
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
            let word = move |v: &View<'_>| Ok(v.payload_word(given));
            self.unbound(t, Choice::Word(Arc::new(word)));
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
    pub fn assemble(self, boundary: Label, vars: SegmentVars) -> Program {
        assert!(!self.open, "a record stays open");
        let first = self.names.len() as u64;
        assert!(
            first + (self.drafts.len() as u64) < OPCODES_AT,
            "instructions have addresses below the opcodes'"
        );
        let addresses: Vec<u64> = (first..)
            .zip(&self.drafts)
            .map(|(i, d)| d.address.unwrap_or(i))
            .collect();
        let at = |l: Label| self.labels[l.0].expect("each label is placed");
        let words: Vec<Word> = (0..)
            .zip(&self.drafts)
            .map(|(i, draft)| Word {
                address: addresses[i],
                entries: (draft.entries.iter())
                    .map(|m| {
                        let next = match m.next {
                            Next::Ahead => addresses[i + 1],
                            Next::To(l) => addresses[at(l) as usize],
                            Next::Opcode(_) => OPCODES_AT,
                            Next::Landing => LANDINGS_AT,
                            Next::Inspect(l) => addresses[at(l) as usize],
                            Next::End(codes) => u64::from(codes),
                        };
                        m.entry(&self.own, next)
                    })
                    .collect(),
                choice: draft.choice.clone(),
            })
            .collect();
        let mut indices = vec![];
        for (i, address) in (1..).zip(&addresses) {
            let at = *address as usize;
            if indices.len() <= at {
                indices.resize(at + 1, 0);
            }
            assert_eq!(indices[at], 0, "two instructions at {at}");
            indices[at] = i;
        }
        let boundary = at(boundary);
        Program {
            words,
            names: self.names,
            notes: self.notes,
            transaction: self.transaction,
            opcodes: self.opcodes,
            boundary: (boundary, vars),
            indices,
        }
    }
}

impl Micro {
    /// The same entry, which goes on there.
    pub(super) fn then(self, next: Next) -> Self {
        Self { next, ..self }
    }
    /// The entry, with the address of the next instruction.
    fn entry(&self, own: &Own, next: u64) -> Entry {
        let mut ops = self.ops.clone();
        let from_top = |k: u16| STACK_BIAS as u16 - k;
        let read = |operand, stack, pop| match operand {
            Operand::Zero => (own.zero.0, vec![]),
            Operand::Word(v) => (v.0, vec![]),
            Operand::Stack(k) => (from_top(k), vec![stack]),
            Operand::Pop(k) => (from_top(k), vec![stack, pop]),
            Operand::Data(n) => (n, vec![Op::Data]),
            Operand::Far(bytes) => (bytes, vec![Op::FarB]),
        };
        let (a, of_a) = read(self.a, Op::StackA, Op::PopA);
        let (b, of_b) = read(self.b, Op::StackB, Op::PopB);
        let (d, of_d) = match self.d {
            Target::Unread => (own.unread.0, vec![]),
            Target::Word(v) => (v.0, vec![]),
            Target::Far(bytes) => (bytes, vec![Op::FarD]),
            Target::Push(taken) => (from_top(taken), vec![Op::Push]),
        };
        ops.extend([of_a, of_b, of_d].concat());
        let (mut advance, mut imm, mut c) = (0, self.imm, self.c.unwrap_or(own.zero).0);
        match self.next {
            Next::Opcode(bytes) => {
                ops.push(Op::Fetch);
                advance = bytes;
            }
            Next::Landing => ops.extend([Op::Fetch, Op::Jump]),
            Next::Inspect(_) => ops.extend([Op::Fetch, Op::Jump, Op::Take]),
            Next::End(codes) => {
                ops.push(Op::Halt);
                ops.extend((!codes).then_some(Op::Own));
            }
            Next::Ahead | Next::To(_) => {}
        }
        if let Some(r) = self.registers {
            assert!(imm == Fr::ZERO && self.c.is_none(), "the registers are C");
            ops.push(Op::Evm);
            c = r.word.0;
            let signed = |n: i64| {
                let size = Fr::from(n.unsigned_abs());
                if n < 0 { -size } else { size }
            };
            imm = Fr::from(u64::from(advance)) + signed(r.grows) * pow2(DEPTH_AT)
                - signed(r.gas) * pow2(GAS_AT);
        }
        let kept = [own.public, own.zero];
        assert!(
            matches!(self.d, Target::Far(_) | Target::Push(_)) || kept.iter().all(|v| v.0 != d),
            "an instruction writes the public input or the word that is 0"
        );
        let distinct: BTreeSet<Op> = ops.into_iter().collect();
        Entry {
            controls: distinct.iter().fold(0, |c, op| c | 1 << (*op as u8)),
            service: self.service,
            imm,
            operands: [a, b, c, d],
            advance,
            next,
        }
    }
}

/// The address in the low half of a joined word.
pub(super) fn address_of(joined: U256) -> Address {
    Address::from_word(B256::from(joined))
}
