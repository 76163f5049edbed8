//! The same proof on a real L1 node, `anvil` from npm.

use crate::fixture::world;
use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, Bytes};
use hallmark::l1::{self, OPERATOR};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tests::{CHAIN_ID, genesis};
use verifier_contract::{
    Rollup,
    node::{self, NodeError},
};

/// A running node; stopped when dropped.
struct Anvil {
    process: Child,
    provider: DynProvider,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Anvil {
    /// Starts the node on a free port with its clock at `now`.
    fn start(now: u64) -> Result<Self, NodeError> {
        let mut process = Command::new(node::anvil()?)
            .args(["--port", "0", "--hardfork", "osaka", "--auto-impersonate"])
            .args(["--gas-limit", "16777216", "--timestamp", &now.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .unwrap();
        // Keep the pipe empty.
        std::thread::spawn(move || lines.for_each(drop));
        let provider = ProviderBuilder::new()
            .connect_http(format!("http://{address}").parse().unwrap())
            .erased();
        Ok(Self { process, provider })
    }

    async fn call(&self, method: &'static str, params: Value) -> Value {
        self.provider
            .raw_request(method.into(), params)
            .await
            .unwrap()
    }

    /// Sends a transaction of the operator: status, gas, and the contract created.
    async fn send(&self, to: Option<Address>, data: Bytes) -> (bool, u64, Option<Address>) {
        let transaction = json!({ "from": OPERATOR, "to": to, "data": data, "gas": "0xf42400" });
        let hash: B256 =
            serde_json::from_value(self.call("eth_sendTransaction", json!([transaction])).await)
                .unwrap();
        for _ in 0..500 {
            if let Some(r) = self.provider.get_transaction_receipt(hash).await.unwrap() {
                return (r.status(), r.gas_used, r.contract_address);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no receipt of {hash}");
    }

    async fn deploy(&self, init: Bytes) -> Address {
        let (status, _, created) = self.send(None, init).await;
        assert!(status);
        created.unwrap()
    }
}

#[test]
fn a_real_node_takes_the_proof_and_refuses_a_tampered_one() {
    let w = world();
    let statement = &w.witness.statement;
    let anvil = match Anvil::start(statement.last_timestamp) {
        Ok(anvil) => anvil,
        Err(NodeError::Skipped) => return eprintln!("skipped: npm is not installed"),
        Err(error) => panic!("{error}"),
    };
    w.runtime.block_on(async {
        let ether = "0x56bc75e2d63100000";
        anvil
            .call("anvil_setBalance", json!([OPERATOR, ether]))
            .await;
        let header = genesis().unwrap().header();
        let root = statement.previous_state_root;
        let plan = l1::plan(&[&w.key], CHAIN_ID, &header, root).unwrap();
        let mut parts = vec![];
        for init in plan.parts() {
            parts.push(anvil.deploy(init).await);
        }
        let rollup = anvil.deploy(plan.rollup(&parts).unwrap()).await;

        // The embedded L1 takes the same gas.
        let mut embedded = w.l1();
        let commit = l1::commit_call(statement, w.witness.payload.clone());
        let (status, gas, _) = anvil.send(Some(rollup), commit.abi_encode().into()).await;
        assert!(status);
        let expected = embedded
            .commit(statement, w.witness.payload.clone())
            .unwrap();
        assert_eq!(gas, expected);

        let mut tampered = w.proofs();
        let mut bytes = tampered[0].proof.to_vec();
        let last = bytes.len() - 129;
        bytes[last] ^= 1;
        tampered[0].proof = bytes.into();
        let call = l1::prove_call(1, &tampered).unwrap().abi_encode();
        let (status, refused, _) = anvil.send(Some(rollup), call.into()).await;
        assert!(!status);
        let call = l1::prove_call(1, &w.proofs()).unwrap().abi_encode();
        let (status, gas, _) = anvil.send(Some(rollup), call.into()).await;
        assert!(status);
        assert!(refused <= gas + 100, "{refused} of {gas}");
        assert_eq!(gas, embedded.prove(1, &w.proofs()).unwrap().gas_used);

        let view: Bytes = Rollup::stateRootCall {}.abi_encode().into();
        let call = json!([{ "to": rollup, "data": view }, "latest"]);
        let answer = anvil.call("eth_call", call).await;
        assert_eq!(answer, json!(statement.state_root));
    });
}
