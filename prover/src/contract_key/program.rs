//! Straight-line programs: how the constraint polynomials run on the L1.
//!
//! A program uses fifteen kinds of EVM instructions, none of which jumps, calls, or touches state:
//! `PUSHn DUPn SWAPn ADD SUB MUL MOD ADDMOD MULMOD MLOAD MSTORE CALLDATALOAD RETURN` (with `PUSH0`).
//! Its input is a row of 32-byte words, and so is its output, which the next program finds in its input. Values are
//! kept as any 256-bit representative of their residue; the compiler tracks an upper bound of each, from one program
//! to the next too, so plain additions never wrap.

use std::collections::HashMap;

use alloy_primitives::U256;
use halo2_proofs::halo2curves::bn256::Fr;

use super::{
    ExportError, KeyError, R, bits,
    dag::{Dag, Id, Node},
    to_u256,
};

const ADD: u8 = 0x01;
const MUL: u8 = 0x02;
const SUB: u8 = 0x03;
const MOD: u8 = 0x06;
const ADDMOD: u8 = 0x08;
const MULMOD: u8 = 0x09;
const CALLDATALOAD: u8 = 0x35;
const MLOAD: u8 = 0x51;
const MSTORE: u8 = 0x52;
const PUSH0: u8 = 0x5f;
const DUP1: u8 = 0x80;
const SWAP1: u8 = 0x90;
const RETURN: u8 = 0xf3;

/// Constants of more bytes than this lie in the input instead of in the code.
const INLINE_BYTES: usize = 10;
/// Multiples of the field's order that stay at the bottom of the stack, deepest first.
const BASE: [u64; 3] = [4, 2, 1];

/// Whether a constant is an input word instead of a literal.
pub(super) fn is_pooled(value: Fr) -> bool {
    bits(value).div_ceil(8) > INLINE_BYTES
}

/// Where a program finds its input.
pub(super) struct Words<'a> {
    /// The constants, which come first.
    pub(super) pool: &'a [Fr],
    /// Place of the first word that the program before gave back, counted from the end of the constants.
    pub(super) carried: u32,
}

/// A compiled program.
pub(super) struct Program {
    pub(super) code: Vec<u8>,
    /// The values it gives back, each with its bound (inclusive), in the order of the words.
    pub(super) outputs: Vec<(Id, U256)>,
}

struct Compiler<'a> {
    dag: &'a Dag,
    words: &'a Words<'a>,
    /// Word among the carried ones and bound of values that the program before gave back.
    carried: HashMap<Id, (u32, U256)>,
    /// Uses still to come.
    left: Vec<u32>,
    shared: Vec<bool>,
    /// Operands that a value needs on the stack at once.
    need: Vec<u32>,
    /// Memory slot of values that are given back.
    place: Vec<Option<u32>>,
    /// Memory slot and bound of shared values that have been computed.
    stored: Vec<Option<(u32, U256)>>,
    free: Vec<u32>,
    slots: u32,
    depth: usize,
    code: Vec<u8>,
    too_deep: bool,
}

