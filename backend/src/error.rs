//! Why there is no proof.

use halo2_proofs::plonk;
use thiserror::Error;

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum Error {
    /// The library proves it, this crate does not.
    #[error("this prover does not support {0}")]
    Unsupported(&'static str),
    /// Key and parameters are of different sizes.
    #[error("the proving key is for 2^{key} rows, the parameters are of 2^{parameters}")]
    Size {
        /// The key's k.
        key: u32,
        /// The parameters' k.
        parameters: u32,
    },
    /// The key was made for polynomials of a lower degree than the circuit has. The library does that above degree 5, or what the
    /// environment variable `MAX_DEGREE` says, unless the circuit sets a minimum.
    #[error(
        "the circuit has constraints of degree {have}, its key has room for {room}: call `set_minimum_degree` in its configuration and make the key anew"
    )]
    Degree {
        /// The circuit's degree.
        have: usize,
        /// The key's degree.
        room: usize,
    },
    /// The file of a prepared key cannot be used.
    #[error("the prepared key cannot be used: {0}; write it anew")]
    KeyFile(&'static str),
    /// The file of a prepared key cannot be read.
    #[error("the prepared key cannot be read: {0}")]
    Map(std::io::Error),
    /// Too few or too many instance columns.
    #[error("{have} instance columns were given, the circuit has {want}")]
    InstanceColumns {
        /// What was given.
        have: usize,
        /// What is right.
        want: usize,
    },
    /// An instance column is too long.
    #[error("instance column {column} has {have} values, there is room for {room}")]
    InstanceTooLong {
        /// The column.
        column: usize,
        /// Its values.
        have: usize,
        /// Rows that may be used.
        room: usize,
    },
    /// The witness has too few or too many columns in a phase, or a column of another length.
    #[error("phase {phase} has {want} advice columns of {rows} rows; the witness gave {have}")]
    Witness {
        /// The phase, from 0 on.
        phase: usize,
        /// What was given: columns, or a column's rows.
        have: String,
        /// Columns.
        want: usize,
        /// Rows of each.
        rows: usize,
    },
    /// The witness handed over fewer or more phases than there are.
    #[error("the circuit has {want} phases, the witness gave {have}")]
    Phases {
        /// What was given.
        have: usize,
        /// What is right.
        want: usize,
    },
    /// An advice cell has no value.
    #[error("row {row} of advice column {column} was assigned without a value")]
    Unknown {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
    },
    /// An advice cell outside of the table.
    #[error("row {row} of advice column {column} cannot be assigned: {room} rows can be used")]
    OutOfBounds {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
        /// Rows that may be used.
        room: usize,
    },
    /// A value that is looked up is not in its table.
    #[error("row {row} looks up a value that is not in the table of look-up {lookup} ({name})")]
    NotInTable {
        /// The look-up, in the order of the constraint system.
        lookup: usize,
        /// Its name.
        name: String,
        /// The row.
        row: usize,
    },
    /// The observer asked to stop.
    #[error("proving was cancelled")]
    Cancelled,
    /// The circuit's synthesis failed.
    #[error("the circuit cannot be synthesized: {0}")]
    Synthesis(#[from] plonk::Error),
    /// The transcript cannot be written.
    #[error("the transcript cannot be written: {0}")]
    Transcript(#[from] std::io::Error),
}
