//! A segment's input, and what its execution asks of the chips.

mod codes;
mod records;

pub use codes::Codes;
pub(crate) use records::Records;
pub use records::StateChange;

use crate::{Fr, arith, cpu::profile::Asked, framework::pow2, io, keccak, logic, secp};
use alloy_primitives::{Address, B256, Bytes, U256};
use ff::Field;
use protocol::{Account, BatchStatement, BlockHeader, BoundaryState, field, tree::MemoryStore};
use std::collections::{BTreeMap, HashMap};

/// A 256-bit word as two halves, high first.
pub fn halves(v: U256) -> [Fr; 2] {
    let (hi, lo) = field::split_word(v);
    [hi, lo]
}

/// The word of two halves; what is above 256 bits is cut off.
pub fn from_halves(hi: Fr, lo: Fr) -> U256 {
    field::to_word(&hi)
        .wrapping_shl(128)
        .wrapping_add(field::to_word(&lo))
}

/// The order of the scalar field.
pub fn field_modulus() -> U256 {
    field::to_word(&-Fr::ONE) + U256::from(1)
}

/// Where a batch is cut: at the first moment at which this block is open with so many transactions to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// Number of the open block.
    pub block: u64,
    /// Its transactions that the next segment executes; with 0, that one closes the block.
    pub left: u64,
}

/// Everything that a segment's witness is made from.
#[derive(Clone, Debug)]
pub struct SegmentInput {
    /// Chain id.
    pub chain_id: u64,
    /// Hash of the batch's statement.
    pub batch_hash: B256,
    /// Boundary state before.
    pub from: BoundaryState,
    /// Boundary state after, if it is known already: the run fails if it ends in another.
    pub to: Option<BoundaryState>,
    /// Where the segment ends; without it, where the batch does.
    pub cut: Option<Cut>,
    /// Header of the last closed block before the batch. A segment that goes on in a block does not look at it.
    pub parent: BlockHeader,
    /// The batch's payload.
    pub payload: Vec<u8>,
    /// Accounts before the segment, by address; those it looks at must be here.
    pub accounts: BTreeMap<Address, Account>,
    /// Slots before the segment; those it looks at must be here.
    pub storage: BTreeMap<(Address, U256), U256>,
    /// Codes that run, by their keccak hash.
    pub codes: BTreeMap<B256, Bytes>,
    /// Tree nodes on the paths of these accounts and slots.
    pub nodes: MemoryStore,
}

impl SegmentInput {
    /// The only segment of a batch.
    pub fn whole_batch(
        statement: &BatchStatement,
        parent: BlockHeader,
        payload: Vec<u8>,
        accounts: BTreeMap<Address, Account>,
        storage: BTreeMap<(Address, U256), U256>,
        codes: BTreeMap<B256, Bytes>,
        nodes: MemoryStore,
    ) -> Self {
        Self {
            chain_id: statement.chain_id,
            batch_hash: statement.hash(),
            from: statement.start(parent.timestamp),
            to: Some(statement.end()),
            cut: None,
            parent,
            payload,
            accounts,
            storage,
            codes,
            nodes,
        }
    }

    /// The same segment, but ending at `cut`.
    pub fn until(&self, cut: Cut) -> Self {
        Self {
            cut: Some(cut),
            to: None,
            ..self.clone()
        }
    }

    /// The rest of the batch after this segment, which ended in `boundary` and changed the state as `change` says.
    pub fn following(&self, boundary: BoundaryState, change: &StateChange) -> Self {
        let mut next = Self {
            from: boundary,
            to: None,
            cut: None,
            ..self.clone()
        };
        next.accounts.extend(&change.accounts);
        next.storage.extend(&change.storage);
        next.nodes.merge(change.nodes.clone());
        next
    }

    /// The segment hash if it ends in `to`; its halves are the public values.
    pub fn public_input(&self, to: &BoundaryState) -> B256 {
        protocol::statement::segment_hash(
            self.chain_id,
            self.batch_hash,
            self.from.hash(),
            to.hash(),
        )
    }
}

