//! The embedded database: opening with its checks, and byte-level reads and writes.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition, TableError, WriteTransaction,
};

use crate::error::StoreError;

/// A table: bytes to bytes. Numbers in keys are big-endian, so that ranges are in order.
pub(crate) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// One entry of a table.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// An open database file.
#[derive(Debug)]
pub(crate) struct Db {
    database: Database,
    path: PathBuf,
}

impl Db {
    /// Opens or creates the file and checks each page that is in use against its checksum.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(|error| StoreError::Io {
                path: path.to_owned(),
                message: error.to_string(),
            })?;
        }
        // A damaged file may trip the database's own assertions: those are a finding about the
        // file, not a fault of this process.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut database = Database::create(path)?;
            let intact = database.check_integrity()?;
            Ok::<_, DatabaseError>((database, intact))
        }));
        match opened {
            Ok(Ok((database, true))) => Ok(Self {
                database,
                path: path.to_owned(),
            }),
            Ok(Ok((_, false))) => Err(corrupt(
                path,
                "checksums did not match, and the database went back to its last intact state; \
                 the next start uses that state, in which the newest entries may be missing",
            )),
            Ok(Err(error)) => Err(open_error(path, error)),
            Err(_) => Err(corrupt(path, "its structure is damaged")),
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A consistent view of the last commit.
    pub(crate) fn read(&self) -> Result<Snapshot, StoreError> {
        let transaction = self.database.begin_read().map_err(|error| StoreError::Io {
            path: self.path.clone(),
            message: error.to_string(),
        })?;
        Ok(Snapshot {
            transaction,
            path: self.path.clone(),
        })
    }

    /// The one write transaction; nothing of it is visible or kept before [`Writer::commit`].
    pub(crate) fn write(&self) -> Result<Writer, StoreError> {
        let transaction = self
            .database
            .begin_write()
            .map_err(|error| StoreError::Io {
                path: self.path.clone(),
                message: error.to_string(),
            })?;
        Ok(Writer {
            transaction,
            path: self.path.clone(),
        })
    }
}

/// Byte-level reads, the same inside and outside a write transaction.
pub(crate) trait Read {
    /// The database file, for error messages.
    fn path(&self) -> &Path;

    /// The value under a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `limit` entries with `from <= key < to`, in order.
    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// The last entry of a table.
    fn last(&self, table: Table) -> Result<Option<Entry>, StoreError>;

    /// An error that says the store is damaged.
    fn corrupt(&self, message: impl Into<String>) -> StoreError
    where
        Self: Sized,
    {
        corrupt(self.path(), message)
    }
}

/// A consistent view of one commit.
#[derive(Debug)]
pub(crate) struct Snapshot {
    transaction: ReadTransaction,
    path: PathBuf,
}

/// The write transaction.
pub(crate) struct Writer {
    transaction: WriteTransaction,
    path: PathBuf,
}

impl Read for Snapshot {
    fn path(&self) -> &Path {
        &self.path
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.transaction.open_table(table) {
            Ok(table) => get(&table, key).map_err(|error| storage_error(&self.path, error)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(table_error(&self.path, error)),
        }
    }

    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        match self.transaction.open_table(table) {
            Ok(table) => {
                range(&table, from, to, limit).map_err(|error| storage_error(&self.path, error))
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(table_error(&self.path, error)),
        }
    }

    fn last(&self, table: Table) -> Result<Option<Entry>, StoreError> {
        match self.transaction.open_table(table) {
            Ok(table) => last(&table).map_err(|error| storage_error(&self.path, error)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(table_error(&self.path, error)),
        }
    }
}

impl Read for Writer {
    fn path(&self) -> &Path {
        &self.path
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self
            .transaction
            .open_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        get(&table, key).map_err(|error| storage_error(&self.path, error))
    }

    fn range(
        &self,
        table: Table,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let table = self
            .transaction
            .open_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        range(&table, from, to, limit).map_err(|error| storage_error(&self.path, error))
    }

    fn last(&self, table: Table) -> Result<Option<Entry>, StoreError> {
        let table = self
            .transaction
            .open_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        last(&table).map_err(|error| storage_error(&self.path, error))
    }
}

impl Writer {
    /// Sets the value under a key.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut table = self
            .transaction
            .open_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        table
            .insert(key, value)
            .map_err(|error| storage_error(&self.path, error))?;
        Ok(())
    }

    /// Removes a key.
    pub(crate) fn delete(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        let mut table = self
            .transaction
            .open_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        table
            .remove(key)
            .map_err(|error| storage_error(&self.path, error))?;
        Ok(())
    }

    /// Removes every entry of a table.
    pub(crate) fn clear(&self, table: Table) -> Result<(), StoreError> {
        self.transaction
            .delete_table(table)
            .map_err(|error| table_error(&self.path, error))?;
        Ok(())
    }

    /// Makes everything written durable at once; when this returns it survives any crash.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        let Self { transaction, path } = self;
        transaction.commit().map_err(|error| StoreError::Io {
            path,
            message: error.to_string(),
        })
    }
}

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

fn range(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    from: &[u8],
    to: &[u8],
    limit: usize,
) -> Result<Vec<Entry>, StorageError> {
    if from >= to {
        return Ok(Vec::new());
    }
    table
        .range(from..to)?
        .take(limit)
        .map(|entry| entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
        .collect()
}

fn last(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Option<Entry>, StorageError> {
    Ok(table
        .last()?
        .map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
}

pub(crate) fn corrupt(path: &Path, message: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        path: path.to_owned(),
        message: message.into(),
    }
}

fn storage_error(path: &Path, error: StorageError) -> StoreError {
    match error {
        StorageError::Corrupted(message) => corrupt(path, message),
        other => StoreError::Io {
            path: path.to_owned(),
            message: other.to_string(),
        },
    }
}

fn table_error(path: &Path, error: TableError) -> StoreError {
    match error {
        TableError::Storage(error) => storage_error(path, error),
        other => corrupt(path, other.to_string()),
    }
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.to_owned()),
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData
                || error.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            corrupt(path, error.to_string())
        }
        DatabaseError::Storage(error) => storage_error(path, error),
        other => corrupt(path, other.to_string()),
    }
}
