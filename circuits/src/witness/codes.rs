//! Codes that a segment runs, as their words are written.

use crate::code::{Analysis, ZERO_WORDS};
use alloy_primitives::U256;
use std::{collections::BTreeMap, sync::OnceLock};

/// Bytes of a word.
const WORD: usize = 32;

/// A code with the words of zeros behind it.
#[derive(Clone, Debug, Default)]
struct Code {
    bytes: Vec<u8>,
    /// What its bytes are, once it is read.
    analysis: OnceLock<Analysis>,
}

impl Code {
    fn without_zeros(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(WORD * ZERO_WORDS);
        self.bytes.get(..end).unwrap_or_default()
    }
}

/// The codes by number.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    codes: BTreeMap<u64, Code>,
}

impl Codes {
    /// Writes word `index` of a code. The words follow each other, two words of zeros the last ones.
    ///
    /// # Errors
    /// A sentence when another word is next.
    pub(crate) fn write(&mut self, number: u64, index: u64, word: U256) -> Result<(), String> {
        let code = self.codes.entry(number).or_default();
        if (code.bytes.len() / WORD) as u64 != index || code.analysis.get().is_some() {
            return Err(format!("word {index} of code {number} is not the next one"));
        }
        code.bytes.extend(word.to_be_bytes::<WORD>());
        Ok(())
    }

    fn analysis(&self, number: u64) -> Result<&Analysis, String> {
        let code = self.codes.get(&number);
        let code = code.ok_or_else(|| format!("there is no code {number}"))?;
        let analysis = || Analysis::new(code.without_zeros());
        Ok(code.analysis.get_or_init(analysis))
    }

    /// The byte at `position` of a code, plus 256 if it is data of a PUSH.
    ///
    /// # Errors
    /// A sentence when there is no such byte.
    pub(crate) fn fetch(&self, number: u64, position: u64) -> Result<u64, String> {
        let analysis = self.analysis(number)?;
        let byte = usize::try_from(position)
            .ok()
            .and_then(|p| analysis.fetch(p));
        byte.ok_or_else(|| format!("code {number} has no byte {position}"))
    }

    /// The data of the PUSH whose last byte is at `position` of a code.
    ///
    /// # Errors
    /// A sentence when no data ends there.
    pub(crate) fn push(&self, number: u64, position: u64) -> Result<U256, String> {
        let analysis = self.analysis(number)?;
        let data = usize::try_from(position)
            .ok()
            .and_then(|p| analysis.push(p));
        data.ok_or_else(|| format!("code {number} has no data that ends at {position}"))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The codes without the zeros behind them, by number.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        let codes = self.codes.values();
        codes.map(|c| c.without_zeros().to_vec()).collect()
    }
}
