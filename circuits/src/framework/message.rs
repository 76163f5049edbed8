//! Messages by digest, for look-ups and balances outside the proof.

use super::{super::Fr, Bus, BusKind, Kind, Machine, Message};
use ff::Field;
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A 128-bit digest of a message. Not cryptographic: it serves honest bookkeeping and the checker, never a proof.
pub(crate) type Digest = u128;

/// A map keyed by digests, which need no further hashing.
pub(crate) type DigestMap<V> = HashMap<Digest, V, BuildHasherDefault<Identity>>;

/// Passes a digest's low half through.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }
    fn write_u128(&mut self, n: u128) {
        self.0 = n as u64;
    }
}

/// Digest of a message on `bus`.
pub(crate) fn digest(bus: Bus, values: &[Fr]) -> Digest {
    numbered_digest(bus.number(), values)
}

/// Digest of a message on the bus of this number. Trailing zeros do not count, as in a fingerprint.
fn numbered_digest(number: u64, values: &[Fr]) -> Digest {
    let used = values
        .iter()
        .rposition(|v| *v != Fr::ZERO)
        .map_or(0, |i| i + 1);
    let values = &values[..used];
    const M: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let mut h = [number.wrapping_mul(M[1]), number ^ M[0]];
    let mut absorb = |word: u64| {
        let p = u128::from(h[0] ^ word).wrapping_mul(u128::from(M[0]));
        let q = u128::from(h[1].wrapping_add(word)).wrapping_mul(u128::from(M[1]));
        h = [
            (p as u64) ^ ((q >> 64) as u64),
            (q as u64).rotate_left(29) ^ ((p >> 64) as u64),
        ];
    };
    for v in values {
        let bytes = v.to_bytes();
        for limb in bytes.chunks_exact(8) {
            absorb(u64::from_le_bytes([
                limb[0], limb[1], limb[2], limb[3], limb[4], limb[5], limb[6], limb[7],
            ]));
        }
    }
    absorb(values.len() as u64);
    absorb(0x5851_f42d_4c95_7f2d);
    u128::from(h[0]) | (u128::from(h[1]) << 64)
}

/// A message with its values, as one logical row puts it on a bus.
pub(crate) struct Sent<'a> {
    /// Index among the kind's messages.
    pub(crate) index: usize,
    pub(crate) message: &'a Message,
    /// The bus, unless the selecting cells hold anything but one 1.
    pub(crate) bus: Option<Bus>,
    pub(crate) multiplicity: Fr,
    pub(crate) number: Fr,
    pub(crate) values: &'a [Fr],
}

impl Sent<'_> {
    pub(crate) fn digest(&self) -> Digest {
        match self.bus {
            Some(bus) => digest(bus, self.values),
            None => {
                let all: Vec<Fr> = std::iter::once(self.number)
                    .chain(self.values.iter().copied())
                    .collect();
                numbered_digest(u64::MAX, &all)
            }
        }
    }
    /// What kind of bus it is on; a number that is no bus counts as a token that nobody takes.
    pub(crate) fn kind(&self, machine: &Machine) -> BusKind {
        self.bus.map_or(BusKind::Token, |b| machine.buses[b.0].kind)
    }
}

impl Kind {
    /// The messages of a logical row, given its program's outputs.
    pub(crate) fn sent<'a>(&'a self, outputs: &'a [Fr]) -> impl Iterator<Item = Sent<'a>> {
        let mut at = self.leave_output() + 1;
        self.messages
            .iter()
            .enumerate()
            .map(move |(index, message)| {
                let values = &outputs[at + 2..at + 2 + message.values.len()];
                let (number, multiplicity) = (outputs[at], outputs[at + 1]);
                at += 2 + message.values.len();
                let bus = message
                    .buses
                    .iter()
                    .copied()
                    .find(|b| Fr::from(b.number()) == number);
                Sent {
                    index,
                    message,
                    bus,
                    multiplicity,
                    number,
                    values,
                }
            })
    }
}

impl Machine {
    /// Index of the fixed-table entry with this digest.
    pub(crate) fn entry(&self, d: &Digest) -> Option<usize> {
        self.index.get(d).map(|i| *i as usize)
    }
    /// Builds the index of fixed-table entries; of equal entries the first counts.
    pub(crate) fn index_entries(&mut self) {
        self.index = DigestMap::default();
        for (i, e) in self.entries.iter().enumerate() {
            self.index
                .entry(digest(e.table, &e.values))
                .or_insert(i as u32);
        }
    }
}
