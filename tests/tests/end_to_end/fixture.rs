//! A mixed batch sent by alloy's provider over HTTP, and its proof; made once.

use alloy::{
    eips::eip2930::{AccessList, AccessListItem},
    network::{EthereumWallet, TransactionBuilder},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use hallmark::{
    l1::{EmbeddedL1, SegmentProof},
    pipeline::{self, PlannedSegment},
    plan,
};
use protocol::{Genesis, genesis::GenesisAccount};
use prover::{ProofFile, SrsLabel, VerifyingKey, progress::Silent, segments::Prover};
use sequencer::{BatchWitness, Node, RpcHandle};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};
use tempfile::TempDir;
use tests::{CHAIN_ID, genesis, key, node_on};
use tokio::runtime::Runtime;

/// An account that is in no genesis.
pub(crate) const FRESH: Address = Address::repeat_byte(0x77);

/// A contract of the genesis, which adds up the numbers from 4 to 1.
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xa1);
const CODE: &[u8] = &[
    0x5f, 0x60, 4, 0x5b, 0x90, 0x81, 0x01, 0x90, 0x60, 1, 0x90, 0x03, 0x80, 0x60, 3, 0x57, 0x00,
];

/// The genesis with the contract.
pub(crate) fn chain() -> Genesis {
    let mut genesis = genesis().unwrap();
    let contract = GenesisAccount {
        nonce: 1,
        code: Bytes::from_static(CODE),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(CONTRACT, contract);
    genesis
}

/// Everything about the proven batch.
pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) rpc: RpcHandle,
    pub(crate) runtime: Runtime,
    pub(crate) witness: BatchWitness,
    pub(crate) segments: Vec<PlannedSegment>,
    pub(crate) files: Vec<ProofFile>,
    pub(crate) key: Arc<VerifyingKey>,
    _directory: TempDir,
}

/// The proven batch.
pub(crate) fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::new);
    &WORLD
}

/// Where reference strings and keys are kept between runs.
pub(crate) fn keys() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("hallmark")
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = node_on(directory.path(), chain()).unwrap();
        let runtime = Runtime::new().unwrap();
        let rpc = runtime
            .block_on(node.start_rpc(([127, 0, 0, 1], 0).into()))
            .unwrap();
        let [first, second] = blocks();
        for block in [first, second] {
            let sent = block.len();
            runtime.block_on(send(&rpc.url(), block));
            assert_eq!(node.build_block().unwrap().transactions, sent);
        }
        node.seal_batch().unwrap().unwrap();

        // What a prover on another machine would ask for.
        let file: Bytes = runtime.block_on(async {
            ProviderBuilder::new()
                .connect_http(rpc.url().parse().unwrap())
                .raw_request("hallmark_getBatchFile".into(), ["latest"])
                .await
                .unwrap()
        });
        let witness = BatchWitness::from_bytes(&file).unwrap();
        let segments = plan::plan(&witness, *pipeline::SHAPES.end()).unwrap();
        let prover = Prover::new(&keys(), SrsLabel::development());
        let proofs = directory.path().join("proofs");
        let proven =
            pipeline::prove(&prover, &witness, &segments, &proofs, &|_, _| (), &Silent).unwrap();
        let key = pipeline::verifying_key(&prover, segments[0].k, &Silent).unwrap();
        Self {
            node,
            rpc,
            runtime,
            witness,
            segments,
            files: proven.into_iter().map(|p| p.file).collect(),
            key,
            _directory: directory,
        }
    }

    /// An L1 with the rollup and nothing committed.
    pub(crate) fn l1(&self) -> EmbeddedL1 {
        let root = self.witness.statement.previous_state_root;
        let header = chain().header();
        let mut l1 = EmbeddedL1::deploy(&[&self.key], CHAIN_ID, &header, root, 0).unwrap();
        l1.set_time(self.witness.statement.last_timestamp);
        l1
    }

    /// An L1 on which the batch is committed.
    pub(crate) fn committed(&self) -> EmbeddedL1 {
        let mut l1 = self.l1();
        l1.commit(&self.witness.statement, self.witness.payload.clone())
            .unwrap();
        l1
    }

    pub(crate) fn proofs(&self) -> Vec<SegmentProof> {
        let proofs = self.files.iter().map(pipeline::for_l1);
        proofs.collect::<Result<_, _>>().unwrap()
    }
}

/// Transactions of all types, with calldata, with an access list, to a fresh account and to a contract, in two blocks.
fn blocks() -> [Vec<(u8, TransactionRequest)>; 2] {
    let transfer = |to, wei: u64| {
        TransactionRequest::default()
            .with_to(to)
            .with_value(U256::from(wei))
    };
    let item = AccessListItem {
        address: FRESH,
        storage_keys: vec![B256::with_last_byte(3)],
    };
    [
        vec![
            (0, transfer(FRESH, 5)),
            (
                1,
                transfer(FRESH, 7)
                    .with_gas_price(2_000_000_000)
                    .with_input(vec![0, 1, 2, 0, 0, 9]),
            ),
        ],
        vec![(
            2,
            transfer(CONTRACT, 1)
                .with_gas_price(3_000_000_000)
                .with_access_list(AccessList(vec![item])),
        )],
    ]
}

async fn send(url: &str, block: Vec<(u8, TransactionRequest)>) {
    for (sender, request) in block {
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(key(sender).unwrap()))
            .connect_http(url.parse().unwrap());
        let _ = provider.send_transaction(request).await.unwrap();
    }
}
