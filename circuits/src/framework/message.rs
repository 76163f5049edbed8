//! Messages by digest, for look-ups and balances outside the proof.

use super::{super::Fr, Bus, Machine};
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
    const M: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    let mut h = [bus.number().wrapping_mul(M[1]), bus.number() ^ M[0]];
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
