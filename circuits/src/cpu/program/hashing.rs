//! Records of 32-byte words under keccak-256.

use super::super::asm::{Asm, Source, Var};

/// A word of a record.
#[derive(Clone, Copy)]
pub(super) enum Item {
    /// A scratch word.
    Var(Var),
    /// A small constant.
    Small(u64),
    /// A 256-bit constant.
    Wide(alloy_primitives::U256),
}

impl From<Var> for Item {
    fn from(v: Var) -> Self {
        Self::Var(v)
    }
}

/// `d =` keccak-256 of the record. `stream`, `word` and `length` are temporaries.
pub(super) fn record(p: &mut Asm, d: Var, items: &[Item], [stream, word, length]: [Var; 3]) {
    p.clock(stream);
    for (i, item) in items.iter().enumerate() {
        let w = match item {
            Item::Var(v) => *v,
            Item::Small(n) => {
                p.set(word, *n);
                word
            }
            Item::Wide(n) => {
                p.constant(word, *n);
                word
            }
        };
        p.write(stream, 4 * i as u64, w);
    }
    p.set(length, 32 * items.len() as u64);
    p.keccak(d, Some(stream), Source::from(0), length);
}
