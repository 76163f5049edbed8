//! The `.ptau` container of snarkjs: a table of numbered sections with the points of a powers-of-tau ceremony.
//!
//! All numbers are little-endian. `ptau`, version (u32), number of sections (u32), then for each section its number
//! (u32), its length (u64) and its contents:
//!
//! | section | contents |
//! |---|---|
//! | 1 | bytes of a coordinate (u32), base field's modulus, power (u32), ceremony's power (u32) |
//! | 2 | `tau^i G1`, i below `2^(power + 1) - 1` |
//! | 3 | `tau^i G2`, i below `2^power` |
//! | 12 | prepared files only: Lagrange bases of 1, 2, 4, ... points, one after the other |
//!
//! Coordinates are in Montgomery form, exactly halo2's raw form. The Lagrange bases are ordered by powers of a root of
//! unity made from 5, where halo2 makes its own from 7.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use ff::{Field, PrimeField};
use halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine, G2Affine};

use super::file::{parse_g1, parse_g2};

const POWERS_G1: u32 = 2;
const POWERS_G2: u32 = 3;
const LAGRANGE_G1: u32 = 12;
const MAX_SECTIONS: u32 = 64;
const MAX_POWER: u32 = 28;
const COORDINATE_BYTES: usize = 32;

#[derive(Clone, Copy)]
struct Section {
    start: u64,
    length: u64,
}

/// An open `.ptau` file whose header was checked.
pub(super) struct Ptau {
    file: File,
    sections: HashMap<u32, Section>,
    /// The ceremony's power: `2^power` points serve `k <= power`.
    pub(super) power: u32,
}

/// Whether `file` begins as a `.ptau` file does.
pub(super) fn recognise(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    let read = File::open(path)?.take(4).read(&mut magic)?;
    Ok(read == 4 && &magic == b"ptau")
}

