//! Where reference strings, keys and calibration are kept.

use crate::cli::Global;
use eyre::{Result, WrapErr, eyre};
use prover::SrsLabel;
use std::path::PathBuf;

/// The directory: `--home`, else `hallmark` in the user's cache directory.
pub(crate) fn directory(global: &Global) -> Result<PathBuf> {
    if let Some(home) = &global.home {
        return Ok(home.clone());
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache")))
        .ok_or_else(|| {
            eyre!("neither XDG_CACHE_HOME nor HOME is set; say where to keep keys with --home DIR")
        })?;
    Ok(base.join("hallmark"))
}

/// The reference string that the user chose.
pub(crate) fn label(global: &Global) -> Result<SrsLabel> {
    let Some(text) = &global.srs else {
        return Ok(SrsLabel::development());
    };
    let bytes = hex::decode(text.trim_start_matches("0x")).wrap_err_with(|| {
        format!(
            "--srs {text} is not a label: 64 hexadecimal digits, as `hallmark srs import` prints"
        )
    })?;
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| eyre!("--srs {text} is not a label: it must have 64 hexadecimal digits"))?;
    Ok(SrsLabel::from_bytes(bytes))
}
