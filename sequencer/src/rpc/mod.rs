//! The JSON-RPC server.

mod api;
mod call;
mod convert;
mod error;
mod eth;
mod fees;
mod hallmark;
mod types;

pub use types::{
    BatchSelector, RpcBatch, RpcBatchStatus, RpcProgress, RpcProof, RpcProveStatus,
    RpcSegmentProof, RpcStatus,
};

use std::{net::SocketAddr, sync::Arc};

use jsonrpsee::{
    RpcModule,
    core::RpcResult,
    server::{
        BatchRequestConfig, ServerBuilder, ServerConfig, ServerHandle,
        middleware::http::HostFilterLayer,
    },
};
use tokio::sync::Semaphore;
use tower_http::cors::{Any, CorsLayer};

use self::{
    api::{EthApiServer, HallmarkApiServer, NetApiServer, Web3ApiServer},
    error::{RpcError, internal},
};
use crate::{Node, error::NodeError, store::Snapshot};

/// A running JSON-RPC server; it stops when this is dropped.
#[derive(Debug)]
pub struct RpcHandle {
    server: ServerHandle,
    address: SocketAddr,
}

impl RpcHandle {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for HTTP clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the server and waits until open requests are answered.
    pub async fn stop(self) {
        // An error says that it has stopped already.
        let _ = self.server.stop();
        self.server.stopped().await;
    }
}

/// The methods' receiver.
#[derive(Debug, Clone)]
struct Rpc {
    node: Node,
    executions: Arc<Semaphore>,
    submissions: Arc<Semaphore>,
}

impl Rpc {
    /// Runs a method on a thread that may block, over a consistent view of the store.
    async fn read<T: Send + 'static>(
        &self,
        method: impl FnOnce(&Node, &Snapshot) -> Result<T, RpcError> + Send + 'static,
    ) -> RpcResult<T> {
        let node = self.node.clone();
        let task = tokio::task::spawn_blocking(move || {
            let snapshot = node.shared().db.read()?;
            method(&node, &snapshot)
        });
        Ok(task.await.map_err(|error| internal(error.to_string()))??)
    }

    /// Like [`Self::read`], for methods that execute in the EVM: few at a time.
    async fn execute<T: Send + 'static>(
        &self,
        method: impl FnOnce(&Node, &Snapshot) -> Result<T, RpcError> + Send + 'static,
    ) -> RpcResult<T> {
        let _permit = self
            .executions
            .acquire()
            .await
            .map_err(|error| internal(error.to_string()))?;
        self.read(method).await
    }
}

pub(crate) async fn start(node: Node, address: SocketAddr) -> Result<RpcHandle, NodeError> {
    let listen = |message: String| NodeError::Listen {
        address: address.to_string(),
        message,
    };
    let limits = node.shared().config.rpc.clone();
    let loopback = address.ip().is_loopback();
    if !loopback && !limits.allow_remote {
        return Err(listen(
            "the address is not loopback; allow remote connections explicitly if anyone who can \
             reach it may use the node"
                .to_owned(),
        ));
    }
    let hosts = if loopback {
        HostFilterLayer::new(["localhost:*", "127.0.0.1:*", "[::1]:*"])
            .map_err(|error| listen(error.to_string()))?
    } else {
        HostFilterLayer::disable()
    };
    let cors = match limits.allow_origin.as_deref() {
        None => None,
        Some("*") => Some(CorsLayer::new().allow_origin(Any)),
        Some(origin) => Some(
            CorsLayer::new().allow_origin(
                origin
                    .parse::<http::HeaderValue>()
                    .map_err(|error| listen(error.to_string()))?,
            ),
        ),
    }
    .map(|cors| cors.allow_methods(Any).allow_headers(Any));
    let config = ServerConfig::builder()
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_connections(limits.connections)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_calls))
        .build();
    let server = ServerBuilder::with_config(config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(hosts).option_layer(cors))
        .build(address)
        .await
        .map_err(|error| listen(error.to_string()))?;
    let address = server
        .local_addr()
        .map_err(|error| listen(error.to_string()))?;

    let rpc = Rpc {
        node,
        executions: Arc::new(Semaphore::new(limits.executions.max(1))),
        submissions: Arc::new(Semaphore::new(limits.submissions.max(1))),
    };
    let mut module = RpcModule::new(());
    for methods in [
        EthApiServer::into_rpc(rpc.clone()).into(),
        NetApiServer::into_rpc(rpc.clone()).into(),
        Web3ApiServer::into_rpc(rpc.clone()).into(),
        HallmarkApiServer::into_rpc(rpc).into(),
    ] as [jsonrpsee::Methods; 4]
    {
        module
            .merge(methods)
            .map_err(|error| listen(error.to_string()))?;
    }
    Ok(RpcHandle {
        server: server.start(module),
        address,
    })
}