impl Compiler<'_> {
    fn push(&mut self, value: U256) {
        let bytes = value.to_be_bytes_trimmed_vec();
        self.code.push(PUSH0 + bytes.len() as u8);
        self.code.extend(bytes);
        self.depth += 1;
    }

    /// An operation that takes `takes` values and leaves one.
    fn op(&mut self, op: u8, takes: usize) {
        self.code.push(op);
        self.depth = self.depth + 1 - takes;
    }

    fn swap(&mut self, n: u8) {
        self.code.push(SWAP1 + n - 1);
    }

    /// Pushes `multiple` times the field's order from the bottom of the stack.
    fn order(&mut self, multiple: u64) {
        let place = BASE.iter().position(|m| *m == multiple).unwrap_or(0);
        let n = self.depth - place;
        if n > 16 {
            self.too_deep = true;
        }
        self.code.push(DUP1.wrapping_add(n as u8 - 1));
        self.depth += 1;
    }

    fn is_leaf_sum(&self, id: Id) -> bool {
        !self.shared[id as usize]
            && !self.carried.contains_key(&id)
            && matches!(
                self.dag.node(id),
                Node::Add(..) | Node::Sub(..) | Node::Neg(_)
            )
    }

    /// Terms of a sum with their signs, opened through sums that nothing else uses.
    fn terms(&self, id: Id) -> Vec<(bool, Id)> {
        let (mut terms, mut stack, mut first) = (vec![], vec![(false, id)], true);
        while let Some((negative, id)) = stack.pop() {
            if !first && !self.is_leaf_sum(id) {
                terms.push((negative, id));
                continue;
            }
            first = false;
            match self.dag.node(id) {
                Node::Add(a, b) => stack.extend([(negative, b), (negative, a)]),
                Node::Sub(a, b) => stack.extend([(!negative, b), (negative, a)]),
                Node::Neg(a) => stack.push((!negative, a)),
                _ => terms.push((negative, id)),
            }
        }
        terms
    }

    /// Pushes a word of the input.
    fn load(&mut self, word: usize) {
        self.push(U256::from(word * 32));
        self.op(CALLDATALOAD, 1);
    }

    /// Leaves the value on the stack and returns its bound (inclusive).
    fn value(&mut self, id: Id) -> U256 {
        let index = id as usize;
        self.left[index] -= 1;
        if let Some((slot, bound)) = self.stored[index] {
            self.push(U256::from(slot * 32));
            self.op(MLOAD, 1);
            if self.left[index] == 0 {
                self.free.push(slot);
            }
            return bound;
        }
        let bound = self.compute(id);
        if self.shared[index] {
            let slot = self.place[index].or_else(|| self.free.pop());
            let slot = slot.unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.code.push(DUP1);
            self.depth += 1;
            self.store(id, slot, bound);
        }
        bound
    }

    /// Moves the value on top of the stack to memory.
    fn store(&mut self, id: Id, slot: u32, bound: U256) {
        self.push(U256::from(slot * 32));
        self.code.push(MSTORE);
        self.depth -= 2;
        self.stored[id as usize] = Some((slot, bound));
    }

    /// Leaves a value that is not in memory on the stack and returns its bound (inclusive).
    fn compute(&mut self, id: Id) -> U256 {
        let after_pool = self.words.pool.len();
        if let Some((word, bound)) = self.carried.get(&id).copied() {
            self.load(after_pool + (self.words.carried + word) as usize);
            return bound;
        }
        match self.dag.node(id) {
            Node::Constant(c) if is_pooled(c) => {
                let place = self.words.pool.iter().position(|p| *p == c);
                self.load(place.unwrap_or(0));
                R - U256::ONE
            }
            Node::Constant(c) => {
                let c = to_u256(c);
                self.push(c);
                c
            }
            Node::Input(word) => {
                self.load(after_pool + word as usize);
                R - U256::ONE
            }
            Node::Mul(a, b) => self.product(a, b),
            Node::Add(..) | Node::Sub(..) | Node::Neg(_) => self.sum(id),
        }
    }

    fn product(&mut self, a: Id, b: Id) -> U256 {
        let (a, b) = if self.need[a as usize] >= self.need[b as usize] {
            (a, b)
        } else {
            (b, a)
        };
        // A small literal may multiply without reduction.
        for (literal, other) in [(a, b), (b, a)] {
            if let Node::Constant(c) = self.dag.node(literal)
                && !is_pooled(c)
                && let Some(_) = to_u256(c).checked_mul(R)
            {
                let bound = self.value(other);
                if let Some(product) = bound.checked_mul(to_u256(c)) {
                    self.push(to_u256(c));
                    self.op(MUL, 2);
                    return product;
                }
                self.order(1);
                self.swap(1);
                self.push(to_u256(c));
                self.op(MULMOD, 3);
                return R - U256::ONE;
            }
        }
        // The order goes below the operands, unless the first operand needs the stack's whole reach.
        if self.need[a as usize] > 7 {
            self.value(a);
            self.order(1);
            self.swap(1);
        } else {
            self.order(1);
            self.value(a);
        }
        self.value(b);
        self.op(MULMOD, 3);
        R - U256::ONE
    }

    fn sum(&mut self, id: Id) -> U256 {
        let (mut minus, mut plus): (Vec<_>, Vec<_>) = self
            .terms(id)
            .into_iter()
            .partition(|(negative, _)| *negative);
        for terms in [&mut minus, &mut plus] {
            terms.sort_by_key(|(_, id)| std::cmp::Reverse(self.need[*id as usize]));
        }
        let add = |this: &mut Self, total: &mut Option<U256>, bound: U256| {
            *total = Some(match *total {
                None => bound,
                Some(sum) => match sum.checked_add(bound) {
                    Some(sum) => {
                        this.op(ADD, 2);
                        sum
                    }
                    None => {
                        this.order(1);
                        this.swap(2);
                        this.op(ADDMOD, 3);
                        R - U256::ONE
                    }
                },
            });
        };
        // Whichever side is deeper goes first: the other is computed with one operand waiting.
        let deepest = |this: &Self, terms: &[(bool, Id)]| {
            terms.first().map_or(0, |(_, id)| this.need[*id as usize])
        };
        let minus_first = deepest(self, &minus) > deepest(self, &plus);
        let mut total = None;
        for side in if minus_first {
            [true, false]
        } else {
            [false, true]
        } {
            if side {
                let mut taken: Option<U256> = None;
                for (_, term) in &minus {
                    let bound = self.value(*term);
                    add(self, &mut taken, bound);
                }
                let Some(mut taken) = taken else { continue };
                if taken > R * U256::from(4) {
                    self.order(1);
                    self.swap(1);
                    self.op(MOD, 2);
                    taken = R - U256::ONE;
                }
                let multiple = [1u64, 2, 4]
                    .into_iter()
                    .find(|m| taken <= R * U256::from(*m))
                    .unwrap_or(4);
                self.order(multiple);
                self.op(SUB, 2);
                add(self, &mut total, R * U256::from(multiple));
            } else {
                for (_, term) in &plus {
                    let bound = self.value(*term);
                    add(self, &mut total, bound);
                }
            }
        }
        total.unwrap_or_default()
    }
}

