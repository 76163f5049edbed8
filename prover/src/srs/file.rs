//! Reference strings on disk: a header, then halo2's own raw format, then a checksum.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `HMKSRS`, 0, version 1 |
//! | 4 | k, little-endian |
//! | 32 | label |
//! | 4 + 128 * 2^k + 256 | halo2's raw parameters: k, powers, Lagrange basis (x, y in Montgomery form), G2, tau G2 |
//! | 32 | keccak hash of all of the above |

use std::path::Path;

use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2_proofs::halo2curves::serde::SerdeObject;
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rayon::prelude::*;

use super::{MAX_K, SrsLabel, generators_only};
use crate::files::{self, FileError};

const MAGIC: [u8; 8] = *b"HMKSRS\0\x01";
const G1_BYTES: usize = 64;
const G2_BYTES: usize = 128;

/// Bytes of halo2's raw parameters for `2^k` points.
pub(super) fn raw_length(k: u32) -> usize {
    4 + 2 * G1_BYTES * (1usize << k) + 2 * G2_BYTES
}

/// Writes `params` under `label`.
pub(super) fn write(
    path: &Path,
    params: &ParamsKZG<Bn256>,
    label: SrsLabel,
) -> Result<(), FileError> {
    files::write_checked(path, |mut file| {
        file.write_all(&MAGIC)?;
        file.write_all(&params.k().to_le_bytes())?;
        file.write_all(&label.to_bytes())?;
        params.write_custom(&mut file, SerdeFormat::RawBytes)
    })
}

/// Reads a file that [`write`] made; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<(ParamsKZG<Bn256>, SrsLabel)>, FileError> {
    let limit = (MAGIC.len() + 36 + raw_length(MAX_K)) as u64;
    let Some(bytes) = files::read_checked(path, limit)? else {
        return Ok(None);
    };
    let damaged = |reason: &str| FileError::damaged(path, reason);
    let header = || {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (k, rest) = rest.split_first_chunk::<4>()?;
        let (label, raw) = rest.split_first_chunk::<32>()?;
        Some((
            magic,
            u32::from_le_bytes(*k),
            SrsLabel::from_bytes(*label),
            raw,
        ))
    };
    let (magic, k, label, raw) = header().ok_or_else(|| damaged("it is too short"))?;
    if *magic != MAGIC {
        return Err(damaged("it is not a reference string of this version"));
    }
    let (params, _) = parse_raw(raw).map_err(|reason| damaged(&reason))?;
    if params.k() != k || SrsLabel::of(&params.s_g2()) != label {
        return Err(damaged("its header does not match its points"));
    }
    Ok(Some((params, label)))
}

/// Parses halo2's raw parameters, checking that every coordinate is canonical and every point on its curve. The Lagrange
/// basis comes apart too, because halo2 does not give it back.
pub(super) fn parse_raw(raw: &[u8]) -> Result<(ParamsKZG<Bn256>, Vec<G1Affine>), String> {
    let (k, points) = raw.split_first_chunk::<4>().ok_or("it is too short")?;
    let k = u32::from_le_bytes(*k);
    if !(1..=MAX_K).contains(&k) {
        return Err(format!(
            "its size is 2^{k} points; 2^1 to 2^{MAX_K} are supported"
        ));
    }
    if raw.len() != raw_length(k) {
        return Err(format!(
            "{} bytes of points where 2^{k} of them take {}",
            raw.len(),
            raw_length(k)
        ));
    }
    let (powers, rest) = points
        .split_at_checked(G1_BYTES << k)
        .ok_or("it is too short")?;
    let (lagrange, g2) = rest
        .split_at_checked(G1_BYTES << k)
        .ok_or("it is too short")?;
    let powers = parse_g1(powers)?;
    let lagrange = parse_g1(lagrange)?;
    let (g2, s_g2) = g2.split_at_checked(G2_BYTES).ok_or("it is too short")?;
    let parts = (parse_g2(g2)?, parse_g2(s_g2)?);
    let params = generators_only().from_parts(k, powers, Some(lagrange.clone()), parts.0, parts.1);
    Ok((params, lagrange))
}

/// Points as x, y in Montgomery form, little-endian.
pub(super) fn parse_g1(bytes: &[u8]) -> Result<Vec<G1Affine>, String> {
    bytes
        .par_chunks(G1_BYTES)
        .enumerate()
        .map(|(i, bytes)| {
            G1Affine::from_raw_bytes(bytes)
                .ok_or_else(|| format!("G1 point {i} is not a point of the curve"))
        })
        .collect()
}

/// A G2 point as x, y in Montgomery form, little-endian, real part first.
pub(super) fn parse_g2(bytes: &[u8]) -> Result<G2Affine, String> {
    G2Affine::from_raw_bytes(bytes)
        .ok_or_else(|| "a G2 point is not a point of the curve".to_owned())
}
