//! What a proof needs beside the verifying key, in a file that is mapped into memory instead of being read.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `halo2key` |
//! | 8 | a number that tells the order of bytes |
//! | 16 | the version of the format, and the engine's name, which says what the words of elements mean |
//! | 32 | the verifying key's hash, as a proof begins with it |
//! | 64 | numbers of columns; for each of the two sets of points how many there are, and how many multiples |
//! | 256 for each 8 elements | fixed columns, then permutations, coefficients |
//! | 64 for each | points for coefficients, then for values, with their images and multiples |
//! | 32 | BLAKE3 of all of the above |

use super::given::Given;
use crate::{
    array::{ALIGNMENT, Array, Words, bytes},
    column::Column,
    engine::{Engine, LANES},
    error::Error,
    msm::{Bases, Layout},
};
use ff::PrimeField;
use halo2_proofs::{halo2curves::bn256::G1Affine, plonk::VerifyingKey};
use memmap2::Mmap;
use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

const MAGIC: [u8; 8] = *b"halo2key";
const ORDER: u64 = 0x0102_0304_0506_0708;
/// To be changed with the format, and with what an engine's words mean.
const VERSION: u8 = 1;
/// Numbers in the header.
const NUMBERS: usize = 2 + 2 * Layout::WORDS;
const HEADER: usize = (64 + 8 * NUMBERS).next_multiple_of(ALIGNMENT);
const HASH: usize = blake3::OUT_LEN;

/// The version and the engine's name.
fn format<E: Engine>() -> [u8; 16] {
    let mut format = [0; 16];
    format[0] = VERSION;
    let name = E::NAME.as_bytes();
    format[1..=name.len()].copy_from_slice(name);
    format
}

/// What a file for this key and engine begins with.
fn beginning<E: Engine>(key: &VerifyingKey<G1Affine>) -> [u8; 64] {
    let mut all = [0; 64];
    all[..8].copy_from_slice(&MAGIC);
    all[8..16].copy_from_slice(&ORDER.to_ne_bytes());
    all[16..32].copy_from_slice(&format::<E>());
    all[32..].copy_from_slice(key.transcript_repr().to_repr().as_ref());
    all
}

/// Hashes what is written.
struct Hashing<'a> {
    to: &'a mut dyn Write,
    hash: blake3::Hasher,
}

impl Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update_rayon(bytes);
        self.to.write_all(bytes)
    }
}

/// Writes what [`open`] reads.
pub(super) fn write<E: Engine>(
    given: &Given<E>,
    key: &VerifyingKey<G1Affine>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let hash = blake3::Hasher::new();
    let mut out = Hashing { to, hash };
    let bases = [&given.powers, &given.lagrange].map(Bases::parts);
    let mut numbers = vec![given.fixed.len() as u64, given.sigma.len() as u64];
    numbers.extend(bases.iter().flat_map(|(layout, _)| layout.words()));
    let mut header = beginning::<E>(key).to_vec();
    header.extend_from_slice(bytes(&numbers));
    header.resize(HEADER, 0);
    out.write(&header)?;
    for column in given.fixed.iter().chain(&given.sigma) {
        out.write(bytes(column.blocks()))?;
    }
    for (_, points) in bases {
        out.write(bytes(points))?;
    }
    let hash = out.hash.finalize();
    to.write_all(hash.as_bytes())
}

/// The parts of a file, one after the other.
struct Parts {
    file: Arc<Mmap>,
    at: usize,
}

impl Parts {
    fn next<T: Words>(&mut self, len: usize) -> Option<Array<T>> {
        let array = Array::mapped(&self.file, self.at, len)?;
        self.at += len * size_of::<T>();
        Some(array)
    }
}

/// Maps a file that [`write`] made for this key and engine. All of it is read once, to compare its hash.
///
/// The file must not be changed as long as it is in use; that it is removed or replaced by another one does no harm.
pub(super) fn open<E: Engine>(
    engine: E,
    key: &VerifyingKey<G1Affine>,
    file: &File,
) -> Result<Given<E>, Error> {
    // SAFETY: the map is only read, as words of which any are values. Who calls this promises that nobody changes the file; if somebody
    // does, the proofs made with it do not verify.
    let map = unsafe { Mmap::map(file) }.map_err(Error::Map)?;
    let beginning = beginning::<E>(key);
    let refused = |what| Err(Error::KeyFile(what));
    if !map.starts_with(&beginning[..8]) {
        return refused("it is not a prepared key");
    }
    if map.get(8..32) != Some(&beginning[8..32]) {
        return refused("it is of another version, or for another processor");
    }
    // There are at least 32 bytes by now.
    let (all, hash) = map.split_at(map.len() - HASH);
    if blake3::Hasher::new().update_rayon(all).finalize() != *hash {
        return refused("it is damaged");
    }
    if !all.starts_with(&beginning) {
        return refused("it belongs to another verifying key");
    }
    let length = all.len();
    let mut parts = Parts {
        file: Arc::new(map),
        at: 0,
    };
    let rows = key.get_domain().get_n() as usize;
    let columns = (
        key.cs().num_fixed_columns(),
        key.cs().permutation().get_columns().len(),
    );
    let mut given = || {
        let header: Array<u64> = parts.next(HEADER / 8)?;
        let numbers: &[u64; NUMBERS] = header[8..].first_chunk()?;
        let (counts, layouts) = numbers.split_at(2);
        let mut layouts = layouts
            .as_chunks()
            .0
            .iter()
            .map(|words| Layout::of_words(*words, E::FAR));
        let layouts = [layouts.next()??, layouts.next()??];
        if counts != [columns.0 as u64, columns.1 as u64] {
            return None;
        }
        let mut some = |count: usize| -> Option<Vec<_>> {
            let columns = (0..count).map(|_| parts.next(rows / LANES).map(Column::of));
            columns.collect()
        };
        let (fixed, sigma) = (some(columns.0)?, some(columns.1)?);
        let mut bases = |layout: Layout| {
            let points = parts.next(layout.points())?;
            Some(Bases::of(engine, layout, points)).filter(|bases| bases.len() == rows)
        };
        let (powers, lagrange) = (bases(layouts[0])?, bases(layouts[1])?);
        (parts.at == length).then_some(Given {
            fixed,
            sigma,
            powers,
            lagrange,
        })
    };
    match given() {
        Some(given) => Ok(given),
        None => refused("its parts are not those of the verifying key's circuit"),
    }
}
