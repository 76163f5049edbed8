//! Files that are either whole or absent: written beside their place, flushed, then renamed; each ends with the keccak
//! hash of all that precedes it. A lock file keeps two processes from making the same file twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::Keccak256;
use thiserror::Error;

/// Bytes of the checksum at a file's end.
pub(crate) const CHECKSUM_BYTES: usize = 32;

/// Why a cached or exported file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The contents are not what was written.
    #[error("{path} is damaged: {reason}; delete it and it will be made again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// A writer that hashes what passes through it.
struct HashingWriter<W> {
    inner: W,
    hasher: Keccak256,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.hasher.update(buf.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Removes the temporary file unless it was renamed into place.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename nothing is left at this name, and there is nobody to tell about a failure.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file beside its place, then renames it.
pub(crate) fn write_atomic(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(FileError::io("create the directory", directory))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let temporary =
        Temporary(directory.join(format!(".{name}.{}.{unique}.tmp", std::process::id())));
    let write = || -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&temporary.0)?);
        fill(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(&temporary.0, path)?;
        // Makes the rename itself durable.
        File::open(directory)?.sync_all()
    };
    write().map_err(FileError::io("write", path))
}

/// Writes a file whose last 32 bytes are the keccak hash of the rest.
pub(crate) fn write_checked(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    write_atomic(path, |file| {
        let mut writer = HashingWriter {
            inner: file,
            hasher: Keccak256::new(),
        };
        fill(&mut writer)?;
        let HashingWriter { inner, hasher } = writer;
        inner.write_all(hasher.finalize().as_slice())
    })
}

/// Writes `bytes` as they are.
pub(crate) fn write_plain(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomic(path, |file| file.write_all(bytes))
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("open", path)(error)),
    };
    let length = file
        .metadata()
        .map_err(FileError::io("inspect", path))?
        .len();
    if length > limit {
        return Err(FileError::damaged(
            path,
            format!("{length} bytes, at most {limit} expected"),
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(FileError::io("read", path))?;
    Ok(Some(bytes))
}

/// Reads a file made by [`write_checked`], without its checksum; `None` if there is none.
pub(crate) fn read_checked(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(mut bytes) = read_bounded(path, limit.saturating_add(CHECKSUM_BYTES as u64))? else {
        return Ok(None);
    };
    let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(FileError::damaged(
            path,
            "it is too short to hold its checksum",
        ));
    };
    let mut hasher = Keccak256::new();
    hasher.update(body);
    if hasher.finalize().as_slice() != checksum {
        return Err(FileError::damaged(
            path,
            "its checksum does not match its contents",
        ));
    }
    bytes.truncate(bytes.len() - CHECKSUM_BYTES);
    Ok(Some(bytes))
}

/// An exclusive lock, released when dropped, also by the system when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Waits for the lock named `name` in `directory`.
    pub(crate) fn acquire(directory: &Path, name: &str) -> Result<Self, FileError> {
        fs::create_dir_all(directory).map_err(FileError::io("create the directory", directory))?;
        let path = directory.join(format!(".{name}.lock"));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(FileError::io("open the lock", &path))?;
        file.lock().map_err(FileError::io("lock", &path))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // POSITIVE

    #[test]
    fn a_checked_file_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/file");
        write_checked(&path, |w| w.write_all(b"contents")).unwrap();
        assert_eq!(read_checked(&path, 100).unwrap().unwrap(), b"contents");
        assert_eq!(
            fs::read_dir(dir.path().join("sub")).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn an_absent_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            read_checked(&dir.path().join("none"), 100)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_lock_excludes_a_second_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::acquire(dir.path(), "x").unwrap();
        let second = OpenOptions::new()
            .write(true)
            .open(dir.path().join(".x.lock"))
            .unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
        second.try_lock().unwrap();
    }

    // NEGATIVE

    #[test]
    fn every_changed_byte_every_truncation_and_an_oversized_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_checked(&path, |w| w.write_all(b"contents")).unwrap();
        let good = fs::read(&path).unwrap();
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(
                read_checked(&path, 100),
                Err(FileError::Damaged { .. })
            ));
            fs::write(&path, &good[..i]).unwrap();
            assert!(matches!(
                read_checked(&path, 100),
                Err(FileError::Damaged { .. })
            ));
        }
        fs::write(&path, &good).unwrap();
        assert!(matches!(
            read_checked(&path, 7),
            Err(FileError::Damaged { .. })
        ));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_checked(&path, |w| w.write_all(b"old")).unwrap();
        let failed = write_checked(&path, |w| {
            w.write_all(b"new")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(read_checked(&path, 100).unwrap().unwrap(), b"old");
        assert!(
            fs::read_dir(dir.path()).unwrap().all(|e| !e
                .unwrap()
                .file_name()
                .to_string_lossy()
                .ends_with(".tmp"))
        );
    }
}
