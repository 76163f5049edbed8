//! The sequencer's EVM against the machine's interpreter: what `revm` executes, the machine must execute to the same
//! root and headers, and its table must hold.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::{
    consensus::{TxEip1559, TxEip2930, TxLegacy},
    eips::eip2930::{AccessList, AccessListItem},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use circuits::machine::MainMachine;
use hallmark::{pipeline, plan};
use proptest::{prelude::*, test_runner::Config};
use sequencer::{BatchWitness, Node};
use tests::{BASE_FEE, CHAIN_ID, COINBASE, FUNDED, key, node, sign};

/// A transfer that may or may not be valid; the sequencer decides.
#[derive(Clone, Debug)]
struct Attempt {
    sender: u8,
    to: Address,
    value: U256,
    input: Vec<u8>,
    /// 0 legacy, 1 access list, 2 dynamic fee.
    kind: u8,
    tip: u64,
    list: Vec<(Address, u8)>,
}

fn recipients() -> impl Strategy<Value = Address> {
    prop_oneof![
        (0..FUNDED).prop_map(|n| key(n).unwrap().address()),
        any::<u8>().prop_map(|b| Address::repeat_byte(b.max(0x20))),
        Just(COINBASE),
        any::<[u8; 20]>().prop_map(Address::from),
    ]
}

fn values() -> impl Strategy<Value = U256> {
    prop_oneof![
        Just(U256::ZERO),
        Just(U256::from(1)),
        any::<u64>().prop_map(U256::from),
        // Close to, and above, what a sender has.
        (0u64..3_000_000_000_000_000)
            .prop_map(|n| U256::from(100_000_000_000_000_000_000_u128) - U256::from(n)),
        Just(U256::MAX),
    ]
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let input = prop_oneof![
        3 => Just(vec![]),
        1 => prop::collection::vec(any::<u8>(), 1..9),
        1 => prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 50..70),
    ];
    let list = prop::collection::vec((recipients(), 0u8..3), 0..3);
    let tip = prop_oneof![Just(0), Just(1), 0u64..5_000_000_000];
    (0..FUNDED, recipients(), values(), input, 0u8..3, tip, list).prop_map(
        |(sender, to, value, input, kind, tip, list)| Attempt {
            sender,
            to,
            value,
            input,
            kind,
            tip,
            list,
        },
    )
}

impl Attempt {
    fn signed(&self, nonce: u64) -> Bytes {
        let (to, value) = (TxKind::Call(self.to), self.value);
        let (input, signer) = (Bytes::from(self.input.clone()), key(self.sender).unwrap());
        let access_list = AccessList(
            self.list
                .iter()
                .map(|(address, keys)| AccessListItem {
                    address: *address,
                    storage_keys: (0..*keys).map(B256::repeat_byte).collect(),
                })
                .collect(),
        );
        let gas_price = u128::from(BASE_FEE) + u128::from(self.tip);
        match self.kind {
            0 => sign(
                &signer,
                TxLegacy {
                    chain_id: Some(CHAIN_ID),
                    nonce,
                    gas_price,
                    gas_limit: 40_000,
                    to,
                    value,
                    input,
                },
            ),
            1 => sign(
                &signer,
                TxEip2930 {
                    chain_id: CHAIN_ID,
                    nonce,
                    gas_price,
                    gas_limit: 60_000,
                    to,
                    value,
                    access_list,
                    input,
                },
            ),
            _ => sign(
                &signer,
                TxEip1559 {
                    chain_id: CHAIN_ID,
                    nonce,
                    gas_limit: 60_000,
                    max_fee_per_gas: gas_price + 7,
                    max_priority_fee_per_gas: u128::from(self.tip),
                    to,
                    value,
                    access_list,
                    input,
                },
            ),
        }
        .unwrap()
    }
}

/// The batch of what the node accepts of the attempts, in blocks; `None` if there is no block.
fn batch(node: &Node, blocks: &[Vec<Attempt>]) -> Option<(BatchWitness, usize)> {
    let mut nonces = [0; FUNDED as usize];
    let mut accepted = 0;
    for block in blocks {
        for attempt in block {
            let nonce = &mut nonces[usize::from(attempt.sender)];
            if node.submit(attempt.signed(*nonce)).is_ok() {
                *nonce += 1;
                accepted += 1;
            }
        }
        node.build_block().unwrap();
    }
    let sealed = node.seal_batch().unwrap()?;
    Some((node.batch_witness(sealed.number()).unwrap(), accepted))
}

proptest! {
    #![proptest_config(Config { cases: 10, max_shrink_iters: 40, failure_persistence: None, ..Config::default() })]

    // POSITIVE

    #[test]
    fn what_revm_executes_the_machine_executes(
        blocks in prop::collection::vec(prop::collection::vec(attempts(), 0..4), 1..4)
    ) {
        let directory = tempfile::tempdir().unwrap();
        let node = node(directory.path()).unwrap();
        let Some((witness, accepted)) = batch(&node, &blocks) else { return Ok(()) };
        let included: usize = witness
            .decode_payload()
            .unwrap()
            .blocks
            .iter()
            .map(|b| b.transactions.len())
            .sum();
        // A transaction that became invalid by one before it is dropped, never one more.
        prop_assert!(included <= accepted);
        let largest = *pipeline::SHAPES.end();
        let segments =
            plan::plan(&witness, largest).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let failures = pipeline::check(&segments).unwrap().failures;
        prop_assert!(failures.is_empty(), "{}", failures[0]);
        // The roots and the block hash of `revm`'s side are in the statement, so in the public values.
        prop_assert_eq!(segments[0].public, pipeline::public_values(&witness));
        // The sequencer's capacity check never promises too little.
        let bound = node.batch(1).unwrap().rows;
        prop_assert!(bound >= pipeline::rows(&segments) as u64);
    }

    // NEGATIVE

    #[test]
    fn another_outcome_than_revms_is_refused(
        block in prop::collection::vec(attempts(), 1..3),
        byte in 0usize..32,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let node = node(directory.path()).unwrap();
        let Some((witness, _)) = batch(&node, &[block]) else { return Ok(()) };
        let machine = MainMachine::get();
        let honest = pipeline::segment_input(&witness).unwrap();
        prop_assert!(machine.execute(&honest).is_ok());
        let mut root = honest.clone();
        root.to.as_mut().unwrap().state_root.0[byte] ^= 1;
        let mut tip = honest.clone();
        tip.to.as_mut().unwrap().tip_hash.0[byte] ^= 1;
        let mut number = honest.clone();
        number.to.as_mut().unwrap().block_number += 1;
        let mut time = honest;
        time.to.as_mut().unwrap().block_timestamp += 1;
        for wrong in [root, tip, number, time] {
            prop_assert!(machine.execute(&wrong).is_err());
        }
    }
}
