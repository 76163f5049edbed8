//! Types, encodings, hashing, state tree and public input of the Hallmark rollup.