/// Compiles a program that gives back the values `outputs`, given those that the program before gave back.
///
/// # Errors
///
/// [`ExportError::ExpressionTooDeep`].
pub(super) fn compile(
    dag: &Dag,
    words: &Words<'_>,
    carried: &[(Id, U256)],
    outputs: &[Id],
) -> Result<Program, ExportError> {
    let carried: HashMap<Id, (u32, U256)> = carried
        .iter()
        .zip(0..)
        .map(|((id, bound), word)| (*id, (word, *bound)))
        .collect();
    let left = dag.uses(outputs, |id| carried.contains_key(&id));
    // What is given back lies in memory from the start, a word each, whoever else needs it.
    let mut place = vec![None; dag.len()];
    for (id, slot) in outputs.iter().zip(0..) {
        place[*id as usize] = Some(slot);
    }
    let shared: Vec<bool> = (0..dag.len())
        .map(|id| {
            let computed = dag.is_operation(id as Id) && !carried.contains_key(&(id as Id));
            place[id].is_some() || left[id] > 1 && computed
        })
        .collect();
    // A sum needs its deepest term, or one more than the next; a product two more than its second operand.
    let mut need = vec![1u32; dag.len()];
    for id in 0..dag.len() {
        need[id] = match dag.node(id as Id) {
            _ if carried.contains_key(&(id as Id)) => 1,
            Node::Constant(_) | Node::Input(_) => 1,
            Node::Neg(a) => need[a as usize] + 1,
            Node::Add(a, b) | Node::Sub(a, b) => {
                let (x, y) = (need[a as usize], need[b as usize]);
                x.max(y).max(x.min(y) + 2)
            }
            Node::Mul(a, b) => {
                let (x, y) = (need[a as usize], need[b as usize]);
                let (heavy, light) = (x.max(y), x.min(y));
                (if heavy > 7 { heavy } else { heavy + 1 }).max(light + 2)
            }
        };
        if shared[id] && need[id] < 3 {
            need[id] = 3;
        }
    }
    let mut compiler = Compiler {
        dag,
        words,
        carried,
        left,
        shared,
        need,
        place,
        stored: vec![None; dag.len()],
        free: vec![],
        slots: outputs.len() as u32,
        depth: 0,
        code: vec![],
        too_deep: false,
    };
    for multiple in BASE {
        compiler.push(R * U256::from(multiple));
    }
    let mut bounds = vec![];
    for (id, slot) in outputs.iter().zip(0..) {
        let bound = match compiler.stored[*id as usize] {
            Some((_, bound)) => bound,
            None => {
                let bound = compiler.compute(*id);
                compiler.store(*id, slot, bound);
                bound
            }
        };
        bounds.push((*id, bound));
    }
    compiler.push(U256::from(32 * outputs.len()));
    compiler.push(U256::ZERO);
    compiler.code.push(RETURN);
    if compiler.too_deep {
        return Err(ExportError::ExpressionTooDeep);
    }
    Ok(Program {
        code: compiler.code,
        outputs: bounds,
    })
}

