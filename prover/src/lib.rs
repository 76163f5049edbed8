//! Keys, proving, verifying and proof files.
