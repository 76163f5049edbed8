//! Words that instructions read and write, while the program runs: scratch words, stacks, memory of frames.

use super::isa::{DEPTH_AT, DEPTH_BITS, FAR_AT, FRAME_AT, GAS_AT, STACK_LIMIT};
use crate::Fr;
use ff::Field;
use protocol::field;
use std::collections::BTreeMap;

/// A word with the time at which it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) value: (Fr, Fr),
    pub(super) time: u64,
}

/// The live words by address.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    scratch: Vec<Token>,
    /// The stack of each frame, and the frame's number.
    stacks: BTreeMap<u64, Vec<Option<Token>>>,
    /// Far words; one that is not here is 0 since time 0.
    far: BTreeMap<u64, Token>,
}

/// Which word an address means.
enum Place {
    Scratch(usize),
    Stack(u64, usize),
    Far,
    /// No word begins there.
    Nowhere,
}

impl Memory {
    pub(super) fn new(scratch: usize) -> Self {
        Self {
            scratch: vec![Token::default(); scratch],
            stacks: BTreeMap::new(),
            // The first one is always there.
            far: BTreeMap::from([(FAR_AT, Token::default())]),
        }
    }

    fn place(&self, address: u64) -> Place {
        let frame = address >> DEPTH_BITS;
        match frame {
            0 => Place::Scratch(address as usize),
            _ if address >= FAR_AT && address.is_multiple_of(32) => Place::Far,
            _ if address >= FAR_AT => Place::Nowhere,
            _ => Place::Stack(frame, (address & ((1 << DEPTH_BITS) - 1)) as usize),
        }
    }

    /// The value of a scratch word; 0 if there is none at this address.
    pub(super) fn scratch(&self, address: u16) -> (Fr, Fr) {
        let word = self.scratch.get(usize::from(address));
        word.map_or((Fr::ZERO, Fr::ZERO), |t| t.value)
    }

    /// The value of the word at any address, if it exists.
    pub(super) fn peek(&self, address: u64) -> Option<(Fr, Fr)> {
        let token = match self.place(address) {
            Place::Scratch(i) => self.scratch.get(i).copied(),
            Place::Stack(frame, i) => *self.stacks.get(&frame)?.get(i)?,
            Place::Far => Some(self.far.get(&address).copied().unwrap_or_default()),
            Place::Nowhere => None,
        };
        token.map(|t| t.value)
    }

    /// The value that a scratch word begins with, which nothing has read so far.
    pub(super) fn begin(&mut self, address: u16, value: (Fr, Fr)) {
        if let Some(token) = self.scratch.get_mut(usize::from(address)) {
            token.value = value;
        }
    }

    /// Takes the word at an address.
    pub(super) fn take(&mut self, address: u64) -> Result<Token, String> {
        let token = match self.place(address) {
            Place::Scratch(i) => self.scratch.get(i).copied(),
            Place::Stack(frame, i) => {
                let stack = self.stacks.get_mut(&frame);
                stack.and_then(|s| s.get_mut(i)).and_then(Option::take)
            }
            Place::Far => Some(self.far.get(&address).copied().unwrap_or_default()),
            Place::Nowhere => None,
        };
        token.ok_or_else(|| format!("there is no word at address {address}"))
    }

    /// Makes a word.
    pub(super) fn put(&mut self, address: u64, value: (Fr, Fr), time: u64) {
        let token = Token { value, time };
        match self.place(address) {
            Place::Scratch(i) => {
                if let Some(to) = self.scratch.get_mut(i) {
                    *to = token;
                }
            }
            Place::Stack(frame, i) => {
                let stack = self.stacks.entry(frame).or_default();
                if stack.len() <= i {
                    stack.resize(i + 1, None);
                }
                if let Some(to) = stack.get_mut(i) {
                    *to = Some(token);
                }
            }
            Place::Far => _ = self.far.insert(address, token),
            Place::Nowhere => {}
        }
    }

    /// The words that begin as 0 at time 0, by address in increasing order, as they are now.
    pub(super) fn words(&self) -> Vec<(u64, Token)> {
        let far = self.far.iter().map(|(a, t)| (*a, *t));
        (0..).zip(self.scratch.iter().copied()).chain(far).collect()
    }
}

/// The EVM's registers, see [`super::isa`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    /// Number of the code.
    pub(super) code: u64,
    /// Program counter.
    pub(super) pc: u64,
    /// Words on the stack.
    pub(super) depth: u64,
    /// Number of the frame.
    pub(super) frame: u64,
    /// Gas left.
    pub(super) gas: u64,
}

impl Registers {
    /// The address of the first word of the stack that does not exist.
    pub(super) fn stack(&self) -> u64 {
        self.depth + (self.frame << DEPTH_BITS)
    }

    /// The registers in a register word.
    ///
    /// # Errors
    /// A sentence when a register is out of its range.
    pub(super) fn unpack((hi, lo): (Fr, Fr)) -> Result<Self, String> {
        let packed: u128 = u128::try_from(field::to_word(&lo)).map_err(|_| "the gas is used up")?;
        let part = |at: u32, bits: u32| (packed >> at) as u64 & ((1 << bits) - 1);
        let code = u64::try_from(field::to_word(&hi)).map_err(|_| "the code has no number")?;
        let registers = Self {
            code,
            pc: part(0, DEPTH_AT),
            depth: part(DEPTH_AT, DEPTH_BITS),
            frame: part(FRAME_AT, GAS_AT - FRAME_AT),
            gas: (packed >> GAS_AT) as u64,
        };
        if packed >> GAS_AT >= 1 << 26 {
            return Err("there is more gas than a transaction may have".into());
        }
        if registers.depth > STACK_LIMIT {
            return Err(format!("the stack has {} words", registers.depth));
        }
        Ok(registers)
    }
}