/// What running a program gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The words returned.
    pub(super) outputs: Vec<U256>,
    /// Gas of the instructions and of memory, without the call.
    pub(super) gas: u64,
}

/// Extends memory to at least `words` words and returns the gas of that.
fn grow(memory: &mut Vec<U256>, words: usize) -> u64 {
    let cost = |words: u64| 3 * words + words * words / 512;
    let before = memory.len();
    memory.resize(before.max(words), U256::ZERO);
    cost(memory.len() as u64) - cost(before as u64)
}

/// Runs a program with the EVM's rules.
///
/// # Errors
///
/// [`KeyError::Program`] with the offset of the first instruction outside the permitted set, of a stack underflow
/// or overflow, of memory beyond 64 KiB, or of the end of the code without a `RETURN` of words from the beginning of memory.
pub(super) fn run(code: &[u8], input: &[U256]) -> Result<Run, KeyError> {
    let (mut stack, mut memory): (Vec<U256>, Vec<U256>) = (vec![], vec![]);
    let (mut pc, mut gas) = (0usize, 0u64);
    let bad = |pc: usize| KeyError::Program { offset: pc };
    while let Some(op) = code.get(pc).copied() {
        let here = pc;
        pc += 1;
        let mut pop = || stack.pop().ok_or(bad(here));
        let word = |offset: U256| -> Result<usize, KeyError> {
            let offset = u64::try_from(offset).map_err(|_| bad(here))?;
            if offset % 32 != 0 || offset >= 1 << 16 {
                return Err(bad(here));
            }
            Ok(offset as usize / 32)
        };
        gas += match op {
            PUSH0 => 2,
            MUL | MOD => 5,
            ADDMOD | MULMOD => 8,
            RETURN => 0,
            _ => 3,
        };
        let result = match op {
            ADD => pop()?.wrapping_add(pop()?),
            MUL => pop()?.wrapping_mul(pop()?),
            SUB => pop()?.wrapping_sub(pop()?),
            MOD => pop()?.checked_rem(pop()?).unwrap_or_default(),
            ADDMOD => pop()?.add_mod(pop()?, pop()?),
            MULMOD => pop()?.mul_mod(pop()?, pop()?),
            CALLDATALOAD => input.get(word(pop()?)?).copied().unwrap_or_default(),
            MLOAD | MSTORE => {
                let slot = word(pop()?)?;
                gas += grow(&mut memory, slot + 1);
                let cell = memory.get_mut(slot).ok_or(bad(here))?;
                if op == MSTORE {
                    *cell = pop()?;
                    continue;
                }
                *cell
            }
            0x5f..=0x7f => {
                let n = usize::from(op - PUSH0);
                let bytes = code.get(pc..pc + n).ok_or(bad(here))?;
                pc += n;
                U256::try_from_be_slice(bytes).ok_or(bad(here))?
            }
            0x80..=0x8f => {
                let at = stack
                    .len()
                    .checked_sub(usize::from(op - DUP1) + 1)
                    .ok_or(bad(here))?;
                stack.get(at).copied().ok_or(bad(here))?
            }
            0x90..=0x9f => {
                let top = stack.len().checked_sub(1).ok_or(bad(here))?;
                let at = top
                    .checked_sub(usize::from(op - SWAP1) + 1)
                    .ok_or(bad(here))?;
                stack.swap(at, top);
                continue;
            }
            RETURN => {
                let (offset, size) = (pop()?, pop()?);
                if !offset.is_zero() {
                    return Err(bad(here));
                }
                let words = word(size)?;
                gas += grow(&mut memory, words);
                memory.truncate(words);
                return Ok(Run {
                    outputs: memory,
                    gas,
                });
            }
            _ => return Err(bad(here)),
        };
        if stack.len() >= 1024 {
            return Err(bad(here));
        }
        stack.push(result);
    }
    Err(bad(pc))
}
