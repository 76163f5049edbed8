//! Errors as JSON-RPC sends them.

use alloy_primitives::Bytes;
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::json;

use crate::error::{NodeError, StoreError};

/// Bad parameters.
pub(super) const INVALID_PARAMS: i32 = -32602;
/// The node is at fault.
pub(super) const INTERNAL: i32 = -32603;
/// Ethereum clients' code for what fails for a reason of its own.
pub(super) const FAILED: i32 = -32000;
/// What was asked for does not exist.
pub(super) const NOT_FOUND: i32 = -32001;
/// A feature that this node does not have.
pub(super) const UNSUPPORTED: i32 = -32004;
/// A limit of this node.
pub(super) const LIMIT: i32 = -32005;
/// A call reverted.
pub(super) const REVERTED: i32 = 3;

/// An error of a method.
#[derive(Debug)]
pub(super) struct RpcError(ErrorObjectOwned);

impl RpcError {
    /// A code and a sentence.
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self(ErrorObjectOwned::owned(code, message, None::<()>))
    }

    /// A revert with its return data.
    pub(super) fn reverted(message: impl Into<String>, data: &Bytes) -> Self {
        Self(ErrorObjectOwned::owned(REVERTED, message, Some(data)))
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        error.0
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        Self::new(INTERNAL, error.to_string())
    }
}

impl From<NodeError> for RpcError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Admission(error) => Self(ErrorObjectOwned::owned(
                error.code(),
                error.to_string(),
                Some(json!({ "reason": error.reason() })),
            )),
            NodeError::UnknownBatch(_) => Self::new(NOT_FOUND, error.to_string()),
            _ => Self::new(INTERNAL, error.to_string()),
        }
    }
}

/// An error of the node itself.
pub(super) fn internal(message: impl Into<String>) -> ErrorObjectOwned {
    RpcError::new(INTERNAL, message).into()
}
