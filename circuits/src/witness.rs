//! A segment's input, and what its execution asks of the chips.

use crate::{
    Fr, arith,
    framework::pow2,
    io, keccak, secp,
    tree::{Record, Step},
};
use alloy_primitives::{Address, B256, U256};
use ff::Field;
use protocol::{
    Account, BatchStatement, BlockHeader, BoundaryState, field,
    tree::{self, Change, MemoryStore},
};
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

/// Everything that a segment's witness is made from.
#[derive(Clone, Debug)]
pub struct SegmentInput {
    /// Chain id.
    pub chain_id: u64,
    /// Hash of the batch's statement.
    pub batch_hash: B256,
    /// Boundary state before.
    pub from: BoundaryState,
    /// Boundary state after.
    pub to: BoundaryState,
    /// Header of the last closed block before the segment.
    pub parent: BlockHeader,
    /// The batch's payload.
    pub payload: Vec<u8>,
    /// Accounts before the segment, by address; those it looks at must be here.
    pub accounts: BTreeMap<Address, Account>,
    /// Slots before the segment; those it looks at must be here.
    pub storage: BTreeMap<(Address, U256), U256>,
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
        nodes: MemoryStore,
    ) -> Self {
        Self {
            chain_id: statement.chain_id,
            batch_hash: statement.hash(),
            from: statement.start(parent.timestamp),
            to: statement.end(),
            parent,
            payload,
            accounts,
            storage,
            nodes,
        }
    }

    /// The segment hash, whose halves are the public values.
    pub fn public_input(&self) -> B256 {
        protocol::statement::segment_hash(
            self.chain_id,
            self.batch_hash,
            self.from.hash(),
            self.to.hash(),
        )
    }
}

/// An account while the segment runs.
#[derive(Clone, Copy, Debug)]
pub struct RecordUse {
    /// Its record now.
    pub record: Account,
    /// Transaction that last touched it.
    pub touched: u64,
    /// Transaction that created it.
    pub created: u64,
    /// When its token was made.
    pub time: u64,
}

/// A slot while the segment runs.
#[derive(Clone, Copy, Debug)]
pub struct SlotUse {
    /// Its word now.
    pub value: U256,
    /// Its word at the start of the transaction.
    pub original: U256,
    /// Transaction that last touched it.
    pub touched: u64,
    /// When its token was made.
    pub time: u64,
}

/// Accounts and slots that a segment used.
#[derive(Clone, Debug)]
pub struct Records {
    root: Fr,
    nodes: MemoryStore,
    known_accounts: BTreeMap<Address, Account>,
    known_slots: BTreeMap<(Address, U256), U256>,
    accounts: BTreeMap<Address, RecordUse>,
    slots: BTreeMap<(Address, U256), SlotUse>,
}

impl Records {
    pub(crate) fn new(input: &SegmentInput) -> Self {
        Self {
            root: field::from_bytes(input.from.state_root).unwrap_or(Fr::ZERO),
            nodes: input.nodes.clone(),
            known_accounts: input.accounts.clone(),
            known_slots: input.storage.clone(),
            accounts: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<&mut RecordUse, String> {
        let known = self.known_accounts.get(&address).copied();
        match self.accounts.entry(address) {
            std::collections::btree_map::Entry::Occupied(e) => Ok(e.into_mut()),
            std::collections::btree_map::Entry::Vacant(e) => {
                let record = known.ok_or_else(|| format!("the witness lacks account {address}"))?;
                Ok(e.insert(RecordUse {
                    record,
                    touched: 0,
                    created: 0,
                    time: 0,
                }))
            }
        }
    }

    pub(crate) fn slot(&mut self, address: Address, slot: U256) -> Result<&mut SlotUse, String> {
        let known = self.known_slots.get(&(address, slot)).copied();
        match self.slots.entry((address, slot)) {
            std::collections::btree_map::Entry::Occupied(e) => Ok(e.into_mut()),
            std::collections::btree_map::Entry::Vacant(e) => {
                let value =
                    known.ok_or_else(|| format!("the witness lacks slot {slot} of {address}"))?;
                Ok(e.insert(SlotUse {
                    value,
                    original: value,
                    touched: 0,
                    time: 0,
                }))
            }
        }
    }

    /// The used keys with their last tokens, in increasing order of keys.
    fn keys(&self) -> Vec<(Change, Record)> {
        let accounts = self.accounts.iter().map(|(address, last)| {
            let before = self
                .known_accounts
                .get(address)
                .copied()
                .unwrap_or_default();
            let marks = [last.touched, last.created, last.time];
            Record::account(*address, &before, &last.record, marks)
        });
        let slots = self.slots.iter().map(|((address, slot), last)| {
            let before = self
                .known_slots
                .get(&(*address, *slot))
                .copied()
                .unwrap_or_default();
            let marks = [last.touched, last.time];
            Record::storage(*address, *slot, before, last.value, last.original, marks)
        });
        let mut keys: Vec<_> = accounts.chain(slots).map(|r| (r.change(), r)).collect();
        keys.sort_by_key(|k| k.0.0);
        keys
    }

    /// The openings of the used keys, in increasing order of keys.
    ///
    /// # Errors
    /// A sentence when the witness lacks a node or contradicts itself.
    pub fn openings(&self) -> Result<Vec<Step>, String> {
        let (changes, records): (Vec<_>, Vec<_>) = self.keys().into_iter().unzip();
        let accesses = tree::open(&self.nodes, self.root, &changes).map_err(|e| e.to_string())?;
        Ok(records
            .into_iter()
            .zip(accesses)
            .map(|(record, access)| Step { record, access })
            .collect())
    }

    /// The state root before the segment.
    pub fn root_before(&self) -> Fr {
        self.root
    }

    pub(crate) fn root_after(&self) -> Result<Fr, String> {
        Ok(self
            .openings()?
            .last()
            .map_or(self.root, |s| s.access.new_root))
    }

    /// The last token of the chain of roots: number of keys and last key.
    pub(crate) fn chain_end(&self) -> (u64, Fr) {
        let keys = self.keys();
        (keys.len() as u64, keys.last().map_or(Fr::ZERO, |k| k.0.0))
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
    /// Inputs of Poseidon2 permutations.
    pub permutations: Vec<[Fr; 3]>,
    /// Words written to byte streams.
    pub words: Vec<io::Word>,
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
            let groups = self.slice(payload, r.stream.saturating_add(2), 0, 8 * 26)?;
            let (state, behind) = groups.split_at(200);
            if behind != [0; 8] {
                return Err("the group behind an imported sponge state is not zero".into());
            }
            before = keccak::lanes(state);
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