impl Ptau {
    /// Opens a file and reads its table of sections and its header.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let explain = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
            _ => format!("it cannot be read: {error}"),
        };
        let mut file = File::open(path).map_err(explain)?;
        let length = file.metadata().map_err(explain)?.len();
        let mut head = [0; 12];
        file.read_exact(&mut head).map_err(explain)?;
        let [magic, version, count] = words(&head);
        if magic != u32::from_le_bytes(*b"ptau") {
            return Err("it does not begin with `ptau`".to_owned());
        }
        if version != 1 {
            return Err(format!("its version is {version}, 1 is supported"));
        }
        if count > MAX_SECTIONS {
            return Err(format!("it claims {count} sections"));
        }
        let mut sections = HashMap::new();
        let mut position = 12u64;
        for _ in 0..count {
            let mut head = [0; 12];
            file.seek(SeekFrom::Start(position)).map_err(explain)?;
            file.read_exact(&mut head).map_err(explain)?;
            let [number, low, high] = words(&head);
            let section = Section {
                start: position + 12,
                length: u64::from(low) | (u64::from(high) << 32),
            };
            position = section
                .start
                .checked_add(section.length)
                .filter(|end| *end <= length)
                .ok_or_else(|| {
                    format!("it is cut short: section {number} ends beyond the file's end")
                })?;
            if sections.insert(number, section).is_some() {
                return Err(format!("it has section {number} twice"));
            }
        }
        let mut ptau = Self {
            file,
            sections,
            power: 0,
        };
        ptau.read_header()?;
        Ok(ptau)
    }

    fn read_header(&mut self) -> Result<(), String> {
        let header = self.bytes(1, 0, 4 + COORDINATE_BYTES + 8)?;
        let (bytes, rest) = header
            .split_first_chunk::<4>()
            .ok_or("its header is too short")?;
        let (modulus, rest) = rest
            .split_first_chunk::<COORDINATE_BYTES>()
            .ok_or("its header is too short")?;
        let (power, _) = rest
            .split_first_chunk::<4>()
            .ok_or("its header is too short")?;
        // The modulus is its greatest residue plus one; the last byte of that is even, so nothing carries.
        let mut expected = (-Fq::ONE).to_repr();
        if let Some(low) = expected.first_mut() {
            *low += 1;
        }
        if u32::from_le_bytes(*bytes) != COORDINATE_BYTES as u32 || *modulus != expected {
            return Err("it is of another curve; a ceremony on BN254 (bn128) is needed".to_owned());
        }
        self.power = u32::from_le_bytes(*power);
        if !(1..=MAX_POWER).contains(&self.power) {
            return Err(format!(
                "its power is {}; 1 to {MAX_POWER} are possible",
                self.power
            ));
        }
        for (number, length) in [
            (POWERS_G1, ((2u64 << self.power) - 1) * 64),
            (POWERS_G2, (1u64 << self.power) * 128),
        ] {
            let have = self.section(number)?.length;
            if have != length {
                return Err(format!(
                    "section {number} has {have} bytes where its power needs {length}"
                ));
            }
        }
        Ok(())
    }

    fn section(&self, number: u32) -> Result<Section, String> {
        self.sections
            .get(&number)
            .copied()
            .ok_or_else(|| format!("section {number} is missing"))
    }

    fn bytes(&mut self, number: u32, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let section = self.section(number)?;
        if offset
            .checked_add(length as u64)
            .is_none_or(|end| end > section.length)
        {
            return Err(format!("section {number} is too short"));
        }
        let mut bytes = vec![0; length];
        self.file
            .seek(SeekFrom::Start(section.start + offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|error| format!("section {number} cannot be read: {error}"))?;
        Ok(bytes)
    }

    /// The `2^k` first powers in G1. `k` is at most the file's power.
    pub(super) fn powers(&mut self, k: u32) -> Result<Vec<G1Affine>, String> {
        parse_g1(&self.bytes(POWERS_G1, 0, 64 << k)?)
    }

    /// The two first powers in G2.
    pub(super) fn g2(&mut self) -> Result<(G2Affine, G2Affine), String> {
        let bytes = self.bytes(POWERS_G2, 0, 256)?;
        let (first, second) = bytes
            .split_at_checked(128)
            .ok_or("section 3 is too short")?;
        Ok((parse_g2(first)?, parse_g2(second)?))
    }

    /// The Lagrange basis of `2^k` points in the file's own order, if the file was prepared.
    pub(super) fn lagrange(&mut self, k: u32) -> Result<Option<Vec<G1Affine>>, String> {
        if !self.sections.contains_key(&LAGRANGE_G1) {
            return Ok(None);
        }
        let offset = ((1u64 << k) - 1) * 64;
        parse_g1(&self.bytes(LAGRANGE_G1, offset, 64 << k)?).map(Some)
    }
}

/// The root of unity that orders a prepared file's Lagrange basis of `2^k` points: 5 to the power `(r - 1) / 2^k`.
pub(super) fn root_of_unity(k: u32) -> Fr {
    let order = (-Fr::ONE).to_repr();
    let exponent = order.chunks_exact(8).map(|limb| {
        limb.iter()
            .rev()
            .fold(0u64, |word, byte| (word << 8) | u64::from(*byte))
    });
    let mut limbs = [0u64; 4];
    for (to, from) in limbs.iter_mut().zip(exponent) {
        *to = from;
    }
    // Dividing the exponent by 2^S leaves an odd number; squaring the rest of the way avoids a second shift.
    let [a, b, c, d] = limbs;
    let shift = |low: u64, high: u64| (low >> Fr::S) | (high << (64 - Fr::S));
    let root = Fr::from(5).pow_vartime([shift(a, b), shift(b, c), shift(c, d), d >> Fr::S]);
    (k..Fr::S).fold(root, |root, _| root.square())
}

fn words(bytes: &[u8; 12]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
        u32::from_le_bytes([i, j, k, l]),
    ]
}
