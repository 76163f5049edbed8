//! `io.span` and `io.item`.

use super::*;

// POSITIVE

// NEGATIVE