/// What the `cpu` rows ask of the other chips, in the order of asking.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// What is read from the payload.
    pub reads: io::Reads,
    /// Runs of the sponge.
    pub keccaks: Vec<keccak::Request>,
    /// Signatures whose keys are recovered.
    pub signatures: Vec<secp::Signature>,
    /// Linear operations.
    pub ariths: Vec<arith::Operation>,
    /// Products.
    pub products: Vec<arith::product::Product>,
    /// Bitwise operations.
    pub logics: Vec<logic::Operation>,
    /// Codes that run.
    pub codes: Codes,
    /// Inputs of Poseidon2 permutations.
    pub permutations: Vec<[Fr; 3]>,
    /// Words written to byte streams.
    pub words: Vec<io::Word>,
    /// First group of the payload after those that are read or hashed.
    pub payload_end: u64,
    streams: HashMap<u64, Vec<u8>>,
    pub(crate) last_payload_byte: u64,
}

impl Requests {
    pub(crate) fn new(payload: Vec<u8>) -> Self {
        Self {
            reads: io::Reads::new(payload),
            ..Self::default()
        }
    }

    /// How much was asked for so far; accesses to records are not known here.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            accesses: 0,
            ariths: self.ariths.len(),
            products: self.products.len(),
            logics: self.logics.len(),
            words: self.words.len(),
            reads: self.reads.rows(),
            keccaks: self.keccaks.len(),
            signatures: self.signatures.len(),
            permutations: self.permutations.len(),
        }
    }

    /// The payload is used up to group `end`.
    pub(crate) fn reach(&mut self, end: u64) {
        self.payload_end = self.payload_end.max(end);
    }

    pub(crate) fn write(&mut self, stream: u64, index: u64, word: U256) {
        self.words.push(io::Word {
            stream,
            index,
            value: word,
        });
        let bytes = self.streams.entry(stream).or_default();
        let from = 8 * index as usize;
        if bytes.len() < from + 32 {
            bytes.resize(from + 32, 0);
        }
        bytes[from..from + 32].copy_from_slice(&word.to_be_bytes::<32>());
    }
    /// What a run of the sponge reads, and what it gives.
    ///
    /// # Errors
    /// A sentence when a stream lacks groups, or when the groups of a state are not that state. The groups of an exported state
    /// must be written before the run.
    pub(crate) fn keccak<'a>(
        &'a self,
        payload: &'a [u8],
        r: &keccak::Request,
    ) -> Result<keccak::Run<'a>, String> {
        let bytes = self.slice(payload, r.stream, r.start, r.length)?;
        let mut before = [0; 25];
        if r.import {
            before = keccak::lanes(self.slice(payload, r.stream.saturating_add(2), 0, 200)?);
        }
        let run = keccak::Run::new(before, bytes, r.export)?;
        if r.export
            && keccak::lanes(self.slice(payload, r.stream.saturating_add(3), 0, 200)?) != run.after
        {
            return Err("the groups of an exported sponge state are another state".into());
        }
        Ok(run)
    }
    /// `length` bytes from group `start` of a stream; stream 0 is the payload. The rest of the last group must be zero.
    pub(crate) fn slice<'a>(
        &'a self,
        payload: &'a [u8],
        stream: u64,
        start: u64,
        length: u64,
    ) -> Result<&'a [u8], String> {
        let missing =
            || format!("{length} bytes from group {start} of stream {stream} are not there");
        let bytes = match stream {
            0 => payload,
            _ => self.streams.get(&stream).ok_or_else(missing)?,
        };
        let from = usize::try_from(start.saturating_mul(8)).map_err(|_| missing())?;
        let end = usize::try_from(length)
            .ok()
            .and_then(|l| from.checked_add(l))
            .ok_or_else(missing)?;
        let slice = bytes.get(from..end).ok_or_else(missing)?;
        let fill = bytes
            .get(end..end.next_multiple_of(8).min(bytes.len()))
            .unwrap_or(&[]);
        if fill.iter().any(|b| *b != 0) {
            return Err("a fill byte is not zero".into());
        }
        Ok(slice)
    }
}

/// An element from two halves, as `Join` makes it.
pub fn join(hi: Fr, lo: Fr) -> Fr {
    hi * pow2(128) + lo
}
