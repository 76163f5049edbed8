//! Mempool, block building in revm, store and JSON-RPC.
