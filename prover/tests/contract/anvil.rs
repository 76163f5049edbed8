//! The same artifacts on a real L1 node.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use serde_json::{Value, json};
use verifier_contract::{
    Rollup,
    node::{self, NodeError},
};

use crate::{
    rollup::{SEQUENCER, World, parameters, plan, whole},
    support::{Fixture, NOW, SENDER, words},
};

/// A running node; stopped when dropped.
struct Anvil {
    process: Child,
    address: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Anvil {
    /// Starts the node on a free port, with the accounts of the tests unlocked.
    fn start() -> Result<Self, NodeError> {
        let mut process = Command::new(node::anvil()?)
            .args([
                "--port",
                "0",
                "--hardfork",
                "osaka",
                "--timestamp",
                &NOW.to_string(),
                "--auto-impersonate",
            ])
            .args(["--gas-limit", "16777216"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Keep the pipe empty.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, address })
    }

    fn request(&self, method: &str, params: &Value) -> Value {
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("HTTP");
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{method}: {e}: {answer}"))
    }

    /// Sends a transaction of an unlocked account and returns its receipt.
    fn send(&self, from: Address, to: Option<Address>, data: &Bytes) -> Value {
        let gas = "0xf42400"; // 16,000,000
        let transaction = json!({"from": from, "to": to, "data": data, "gas": gas});
        let answer = self.request("eth_sendTransaction", &json!([transaction]));
        let hash = &answer["result"];
        assert!(hash.is_string(), "{answer}");
        // The node mines at once, but answers before it has.
        for _ in 0..500 {
            let receipt =
                self.request("eth_getTransactionReceipt", &json!([hash]))["result"].clone();
            if receipt.is_object() {
                return receipt;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no receipt of {hash}");
    }

    fn deploy(&self, init: &Bytes) -> Address {
        let receipt = self.send(SENDER, None, init);
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt["contractAddress"]
            .as_str()
            .and_then(|a| a.parse().ok())
            .expect("created")
    }

    fn code(&self, account: Address) -> Bytes {
        let answer = self.request("eth_getCode", &json!([account, "latest"]));
        answer["result"]
            .as_str()
            .and_then(|c| c.parse().ok())
            .expect("code")
    }
}

fn gas_used(receipt: &Value) -> u64 {
    let text = receipt["gasUsed"]
        .as_str()
        .and_then(|g| g.strip_prefix("0x"))
        .expect("gasUsed");
    u64::from_str_radix(text, 16).expect("hex")
}

#[test]
fn a_real_node_accepts_the_proof_and_refuses_a_tampered_one() {
    let anvil = match Anvil::start() {
        Ok(anvil) => anvil,
        Err(NodeError::Skipped) => return eprintln!("skipped: npm is not installed"),
        Err(error) => panic!("{error}"),
    };
    for account in [SENDER, SEQUENCER] {
        anvil.request("anvil_setBalance", &json!([account, "0x56bc75e2d63100000"]));
    }
    let plan = plan(parameters());
    let parts: Vec<_> = plan.parts().iter().map(|init| anvil.deploy(init)).collect();
    let rollup = anvil.deploy(&plan.rollup(&parts).unwrap());

    // The embedded L1 and the node run the same code and take the same gas.
    let mut world = World::new(parameters());
    assert_eq!(
        anvil.code(parts[0]),
        world.l1.code(world.call(Rollup::VERIFIERCall {}))
    );
    let draft = world.next();
    let (statement, previous_timestamp) = world.statement(&draft);
    let commit = Rollup::commitBatchCall {
        header: draft.header.clone(),
        payload: draft.payload.clone(),
    };
    let receipt = anvil.send(SEQUENCER, Some(rollup), &commit.abi_encode().into());
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    assert_eq!(gas_used(&receipt), world.try_commit(&draft).gas_used);

    let honest = whole(&statement, previous_timestamp);
    let mut tampered = honest.clone();
    let mut proof = tampered.proof.to_vec();
    proof[200] ^= 1;
    tampered.proof = proof.into();
    let prove = |segment: Rollup::Segment| {
        let call = Rollup::proveBatchesCall {
            first: 1,
            proofs: vec![vec![segment]],
        };
        anvil.send(SENDER, Some(rollup), &call.abi_encode().into())
    };
    let refused = prove(tampered);
    assert_eq!(refused["status"], "0x0", "{refused}");
    let accepted = prove(honest.clone());
    assert_eq!(accepted["status"], "0x1", "{accepted}");
    assert!(gas_used(&refused) <= gas_used(&accepted));
    assert_eq!(
        gas_used(&accepted),
        world.prove(1, vec![vec![honest]]).gas_used
    );
    let state_root = Rollup::stateRootCall {}.abi_encode();
    let answer = anvil.request(
        "eth_call",
        &json!([{"to": rollup, "data": Bytes::from(state_root)}, "latest"]),
    );
    assert_eq!(answer["result"], json!(draft.header.stateRoot));

    // The verifier alone, called directly.
    let fixture = Fixture::shared();
    let key = [vec![parts[1]], parts[3..].to_vec()].concat();
    let call = verifier_contract::Verifier::verifyCall {
        key,
        instances: words(&fixture.public),
        proof: fixture.proof.clone().into(),
    };
    let receipt = anvil.send(SENDER, Some(parts[0]), &call.abi_encode().into());
    assert_eq!(receipt["status"], "0x1", "{receipt}");
}
