//! The harness on tests of its own: each part, and that the comparison can fail.

use super::*;
use alloy_primitives::{Address, B256, U256, address, b256};
use build::Reason;
use compare::{Outcome, compare};
use parse::Quantity;
use serde_json::{Value, json};

const KEY: B256 = b256!("45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8");
const SENDER: Address = address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
const TO: Address = address!("1000000000000000000000000000000000001234");

/// What makes a test another one.
type Change<'a> = &'a dyn Fn(&mut Value);
/// What makes an outcome another one, and what must be said then.
type Alteration = (&'static str, fn(&mut Outcome));

/// A file with one transfer of 5 wei; `change` makes it another test.
fn file(change: impl FnOnce(&mut Value)) -> String {
    let mut test = json!({
        "env": {
            "currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba",
            "currentGasLimit": "0x5f5e100",
            "currentNumber": "0x01",
            "currentTimestamp": "0x03e8",
            "currentRandom": "0x020000",
            "currentBaseFee": "0x0a",
        },
        "pre": {
            SENDER.to_string(): { "balance": "0x0de0b6b3a7640000", "code": "0x", "nonce": "0x00", "storage": {} },
            TO.to_string(): { "balance": "0x07", "code": "0x", "nonce": "0x00", "storage": {} },
        },
        "transaction": {
            "nonce": "0x00",
            "gasPrice": "0x0b",
            "gasLimit": ["0x061a80", "0x05f5e100"],
            "to": TO.to_string(),
            "value": ["0x05"],
            "data": ["0x", "0x0001"],
            "sender": SENDER.to_string(),
            "secretKey": KEY.to_string(),
        },
        "post": { "Cancun": [{
            "hash": B256::ZERO, "logs": B256::ZERO, "indexes": { "data": 0, "gas": 0, "value": 0 }
        }] },
    });
    change(&mut test);
    json!({ "one": test }).to_string()
}

fn parsed(change: impl FnOnce(&mut Value)) -> Test {
    parse::parse(&file(change)).unwrap().remove(0)
}

fn result(change: impl FnOnce(&mut Value)) -> CaseResult {
    let test = parsed(change);
    let (case, name) = (&test.cases[0], "one".to_owned());
    match World::new(&test) {
        Ok(world) => run_case(&world, &test, case, name, true, &Gate::default()),
        Err(reason) => CaseResult::new(name, Verdict::NotProvable(reason)),
    }
}

/// Both sides of a transfer.
fn both() -> (oracle::Executed, Outcome) {
    let test = parsed(|_| {});
    let world = World::new(&test).unwrap();
    let built = Built::new(&world, &test.transaction, &test.cases[0]).unwrap();
    let oracle::Verdict::Executed(revm) = oracle::run(&world, &built).unwrap() else {
        panic!("revm refuses a transfer");
    };
    let input = machine::segment(&world, &built, Some(&revm));
    let machine::Verdict::Executed { mut outcome, .. } = machine::run(&world, &built, &input)
    else {
        panic!("the machine refuses a transfer");
    };
    machine::look_inside(&built, &input, &mut outcome);
    (*revm, *outcome)
}

fn code(account: Address, test: &mut Value) {
    // CALL, which has no microcode yet.
    test["pre"][account.to_string()]["code"] = json!("0x5f5f5f5f5f5f5ff1");
}

// POSITIVE

#[test]
fn numbers_are_hex_or_decimal() {
    let of = |text: &str| text.parse::<Quantity>();
    for (text, value) in [
        ("0x", 0),
        ("0x00", 0),
        ("0x0a", 10),
        ("16", 16),
        ("0x:bigint 0x11", 17),
    ] {
        assert_eq!(of(text), Ok(Quantity(Some(U256::from(value)))), "{text}");
    }
    assert_eq!(of(&format!("0x1{}", "0".repeat(64))), Ok(Quantity(None)));
    assert_eq!(
        of(&format!("0x00{}", "f".repeat(64))),
        Ok(Quantity(Some(U256::MAX)))
    );
    assert!(of("0xg").is_err() && of("ten").is_err() && of("-1").is_err());
}

#[test]
fn the_best_fork_of_each_case_is_taken() {
    let test = parsed(|t| {
        let post = |data: u64, byte: u8| {
            json!({
                "hash": B256::repeat_byte(byte), "logs": B256::ZERO, "indexes": { "data": data, "gas": 1, "value": 0 }
            })
        };
        t["post"] = json!({
            "Berlin": [post(0, 1), post(1, 2)], "Prague": [post(1, 3)], "Osaka": [], "Amsterdam": [post(0, 4)]
        });
    });
    let cases: Vec<_> = test
        .cases
        .iter()
        .map(|c| (c.name("f.json", "one"), c.fork.as_str(), c.state_root))
        .collect();
    assert_eq!(
        cases,
        [
            ("f.json::one::0/1/0".into(), "Berlin", B256::repeat_byte(1)),
            ("f.json::one::1/1/0".into(), "Prague", B256::repeat_byte(3)),
        ]
    );
}

#[test]
fn a_transfer_agrees_and_its_table_holds() {
    let result = result(|_| {});
    assert_eq!(result.verdict, Verdict::Agreed);
    assert!(result.checked && result.rows > 0);
    // The test's hashes are invented.
    assert_eq!(result.official, Some(false));
}

#[test]
fn every_type_agrees() {
    let items = json!([{ "address": TO, "storageKeys": ["0x01", B256::ZERO] }]);
    let list = json!([items]);
    let kinds: [fn(&mut Value, Value); 3] = [
        |t, _| t["transaction"]["accessLists"] = json!([null]),
        |t, list| t["transaction"]["accessLists"] = list,
        |t, list| {
            let transaction = &mut t["transaction"];
            transaction["accessLists"] = list;
            transaction["maxFeePerGas"] = json!("0x64");
            transaction["maxPriorityFeePerGas"] = json!("0x02");
        },
    ];
    for kind in kinds {
        let result = result(|t| kind(t, list.clone()));
        assert_eq!(result.verdict, Verdict::Agreed);
    }
}

#[test]
fn the_official_hashes_are_computed() {
    let (revm, _) = both();
    let test = parsed(|_| {});
    let mut world = World::new(&test).unwrap();
    let mut case = test.cases[0].clone();
    let root = |world: &World, touched| revm.outcome.state.official_root(world, touched);
    case.state_root = root(&world, &revm.touched);
    // keccak of the empty list's RLP.
    case.logs_hash = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
    let official = |world: &World, case: &Case| {
        let state = &revm.outcome.state;
        compare::official(world, case, state, &revm.touched, &revm.logs, 21_000)
    };
    assert!(official(&world, &case));
    // The history contract counts if the test has it, an empty account until it is touched.
    world.history_added = false;
    assert!(!official(&world, &case));
    world.history_added = true;
    world.empty_accounts.insert(Address::repeat_byte(9));
    assert!(!official(&world, &case));
    let touched = BTreeSet::from([Address::repeat_byte(9)]);
    assert_eq!(root(&world, &touched), case.state_root);
}

#[test]
fn a_gas_limit_above_the_cap_is_lowered() {
    let high = |t: &mut Value| t["post"]["Cancun"][0]["indexes"]["gas"] = json!(1);
    let test = parsed(high);
    let world = World::new(&test).unwrap();
    let built = Built::new(&world, &test.transaction, &test.cases[0]).unwrap();
    assert!(built.gas_limit_lowered);
    assert_eq!(built.signed().unwrap().transaction.gas_limit, 1 << 24);
    let result = result(high);
    assert_eq!(result.verdict, Verdict::Agreed);
    assert!(result.gas_limit_lowered);
    let mut report = Report::default();
    report.add(&result);
    assert_eq!((report.cases, report.gas_limit_lowered), (1, 1));
    // Exactly 2^24 stays.
    let exact = self::result(|t| t["transaction"]["gasLimit"][0] = json!("0x1000000"));
    assert!(!exact.gas_limit_lowered);
}

#[test]
fn a_block_gas_limit_above_the_cap_is_lowered() {
    let high = |t: &mut Value| t["env"]["currentGasLimit"] = json!("0x7fffffffffffffff");
    let world = World::new(&parsed(high)).unwrap();
    assert!(world.gas_limit_capped);
    assert_eq!(world.block.gas_limit, (1 << 62) - 1);
    assert_eq!(result(high).verdict, Verdict::Agreed);
}

#[test]
fn block_hashes_are_those_of_state_tests() {
    let test = parsed(|t| t["env"]["currentNumber"] = json!("0x12c"));
    let world = World::new(&test).unwrap();
    let word = |number: u64| {
        let slot = protocol::history::history_slot(number);
        let key = (protocol::history::HISTORY_ADDRESS, slot);
        world.state.storage.get(&key).copied().unwrap_or_default()
    };
    assert_eq!(B256::from(word(44)), keccak256("44"));
    assert_eq!(B256::from(word(298)), keccak256("298"));
    assert!(word(43).is_zero() && word(299).is_zero());
}

#[test]
fn block_hashes_agree_near_genesis_and_far_from_it() {
    // The hashes of the 3 blocks before, of this one, and of those 256, 257 and 258 before: of each one the low bit decides over a GAS.
    let mut code = String::from("0x");
    for back in [1u16, 2, 3, 0, 256, 257, 258] {
        let to = code.len() / 2 - 1 + 15;
        code += &format!("61{back:04x}43034060011661{to:04x}575a505b");
    }
    for number in [1u64, 2, 3, 256, 257, 258, 8191, 8192, 9000] {
        let result = result(|t| {
            t["env"]["currentNumber"] = json!(format!("{number:#x}"));
            t["pre"][TO.to_string()]["code"] = json!(code.clone());
        });
        assert_eq!(result.verdict, Verdict::Agreed, "{number}");
    }
}

#[test]
fn an_absent_account_that_the_gas_does_not_cover_is_in_the_input() {
    // PUSH1, BALANCE: `revm` as it comes would not load the account.
    let run = |gas: u64| {
        result(|t| {
            t["transaction"]["gasLimit"][0] = json!(format!("{gas:#x}"));
            t["pre"][TO.to_string()]["code"] = json!("0x60aa31");
        })
    };
    for gas in [21_103, 21_000 + 2_602, 21_000 + 2_603] {
        assert_eq!(run(gas).verdict, Verdict::Agreed, "{gas}");
    }
}

#[test]
fn what_both_refuse_is_agreed() {
    let changes: [fn(&mut Value); 6] = [
        |t| t["transaction"]["nonce"] = json!("0x01"),
        |t| t["transaction"]["gasPrice"] = json!("0x09"),
        |t| t["transaction"]["gasLimit"][0] = json!("0x5207"),
        |t| t["transaction"]["value"][0] = json!("0x0de0b6b3a7640000"),
        |t| t["env"]["currentGasLimit"] = json!("0x061a7f"),
        |t| code(SENDER, t),
    ];
    for change in changes {
        let result = result(change);
        assert_eq!(result.verdict, Verdict::Agreed);
        assert!(!result.checked && result.rows == 0);
    }
}

#[test]
fn what_cannot_be_proven_has_its_reason() {
    let storage = json!({ "0x01": "0x02" });
    let cases: [(Reason, Change<'_>); 15] = [
        (Reason::Opcode("CALL"), &|t| code(TO, t)),
        (Reason::ContractCreation, &|t| {
            t["transaction"]["to"] = json!("");
        }),
        (Reason::ContractCreation, &|t| {
            t["transaction"]["to"] = Value::Null;
            t["transaction"]["accessLists"] = json!([[]]);
        }),
        (Reason::PrecompileCall, &|t| {
            t["transaction"]["to"] = json!("0x0000000000000000000000000000000000000011");
        }),
        (Reason::PrecompileCall, &|t| {
            t["transaction"]["to"] = json!("0x0000000000000000000000000000000000000100");
        }),
        (Reason::DelegatedSender, &|t| {
            let code = format!("0xef0100{}", "11".repeat(20));
            t["pre"][SENDER.to_string()]["code"] = json!(code);
        }),
        (Reason::BlobTransaction, &|t| {
            t["transaction"]["blobVersionedHashes"] = json!([]);
        }),
        (Reason::SetCodeTransaction, &|t| {
            t["transaction"]["authorizationList"] = json!([{}]);
        }),
        (Reason::MissingKey, &|t| {
            t["transaction"]["secretKey"] = Value::Null;
        }),
        (Reason::OtherKey, &|t| {
            t["transaction"]["sender"] = json!(TO);
        }),
        (Reason::FieldRange, &|t| {
            t["transaction"]["gasPrice"] = json!(format!("0x1{}", "0".repeat(32)));
        }),
        (Reason::Storage, &|t| {
            t["pre"][TO.to_string()]["storage"] = storage.clone();
        }),
        (Reason::HistoryContract, &|t| {
            let address = protocol::history::HISTORY_ADDRESS.to_string();
            t["pre"][address] = json!({ "balance": "0x01" });
        }),
        (Reason::BlockNumber, &|t| {
            t["env"]["currentNumber"] = json!("0x00");
        }),
        (Reason::PayloadBytes, &|t| {
            t["transaction"]["data"][0] = json!(format!("0x{}", "00".repeat(120_000)));
        }),
    ];
    for (reason, change) in cases {
        assert_eq!(
            result(change).verdict,
            Verdict::NotProvable(reason),
            "{reason}"
        );
    }
}

#[test]
fn a_tenth_is_fixed_and_about_a_tenth() {
    let names: Vec<_> = (0..2000).map(|n| format!("a/b.json::t::{n}/0/0")).collect();
    let chosen = names.iter().filter(|n| Check::Tenth.includes(n)).count();
    assert!((150..250).contains(&chosen), "{chosen}");
    for name in &names {
        let moved = name.replace("a/b", "c/d/b");
        assert_eq!(Check::Tenth.includes(name), Check::Tenth.includes(&moved));
        assert!(Check::All.includes(name) && !Check::None.includes(name));
    }
}

// NEGATIVE

#[test]
fn a_difference_in_the_state_is_seen() {
    let (revm, machine) = both();
    assert_eq!(compare(&revm.outcome, &machine), []);
    let changes: [Alteration; 9] = [
        ("balance", |o| {
            o.state.accounts.get_mut(&TO).unwrap().balance += U256::from(1);
        }),
        ("nonce", |o| {
            o.state.accounts.get_mut(&SENDER).unwrap().nonce += 1;
        }),
        ("code hash", |o| {
            o.state.accounts.get_mut(&TO).unwrap().code.keccak = B256::repeat_byte(1);
        }),
        ("code record", |o| {
            o.state.accounts.get_mut(&TO).unwrap().code.size += 1;
        }),
        ("balance", |o| {
            o.state.accounts.remove(&TO);
        }),
        ("slot", |o| {
            o.state.storage.insert((TO, U256::from(3)), U256::from(4));
        }),
        ("slot", |o| o.state.storage.clear()),
        ("gas used", |o| o.gas_used = o.gas_used.map(|gas| gas + 1)),
        ("receipts hash", |o| o.receipts_hash = Some(B256::ZERO)),
    ];
    for (what, change) in changes {
        for on_machine in [false, true] {
            let (mut r, mut m) = (revm.outcome.clone(), machine.clone());
            change(if on_machine { &mut m } else { &mut r });
            let found = compare(&r, &m);
            assert!(
                found.iter().any(|d| d.what.contains(what)),
                "{what}: {found:?}"
            );
        }
    }
}

#[test]
fn a_difference_in_what_is_committed_is_seen() {
    let (revm, machine) = both();
    let changes: [Alteration; 4] = [
        ("state root", |o| o.end.state_root.0[31] ^= 1),
        ("block hash", |o| o.end.tip_hash.0[0] ^= 1),
        ("boundary state", |o| o.end.payload_sponge.0[0] ^= 1),
        ("boundary state", |o| o.end.block_timestamp += 1),
    ];
    for (what, change) in changes {
        let mut altered = machine.clone();
        change(&mut altered);
        let found = compare(&revm.outcome, &altered);
        assert!(found.iter().any(|d| d.what == what), "{what}: {found:?}");
    }
}

#[test]
fn an_execution_in_another_world_is_a_disagreement() {
    let test = parsed(|_| {});
    let other = parsed(|t| t["pre"][TO.to_string()]["balance"] = json!("0x08"));
    let (world, other) = (World::new(&test).unwrap(), World::new(&other).unwrap());
    let built = Built::new(&world, &test.transaction, &test.cases[0]).unwrap();
    let oracle::Verdict::Executed(revm) = oracle::run(&world, &built).unwrap() else {
        panic!("revm refuses a transfer");
    };
    let mut result = CaseResult::new("one".into(), Verdict::Agreed);
    let verdict = executed(&other, &built, &revm, &mut result, true, &Gate::default());
    let Verdict::Disagreed(what) = verdict else {
        panic!("{verdict:?}");
    };
    for part in ["balance of", "revm 12, machine 13", "state root"] {
        assert!(what.contains(part), "{part} is not in {what}");
    }
    // What one side refuses and the other executes.
    let verdict = refused(&world, &built, "because");
    assert!(matches!(verdict, Verdict::Disagreed(_)), "{verdict:?}");
}

#[test]
fn a_table_that_is_not_the_statements_is_rejected() {
    let test = parsed(|_| {});
    let world = World::new(&test).unwrap();
    let built = Built::new(&world, &test.transaction, &test.cases[0]).unwrap();
    let oracle::Verdict::Executed(revm) = oracle::run(&world, &built).unwrap() else {
        panic!("revm refuses a transfer");
    };
    let input = machine::segment(&world, &built, Some(&revm));
    assert_eq!(machine::check(&input, &revm), Ok(()));
    let mut altered = revm.clone();
    altered.statement.batch_number += 1;
    assert!(machine::check(&input, &altered).is_err());
    let mut altered = revm;
    altered.statement.state_root.0[31] ^= 1;
    assert!(machine::check(&input, &altered).is_err());
}

#[test]
fn an_unofficial_outcome_counts_for_the_machines_own_fork() {
    let osaka = |t: &mut Value| {
        let post = t["post"]["Cancun"].clone();
        t["post"]["Osaka"] = post;
    };
    let result = result(osaka);
    assert!(matches!(result.verdict, Verdict::NotOfficial(_)));
    let mut report = Report::default();
    report.add(&result);
    assert_eq!((report.agreed, report.official_hash_missed), (1, 1));
    assert!(!report.holds());
}

#[test]
fn what_is_no_state_test_is_named() {
    let of = |text: &str| parse::parse(text).unwrap_err().to_string();
    for text in ["", "[]", "{\"a\": 1}", "{\"a\": {\"env\": {}}}"] {
        assert!(of(text).contains("no file of state tests"), "{text}");
    }
    let text = file(|t| t["post"] = json!({ "Amsterdam": [] }));
    assert!(of(&text).contains("Osaka or an earlier fork"));
    let text = file(|t| t["post"]["Cancun"][0]["indexes"]["data"] = json!(2));
    assert!(of(&text).contains("2/0/0"));
    let text = file(|t| t["env"]["currentNumber"] = json!("0x10000000000000000"));
    assert!(of(&text).contains("block number"));
}

#[test]
fn bad_files_and_panics_are_failures_by_name() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bad.json"), "{").unwrap();
    fs::write(directory.path().join("good.json"), file(|_| {})).unwrap();
    fs::write(directory.path().join("notes.txt"), "no test").unwrap();
    let paths = [directory.path().to_owned()];
    let found = files(&paths).unwrap();
    assert_eq!(found.len(), 2);
    let options = Options {
        check: Check::None,
        ..Options::default()
    };
    let report = run(&found, &options, &|_| {}, &|_| {});
    assert_eq!((report.files, report.unreadable), (2, 1));
    assert_eq!((report.cases, report.agreed), (1, 1));
    assert_eq!(report.failing[0].name, "bad.json");
    assert!(!report.holds());

    assert_eq!(guarded(|| panic!("boom")), Err::<(), _>("boom".into()));
    let mut report = Report::default();
    report.add(&CaseResult::new(
        "x".into(),
        Verdict::Panicked("boom".into()),
    ));
    assert_eq!((report.panicked, report.failing.len()), (1, 1));
    assert_eq!(report.json()["failing"][0]["name"], "x");

    assert!(files(&[directory.path().join("absent")]).is_err());
    let empty = tempfile::tempdir().unwrap();
    assert!(files(&[empty.path().to_owned()]).is_err());
}

#[test]
fn the_gate_bounds_what_is_filled_at_once() {
    let gate = Gate::default();
    // One table may have more rows than the bound.
    drop(gate.enter(2 * ROWS_AT_ONCE));
    let most = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let _pass = gate.enter(ROWS_AT_ONCE / 3);
                    let held = *gate.rows.lock().unwrap();
                    most.fetch_max(held, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(most.into_inner() <= ROWS_AT_ONCE);
    assert_eq!(*gate.rows.lock().unwrap(), 0);
}
