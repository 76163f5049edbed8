//! The assembler: microcode is Rust calls that emit ROM words.

use super::{
    interpreter::View,
    isa::{Op, STATE_MARK, StateOp, Word},
    program::SegmentVars,
};
use crate::Fr;
use alloy_primitives::U256;
use ff::Field;
use std::{collections::BTreeMap, sync::Arc};

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
#[derive(Clone, Copy, Debug)]
pub struct Label(usize);

/// Computes the word that a hint supplies, or says why there is none.
pub type HintFn = Arc<dyn Fn(&View<'_>) -> Result<U256, String> + Send + Sync>;
/// Decides a jump that the prover may take.
pub type ChoiceFn = Arc<dyn Fn(&View<'_>) -> bool + Send + Sync>;

/// What the witness generator does where the program leaves a choice.
#[derive(Clone)]
pub enum Choice {
    /// Value of a `Hint`.
    Word(HintFn),
    /// Direction of a `JumpHint`.
    Jump(ChoiceFn),
}

/// An assembled program.
#[derive(Clone)]
pub struct Program {
    /// ROM words by address.
    pub words: Vec<Word>,
    /// Choices by address.
    pub choices: BTreeMap<u64, Choice>,
    /// Names of the scratch words, by address.
    pub names: Vec<String>,
    /// What each instruction is for, by address of the first one it stands for.
    pub notes: BTreeMap<u64, String>,
    /// From which address on the words of the boundary state after the segment are in place, and where they are.
    pub boundary: (u64, SegmentVars),
}

/// Collects words; jumps are resolved at the end.
#[derive(Default)]
pub struct Asm {
    words: Vec<Word>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<Option<u64>>,
    choices: BTreeMap<u64, Choice>,
    names: Vec<String>,
    notes: BTreeMap<u64, String>,
}

/// Operands of an instruction; what is left out is off.
#[derive(Clone, Copy, Default)]
struct Operands {
    a: Option<Var>,
    b: Option<Source>,
    c: Option<Var>,
    d: Option<Var>,
    /// The first write to D.
    first: bool,
    imm: Option<Fr>,
}

impl Asm {
    /// Declares a scratch word.
    pub fn var(&mut self, name: &str) -> Var {
        assert!(
            !self.names.iter().any(|n| n == name),
            "scratch word {name} is declared twice"
        );
        self.names.push(name.into());
        Var(self.names.len() as u16 - 1)
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
    }
    /// Says what the next instructions are for, in the listing.
    pub fn note(&mut self, text: &str) {
        self.notes.insert(self.words.len() as u64, text.into());
    }
    /// The scratch words declared so far.
    pub fn vars(&self) -> Vec<Var> {
        (0..self.names.len() as u16).map(Var).collect()
    }

    fn emit(&mut self, ops: &[Op], o: Operands) {
        let mut controls = ops.iter().fold(0u64, |c, op| c | 1 << (*op as u8));
        let mut on = |op: Op, yes: bool| controls |= u64::from(yes) << (op as u8);
        on(Op::ReadA, o.a.is_some());
        on(Op::ReadB, matches!(o.b, Some(Source::Var(_))));
        on(Op::UseC, o.c.is_some());
        on(Op::TakeD, o.d.is_some() && !o.first);
        on(Op::MakeD, o.d.is_some());
        self.words.push(Self::word(controls, o));
    }
    fn emit_state(&mut self, ops: &[StateOp], o: Operands) {
        let mut controls = ops
            .iter()
            .fold(1u64 << STATE_MARK, |c, op| c | 1 << (*op as u8));
        let mut on = |op: StateOp, yes: bool| controls |= u64::from(yes) << (op as u8);
        on(StateOp::ReadA, o.a.is_some());
        on(StateOp::ReadB, matches!(o.b, Some(Source::Var(_))));
        on(StateOp::TakeD, o.d.is_some() && !o.first);
        on(StateOp::MakeD, o.d.is_some());
        self.words.push(Self::word(controls, o));
    }
    fn word(controls: u64, o: Operands) -> Word {
        let (b, imm) = match o.b {
            Some(Source::Var(v)) => (v.0, o.imm),
            Some(Source::Imm(i)) => {
                assert!(o.imm.is_none(), "an instruction has one immediate");
                (0, Some(i))
            }
            None => (0, o.imm),
        };
        let at = |v: Option<Var>| v.map_or(0, |v| v.0);
        Word {
            controls,
            imm: imm.unwrap_or(Fr::ZERO),
            operands: [at(o.a), b, at(o.c), at(o.d)],
        }
    }
    fn choice(&mut self, c: Choice) {
        self.choices.insert(self.words.len() as u64, c);
    }

    /// First write of a scratch word: 0.
    pub fn allocate(&mut self, d: Var) {
        self.emit(
            &[Op::Copy],
            Operands {
                d: Some(d),
                first: true,
                ..Default::default()
            },
        );
    }
    /// Last use of a scratch word: consumed and not made again.
    pub fn free(&mut self, d: Var) {
        self.words.push(Word {
            controls: 1 << (Op::TakeD as u8) | 1 << (Op::Copy as u8),
            imm: Fr::ZERO,
            operands: [0, 0, 0, d.0],
        });
    }
    /// `d = b`.
    pub fn set(&mut self, d: Var, b: impl Into<Source>) {
        self.emit(
            &[Op::Copy],
            Operands {
                b: Some(b.into()),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d = (a.lo, b.lo)`.
    pub fn pair(&mut self, d: Var, a: Option<Var>, b: impl Into<Source>) {
        self.emit(
            &[Op::Pair],
            Operands {
                a,
                b: Some(b.into()),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` a 256-bit constant; `d` is its own intermediate.
    pub fn constant(&mut self, d: Var, v: U256) {
        let [hi, lo] = crate::witness::halves(v);
        self.set(d, hi);
        self.pair(d, Some(d), lo);
    }
    /// `d = (0, a.hi)`.
    pub fn high(&mut self, d: Var, a: Var) {
        self.emit(
            &[Op::High],
            Operands {
                a: Some(a),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d.lo = a.hi * 2^128 + a.lo` in the field.
    pub fn join(&mut self, d: Var, a: Var) {
        self.emit(
            &[Op::Join],
            Operands {
                a: Some(a),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d = a * m + b`, proven below 2^256; `m` below 2^64, or 1.
    pub fn mul_add(&mut self, d: Var, a: Var, m: Option<Var>, b: impl Into<Source>) {
        self.emit(
            &[Op::Add],
            Operands {
                a: Some(a),
                b: Some(b.into()),
                c: m,
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d = a + b`.
    pub fn add(&mut self, d: Var, a: Var, b: impl Into<Source>) {
        self.mul_add(d, a, None, b);
    }
    /// `d = a - b`, proven not negative; without `d` only the proof.
    pub fn sub(&mut self, d: Option<Var>, a: Option<Var>, b: impl Into<Source>) {
        self.emit(
            &[Op::Sub],
            Operands {
                a,
                b: Some(b.into()),
                d,
                ..Default::default()
            },
        );
    }
    /// Proves `a < b`.
    pub fn less(&mut self, a: Option<Var>, b: impl Into<Source>) {
        self.emit(
            &[Op::Less],
            Operands {
                a,
                b: Some(b.into()),
                ..Default::default()
            },
        );
    }
    /// Proves `a = b`.
    pub fn equal(&mut self, a: Option<Var>, b: impl Into<Source>) {
        self.emit(
            &[Op::Equal],
            Operands {
                a,
                b: Some(b.into()),
                ..Default::default()
            },
        );
    }
    /// `d =` any word; the witness takes it from `f`.
    pub fn hint(&mut self, d: Var, f: impl Fn(&View<'_>) -> U256 + Send + Sync + 'static) {
        self.try_hint(d, move |v| Ok(f(v)));
    }
    /// The same, where `f` may find that there is no such word.
    pub fn try_hint(
        &mut self,
        d: Var,
        f: impl Fn(&View<'_>) -> Result<U256, String> + Send + Sync + 'static,
    ) {
        self.choice(Choice::Word(Arc::new(f)));
        self.emit(
            &[Op::Hint],
            Operands {
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// Jumps if `a` is zero; always without `a`.
    pub fn jump_zero(&mut self, a: Option<Var>, to: Label) {
        self.jumps.push((self.words.len(), to));
        self.emit(
            &[Op::JumpZero],
            Operands {
                a,
                ..Default::default()
            },
        );
    }
    /// Jumps always.
    pub fn jump(&mut self, to: Label) {
        self.jump_zero(None, to);
    }
    /// Jumps if the prover likes; the witness asks `f`.
    pub fn jump_hint(&mut self, to: Label, f: impl Fn(&View<'_>) -> bool + Send + Sync + 'static) {
        self.jumps.push((self.words.len(), to));
        self.choice(Choice::Jump(Arc::new(f)));
        self.emit(&[Op::JumpHint], Operands::default());
    }
    /// Ends the program.
    pub fn halt(&mut self) {
        self.emit(&[Op::Halt], Operands::default());
    }
    /// `d = (0, next payload group)`; `at` advances.
    pub fn group(&mut self, d: Var, at: Var) {
        self.emit(
            &[Op::Bytes],
            Operands {
                c: Some(at),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d = (d.hi, d.lo * 2^64 + next group)`.
    pub fn group_shift(&mut self, d: Var, at: Var) {
        self.emit(
            &[Op::Bytes, Op::BytesShift],
            Operands {
                a: Some(d),
                c: Some(at),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d = (d.lo, next group)`.
    pub fn group_up(&mut self, d: Var, at: Var) {
        self.emit(
            &[Op::Bytes, Op::BytesUp],
            Operands {
                a: Some(d),
                c: Some(at),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` the next four groups as a word.
    pub fn payload_word(&mut self, d: Var, at: Var) {
        self.group(d, at);
        self.group_shift(d, at);
        self.group_up(d, at);
        self.group_shift(d, at);
    }
    /// `d =` the canonical RLP integer at byte `at`, which advances.
    pub fn item_integer(&mut self, d: Var, at: Var) {
        self.emit(
            &[Op::ItemInt],
            Operands {
                c: Some(at),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` the RLP string of `bytes` bytes at byte `at`, which advances.
    pub fn item_fixed(&mut self, d: Var, at: Var, bytes: u64) {
        let imm = Some(Fr::from(bytes));
        self.emit(
            &[Op::ItemFixed],
            Operands {
                c: Some(at),
                d: Some(d),
                imm,
                ..Default::default()
            },
        );
    }
    /// `d =` the length of the RLP item at byte `at`, which advances past a string or into a list.
    pub fn item_length(&mut self, d: Var, at: Var, list: bool) {
        let imm = Some(Fr::from(u64::from(list)));
        self.emit(
            &[Op::ItemLength],
            Operands {
                c: Some(at),
                d: Some(d),
                imm,
                ..Default::default()
            },
        );
    }
    /// `d =` how many of the `length` payload bytes from byte `at` are not zero.
    pub fn count(&mut self, d: Var, at: Var, length: Var) {
        self.emit(
            &[Op::Count],
            Operands {
                a: Some(at),
                b: Some(length.into()),
                d: Some(d),
                ..Default::default()
            },
        );
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
            ..Default::default()
        };
        self.emit(&[Op::Keccak], o);
    }
    /// `x, y =` the key that signed `z` with `r`, `s` and this parity.
    pub fn recover(&mut self, [x, y]: [Var; 2], z: Var, [r, s]: [Var; 2], parity: u64) {
        for (op, d) in [(Op::KeyX, x), (Op::KeyY, y)] {
            let imm = Some(Fr::from(parity));
            self.emit(
                &[op],
                Operands {
                    a: Some(z),
                    b: Some(r.into()),
                    c: Some(s),
                    d: Some(d),
                    imm,
                    ..Default::default()
                },
            );
        }
    }
    /// One sponge step: the halves of `a` are absorbed into `(rate, capacity)`.
    pub fn absorb(&mut self, a: Var, rate: Var, capacity: Var) {
        let o = Operands {
            a: Some(a),
            b: Some(rate.into()),
            c: Some(capacity),
            d: Some(rate),
            ..Default::default()
        };
        self.emit(&[Op::Permute], o);
    }
    /// `d.lo = H(iv; a.lo, b.lo)`, one permutation.
    pub fn compress(&mut self, d: Var, iv: Fr, a: Var, b: Var) {
        let o = Operands {
            a: Some(a),
            b: Some(b.into()),
            d: Some(d),
            imm: Some(iv),
            ..Default::default()
        };
        self.emit(&[Op::Compress], o);
    }
    /// Writes the word `c` to groups `index ..` of `stream`.
    pub fn write(&mut self, stream: Var, index: u64, c: Var) {
        let imm = Some(Fr::from(index));
        self.emit(
            &[Op::Word],
            Operands {
                a: Some(stream),
                c: Some(c),
                imm,
                ..Default::default()
            },
        );
    }

    /// First instruction: `d =` the public input.
    pub fn public(&mut self, d: Var) {
        self.emit_state(
            &[StateOp::Public],
            Operands {
                d: Some(d),
                first: true,
                ..Default::default()
            },
        );
    }
    /// `d = (0, clock)`: a stream number that no other instruction gets.
    pub fn clock(&mut self, d: Var) {
        self.emit_state(
            &[StateOp::Clock],
            Operands {
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` the balance of account `a`.
    pub fn balance(&mut self, d: Var, a: Var) {
        self.emit_state(
            &[StateOp::Account, StateOp::Balance],
            Operands {
                a: Some(a),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` the nonce of account `a`.
    pub fn nonce(&mut self, d: Var, a: Var) {
        self.emit_state(
            &[StateOp::Account, StateOp::Nonce],
            Operands {
                a: Some(a),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// `d =` 1 if account `a` has no code, otherwise 0.
    pub fn no_code(&mut self, d: Var, a: Var) {
        self.emit_state(
            &[StateOp::Account, StateOp::NoCode],
            Operands {
                a: Some(a),
                d: Some(d),
                ..Default::default()
            },
        );
    }
    /// The balance of account `a` becomes `b`; its nonce grows by 1 if `next_nonce`.
    pub fn set_balance(&mut self, a: Var, b: Var, next_nonce: bool) {
        let mut ops = vec![StateOp::Account, StateOp::SetBalance];
        ops.extend(next_nonce.then_some(StateOp::NextNonce));
        self.emit_state(
            &ops,
            Operands {
                a: Some(a),
                b: Some(b.into()),
                ..Default::default()
            },
        );
    }
    /// Slot `a` of the account `address` becomes `b`.
    pub fn set_storage(&mut self, address: Fr, a: Var, b: Var) {
        let o = Operands {
            a: Some(a),
            b: Some(b.into()),
            imm: Some(address),
            ..Default::default()
        };
        self.emit_state(&[StateOp::Storage], o);
    }
    /// The chain of state roots begins (or ends) with root `a`.
    pub fn tree(&mut self, a: Var, end: bool) {
        let op = if end {
            StateOp::TreeEnd
        } else {
            StateOp::TreeBegin
        };
        self.emit_state(
            &[op],
            Operands {
                a: Some(a),
                ..Default::default()
            },
        );
    }
    /// The chain of payload groups begins with group `a`.
    pub fn payload_begin(&mut self, a: Var) {
        self.emit_state(
            &[StateOp::PayloadBegin],
            Operands {
                a: Some(a),
                ..Default::default()
            },
        );
    }
    /// The chain of payload groups ends.
    pub fn payload_end(&mut self) {
        self.emit_state(&[StateOp::PayloadEnd], Operands::default());
    }

    /// Resolves the jumps. `boundary` is where the boundary state after the segment is in place, in `vars`.
    pub fn assemble(mut self, boundary: Label, vars: SegmentVars) -> Program {
        let boundary = self.labels[boundary.0].expect("each label is placed");
        for (at, l) in &self.jumps {
            let to = self.labels[l.0].expect("each label is placed");
            assert_ne!(to, 0, "the first instruction is only for the start row");
            self.words[*at].imm = Fr::from(to);
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
