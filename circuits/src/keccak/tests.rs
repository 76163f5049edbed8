use super::{columns::Lane, tables::Mode, trace::Job, *};
use crate::{
    framework::{Cell, Machine, checker, mutate, pow2, table::Table, trace::Trace},
    io::groups_of,
    tables::{spread, spread64},
    testing::*,
};
use alloy_primitives::keccak256;
use ff::PrimeField;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, sync::Arc};

mod partial;

/// A machine of the chip, a kind that offers byte groups and a kind that wants digests.
struct Bench {
    machine: Arc<Machine>,
    start: KindId,
    chip: KeccakChip,
    source: (KindId, [Cell; 3]),
    sink: (KindId, [Cell; 7]),
}

fn bench() -> Bench {
    let (machine, start, (chip, source, sink)) = machine_with(|b, buses| {
        let chip = define(b, buses);
        let mut k = b.kind("test.source", 1);
        let source: [Cell; 3] = std::array::from_fn(|i| k.cell(&format!("v{i}"), 0));
        k.provide(buses.bytes, 0, source.map(|c| c.expr()).to_vec());
        let source = (k.finish(), source);
        let mut k = b.kind("test.sink", 1);
        let sink: [Cell; 7] = std::array::from_fn(|i| k.cell(&format!("v{i}"), 0));
        k.require(buses.keccak, 1, sink.map(|c| c.expr()).to_vec());
        (chip, source, (k.finish(), sink))
    });
    Bench {
        machine,
        start,
        chip,
        source,
        sink,
    }
}

fn half(bytes: &[u8]) -> Fr {
    bytes
        .iter()
        .fold(Fr::ZERO, |v, b| v * Fr::from(256) + Fr::from(u64::from(*b)))
}

/// A run, the fact that is demanded of it, and the byte groups that are on offer.
#[derive(Clone, Debug)]
struct Case {
    job: Job,
    length: u64,
    /// (stream, index, value)
    groups: Vec<(u64, u64, u64)>,
}

impl Case {
    /// The run over `bytes`, groups from `start` of `stream`; from the state `before`, to a state if `export`.
    fn new(
        (stream, start): (u64, u64),
        bytes: &[u8],
        before: Option<[u64; 25]>,
        export: bool,
    ) -> Self {
        let request = Request {
            stream,
            start,
            length: bytes.len() as u64,
            import: before.is_some(),
            export,
        };
        let run = Run::new(before.unwrap_or_default(), bytes, export).unwrap();
        let mut case = Self {
            job: Job::new(&request, &run),
            length: request.length,
            groups: vec![],
        };
        case.offer(stream, start, bytes);
        if let Some(lanes) = before {
            case.offer(stream + 2, 0, &state_bytes(&lanes));
        }
        if export {
            case.offer(stream + 3, 0, &state_bytes(&run.after));
        }
        case
    }
    fn offer(&mut self, stream: u64, start: u64, bytes: &[u8]) {
        let groups = (start..).zip(groups_of(bytes));
        self.groups.extend(groups.map(|(i, v)| (stream, i, v)));
    }
}

impl Bench {
    fn finish(&self, cases: &[Case]) -> Table {
        let mut trace = Trace::new(&self.machine);
        trace.push(self.start);
        for Case {
            job,
            length,
            groups,
        } in cases
        {
            let digest = self.chip.run(&mut trace, job);
            for (stream, index, value) in groups {
                trace
                    .push(self.source.0)
                    .set_all(&self.source.1, [*stream, *index, *value]);
            }
            let [import, export] = job.claim.map(u64::from);
            trace
                .push(self.sink.0)
                .set_all(
                    &self.sink.1[..5],
                    [job.stream, job.start, *length, import, export],
                )
                .set_all(
                    &self.sink.1[5..],
                    [half(&digest[..16]), half(&digest[16..])],
                );
        }
        trace.finish([Fr::ZERO; 2])
    }
    /// A table that hashes each message from a group of a stream and demands the digests.
    fn table(&self, messages: &[(u64, u64, Vec<u8>)]) -> Table {
        let cases: Vec<_> = messages
            .iter()
            .map(|(stream, start, bytes)| Case::new((*stream, *start), bytes, None, false))
            .collect();
        self.finish(&cases)
    }
    /// Rows of the chip.
    fn used(&self, table: &Table) -> usize {
        let rows = table.rows_by_chip(&self.machine);
        rows.iter().filter(|r| r.0 == "keccak").map(|r| r.1).sum()
    }
    /// The demanded digests.
    fn digests(&self, table: &Table) -> Vec<[Fr; 2]> {
        let [.., high, low] = self.sink.1;
        table
            .heads_of(self.sink.0)
            .into_iter()
            .map(|r| [table.cell(r, high), table.cell(r, low)])
            .collect()
    }
    fn two_blocks(&self) -> Table {
        self.table(&[(7, 3, text(150))])
    }
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 151 + i / 7 + 13) as u8).collect()
}

/// A logical row out of its table.
#[derive(Clone, Debug)]
struct Logical {
    kind: KindId,
    cells: BTreeMap<Cell, Fr>,
}

impl Logical {
    fn get(&self, c: Cell) -> Fr {
        self.cells[&c]
    }
    fn set(&mut self, c: Cell, v: impl Into<Fr>) {
        *self.cells.get_mut(&c).expect("a cell of the kind") = v.into();
    }
    fn add(&mut self, c: Cell, v: impl Into<Fr>) {
        self.set(c, self.get(c) + v.into());
    }
}

/// Takes a table apart, lets `f` forge the logical rows, and puts it together with all multiplicities right.
fn forge(b: &Bench, table: &Table, f: impl FnOnce(&mut Vec<Logical>)) -> Table {
    let mut rows: Vec<Logical> = (0..table.rows())
        .filter(|r| table.heads[*r] != 0)
        .map(|r| {
            let kind = KindId(usize::from(table.heads[r]) - 1);
            let cells = b.machine.kinds[kind.0].cells.iter();
            Logical {
                kind,
                cells: cells.map(|d| (d.cell, table.cell(r, d.cell))).collect(),
            }
        })
        .collect();
    f(&mut rows);
    let mut trace = Trace::new(&b.machine);
    for row in rows {
        let mut out = trace.push(row.kind);
        for (c, v) in row.cells {
            out.set(c, v);
        }
    }
    trace.finish(table.instance)
}

/// Index of the `n`th row of a kind.
fn nth(rows: &[Logical], kind: KindId, n: usize) -> usize {
    rows.iter()
        .enumerate()
        .filter(|(_, r)| r.kind == kind)
        .nth(n)
        .expect("enough rows")
        .0
}

/// Logical rows of a round: parity, and five times theta and chi.
const ROUND_ROWS: usize = 11;

// POSITIVE

#[test]
fn digests_agree_with_an_independent_implementation() {
    let b = bench();
    let mut lengths = vec![
        0, 1, 7, 8, 9, 127, 128, 129, 135, 136, 137, 143, 144, 271, 272, 300,
    ];
    let mut rng = StdRng::seed_from_u64(5);
    lengths.extend((0..6).map(|_| rng.gen_range(0..700)));
    for length in lengths {
        let mut bytes = vec![0; length];
        rng.fill(&mut bytes[..]);
        let (stream, start) = (rng.gen_range(0..1 << 26), rng.gen_range(0..1 << 39));
        let table = b.table(&[(stream, start, bytes.clone())]);
        let digest = keccak256(&bytes);
        assert_eq!(
            b.digests(&table),
            [[half(&digest[..16]), half(&digest[16..])]],
            "length {length}"
        );
        assert_holds(&b.machine, &table);
        assert_eq!(b.used(&table), rows(length, false, false));
    }
}

#[test]
fn several_messages_and_the_same_one_twice() {
    let b = bench();
    let table = b.table(&[
        (1, 0, text(40)),
        (1, 5, text(200)),
        (2, 0, text(40)),
        (2, 0, text(40)),
    ]);
    // The groups of the message that is hashed twice are offered twice; only one offer is taken.
    assert_holds(&b.machine, &table);
}

#[test]
fn the_order_of_rounds_in_the_table_does_not_matter() {
    let b = bench();
    let table = forge(&b, &b.two_blocks(), |rows| {
        let first = nth(rows, b.chip.parity, 0);
        rows[first..first + 48 * ROUND_ROWS].rotate_left(7 * ROUND_ROWS);
    });
    assert_holds(&b.machine, &table);
}

#[test]
fn every_message_of_every_kind_is_active() {
    let b = bench();
    let (state, block) = ([5; 25], text(RATE_BYTES));
    let report = assert_holds(
        &b.machine,
        &b.finish(&[
            Case::new((7, 3), &text(150), None, false),
            Case::new((0, 3), &block, Some(state), true),
        ]),
    );
    for (k, kind) in b.machine.kinds.iter().enumerate() {
        for (i, n) in report.messages[k].iter().enumerate() {
            assert!(*n > 0, "message {i} of {} is never active", kind.name);
        }
    }
}

#[test]
fn golden_costs() {
    let (bare, ..) = machine_with(|_, _| ());
    let (machine, _, chip) = machine_with(define);
    let kind = |k: KindId| &machine.kinds[k.0];
    let mut lines = vec![
        format!("rows of 0 bytes: {}", rows(0, false, false)),
        format!("rows of 136 bytes: {}", rows(136, false, false)),
        format!(
            "rows per further permutation: {}",
            rows(136, false, false) - rows(0, false, false)
        ),
        format!("rows of 136 bytes to a state: {}", rows(136, false, true)),
        format!(
            "rows of 136 bytes from state to state: {}",
            rows(136, true, true)
        ),
        format!("rows of 0 bytes from a state: {}", rows(0, true, false)),
        format!(
            "field operations: {}",
            operations(&machine) - operations(&bare)
        ),
        format!("kinds: {}", machine.kinds.len() - bare.kinds.len()),
        format!(
            "queries of advice columns: {}",
            machine.constraint_system().advice_queries().len()
                - bare.constraint_system().advice_queries().len()
        ),
        format!("entries of fixed tables: {}", machine.entries.len()),
    ];
    for k in [chip.message, chip.sponge, chip.parity, chip.theta, chip.chi] {
        let k = kind(k);
        lines.push(format!(
            "{}: {} rows, {} cells, {} look-ups, {} messages, {} constraints",
            k.name,
            k.rows,
            k.cells.len(),
            k.lookups.len(),
            k.messages.len(),
            k.constraints.len()
        ));
    }
    assert_golden("keccak", &lines);
}

#[test]
fn a_real_proof() {
    let b = bench();
    let table = b.table(&[(7, 3, text(20)), (9, 0, text(136))]);
    assert!(prove_and_verify(&b.machine, &table, 15));
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let b = bench();
    let outcome = mutate::mutate(&b.machine, &b.two_blocks(), 24);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert_eq!(outcome.tried, outcome.killed);
    assert!(outcome.free.is_empty());
    assert!(outcome.tried > 25_000, "{}", outcome.tried);
}

/// Panics unless the checker rejects the table and names a relation (after its kind) that contains `why`.
fn refused(b: &Bench, table: &Table, why: &str) {
    match checker::check(&b.machine, table, 200) {
        Ok(_) => panic!("accepted; expected a failure of {why}"),
        Err(failures) => {
            let names: Vec<_> = failures
                .iter()
                .map(|f| format!("{}: {}", f.kind, f.relation))
                .collect();
            assert!(
                names.iter().any(|n| n.contains(why)),
                "expected a failure of {why}, got {names:?}"
            );
        }
    }
}

#[test]
fn another_digest() {
    let b = bench();
    let table = forge(&b, &b.two_blocks(), |rows| {
        let (m, s) = (nth(rows, b.chip.message, 0), nth(rows, b.sink.0, 0));
        rows[m].add(b.chip.m.words[3][0], Fr::ONE);
        rows[s].add(b.sink.1[6], Fr::ONE);
    });
    refused(&b, &table, "bus keccak.sums");
}

/// A job whose padding or length is not what the bytes say, everything behind it recomputed.
fn misread(change: impl Fn(&mut Job)) -> (Bench, Table) {
    misread_of(&text(133), change)
}

fn misread_of(bytes: &[u8], change: impl Fn(&mut Job)) -> (Bench, Table) {
    let b = bench();
    let mut case = Case::new((7, 3), bytes, None, false);
    change(&mut case.job);
    case.length = case.job.length();
    let table = b.finish(&[case]);
    (b, table)
}

#[test]
fn honest_misreading_holds() {
    let (b, table) = misread(|_| ());
    assert_holds(&b.machine, &table);
}

#[test]
fn padding_of_another_hash_function() {
    let (b, table) = misread(|j| j.pad = j.last + 6 * j.weight);
    refused(&b, &table, "pad = last + weight");
}

#[test]
fn no_last_bit_of_padding() {
    let (b, table) = misread(|j| j.end = 0);
    refused(&b, &table, "keccak.sponge: word");
}

#[test]
fn no_first_bit_of_padding() {
    let (b, table) = misread(|j| j.pad = j.last);
    refused(&b, &table, "pad = last + weight");
}

#[test]
fn padding_in_the_wrong_byte() {
    let (b, table) = misread(|j| {
        j.weight >>= 8;
        j.pad = j.last + j.weight;
    });
    refused(&b, &table, "keccak padding");
}

#[test]
fn a_byte_behind_the_message() {
    let (b, table) = misread(|j| {
        j.last += 1;
        j.pad += 1;
    });
    refused(&b, &table, "last = 256 weight head");
    // A head that makes the product right is no small number.
    let table = forge(&b, &table, |rows| {
        let m = nth(rows, b.chip.message, 0);
        let weight = rows[m].get(b.chip.m.weight) * Fr::from(256);
        let head = rows[m].get(b.chip.m.last) * weight.invert().unwrap();
        for c in &b.chip.m.head {
            rows[m].set(*c, Fr::ZERO);
        }
        rows[m].set(b.chip.m.head[0], head);
    });
    refused(&b, &table, "head.0 in table");
}

#[test]
fn a_shorter_length_of_the_same_bytes() {
    // The last group's bytes are not zero behind the claimed length.
    let (b, table) = misread(|j| {
        j.rest -= 1;
        j.weight <<= 8;
        j.head >>= 8;
        j.pad = j.last + j.weight;
    });
    refused(&b, &table, "last = 256 weight head");
}

#[test]
fn a_group_of_eight_rest_bytes() {
    let (b, table) = misread_of(&text(16), |job| {
        job.head = job.whole.pop().unwrap();
        (job.last, job.rest) = (job.head, 8);
    });
    refused(&b, &table, "keccak padding");
}

#[test]
fn a_last_group_though_the_length_is_whole() {
    let (b, table) = misread_of(&text(16), |job| {
        job.last = 5;
        job.pad += 5;
    });
    refused(&b, &table, "(1 - some) last");
}

#[test]
fn other_bytes_than_the_stream_has() {
    let (b, table) = misread(|j| j.whole[4] ^= 1 << 40);
    refused(&b, &table, "bus bytes");
}

#[test]
fn a_group_left_out_or_taken_twice() {
    for groups_taken in [5, 7] {
        let (b, table) = misread_of(&text(48), |job| job.whole.resize(groups_taken, 9));
        let table = forge(&b, &table, |rows| {
            let m = nth(rows, b.chip.message, 0);
            rows[m].set(b.chip.m.whole[0], 6);
        });
        refused(&b, &table, "tail = start + whole");
    }
}

#[test]
fn limbs_out_of_range() {
    let b = bench();
    let m = &b.chip.m;
    for limbs in [
        &m.stream,
        &m.start,
        &m.whole,
        &m.blocks,
        &m.head,
        &m.words[0],
    ] {
        for i in 1..limbs.len() {
            let table = forge(&b, &b.table(&[(1 << 25, 1 << 38, text(150))]), |rows| {
                let m = nth(rows, b.chip.message, 0);
                rows[m].add(limbs[i - 1], 1 << 13);
                rows[m].add(limbs[i], -Fr::ONE);
            });
            refused(&b, &table, "in table range13");
        }
    }
}

#[test]
fn a_skipped_or_repeated_round() {
    let b = bench();
    // The rows of the rounds behind, as they are or with codes of other rounds.
    let later = |row: &mut Logical, by: Fr| match row.kind {
        k if k == b.chip.parity => row.add(b.chip.p.code, by),
        k if k == b.chip.theta => row.add(b.chip.t.code, by),
        _ => (),
    };
    let honest = b.table(&[(7, 3, text(20))]);
    for (tick, why) in [(0, "bus keccak.sums"), (TICK, "keccak steps")] {
        let skipped = forge(&b, &honest, |rows| {
            let at = nth(rows, b.chip.parity, 5);
            let end = nth(rows, b.chip.parity, 23) + ROUND_ROWS;
            for r in &mut rows[at..end] {
                later(r, -Fr::from(tick));
            }
            rows.drain(at..at + ROUND_ROWS);
        });
        refused(&b, &skipped, why);
        let repeated = forge(&b, &honest, |rows| {
            let at = nth(rows, b.chip.parity, 5);
            let end = nth(rows, b.chip.parity, 23) + ROUND_ROWS;
            let round = rows[at..at + ROUND_ROWS].to_vec();
            for r in &mut rows[at..end] {
                later(r, Fr::from(tick));
            }
            rows.splice(at..at, round);
        });
        refused(&b, &repeated, why);
    }
}

#[test]
fn a_round_or_a_block_missing() {
    let b = bench();
    for count in [1, 24, 48] {
        let table = forge(&b, &b.two_blocks(), |rows| {
            let at = nth(rows, b.chip.parity, 0);
            rows.drain(at..at + count * ROUND_ROWS);
        });
        refused(&b, &table, "bus keccak.lane");
    }
}

#[test]
fn truncated_and_beheaded_runs() {
    let b = bench();
    let honest = b.two_blocks();
    let sponge = b.chip.sponge;
    let table = forge(&b, &honest, |rows| _ = rows.remove(nth(rows, sponge, 50)));
    refused(&b, &table, "run");
    let table = forge(&b, &honest, |rows| {
        let at = nth(rows, sponge, 34);
        rows.drain(at..at + 17);
    });
    refused(&b, &table, "run");
    let table = forge(&b, &honest, |rows| {
        _ = rows.remove(nth(rows, b.chip.message, 0))
    });
    refused(&b, &table, "run");
    let table = forge(&b, &honest, |rows| _ = rows.remove(nth(rows, sponge, 0)));
    refused(&b, &table, "code");
    let table = forge(&b, &honest, |rows| {
        _ = rows.remove(nth(rows, b.chip.chi, 60))
    });
    refused(&b, &table, "run");
    let table = forge(&b, &honest, |rows| {
        _ = rows.remove(nth(rows, b.chip.theta, 60))
    });
    refused(&b, &table, "run");
}

#[test]
fn the_last_step_before_the_padding() {
    let b = bench();
    let (s, c) = (&b.chip.s, &b.chip.s.carry);
    let table = forge(&b, &b.two_blocks(), |rows| {
        // The second step of three becomes the last.
        for i in 17..34 {
            let at = nth(rows, b.chip.sponge, i);
            rows[at].add(c.code, Mode::Last.code() - Mode::Between.code());
            rows[at].set(s.send, 0);
            rows[at].set(s.capacity_send, 0);
            rows[at].set(s.squeeze, u64::from(i < 21));
        }
        let at = nth(rows, b.chip.sponge, 34);
        rows.drain(at..at + 17);
    });
    refused(&b, &table, "code");
}

#[test]
fn spliced_runs() {
    let b = bench();
    let honest = b.table(&[(1, 0, text(150)), (2, 0, text(151))]);
    let table = forge(&b, &honest, |rows| {
        // The runs swap their steps from the second on.
        for i in 17..51 {
            let (p, q) = (
                nth(rows, b.chip.sponge, i),
                nth(rows, b.chip.sponge, 51 + i),
            );
            rows.swap(p, q);
        }
    });
    refused(&b, &table, "address");
    let table = forge(&b, &honest, |rows| {
        let (p, q) = (nth(rows, b.chip.message, 0), nth(rows, b.chip.message, 1));
        rows.swap(p, q);
    });
    refused(&b, &table, "address");
}

#[test]
fn lanes_of_two_messages_swapped() {
    let b = bench();
    let honest = b.table(&[(1, 0, text(20)), (2, 0, text(21))]);
    // All that one plane's rows hold but what their addresses begin from, exchanged between the messages.
    let table = forge(&b, &honest, |rows| {
        let base = b.chip.t.base;
        for i in 0..2 {
            let (p, q) = (
                nth(rows, b.chip.theta, 37) + i,
                nth(rows, b.chip.theta, 157) + i,
            );
            rows.swap(p, q);
            if i == 0 {
                let bases = [rows[p].get(base), rows[q].get(base)];
                rows[p].set(base, bases[1]);
                rows[q].set(base, bases[0]);
            }
        }
    });
    refused(&b, &table, "bus keccak.lane");
    // Chi's row under the other message's theta row.
    let table = forge(&b, &honest, |rows| {
        let (p, q) = (nth(rows, b.chip.chi, 37), nth(rows, b.chip.chi, 157));
        rows.swap(p, q);
    });
    refused(&b, &table, "after rho");
}

#[test]
fn state_changed_between_blocks() {
    let b = bench();
    let s = &b.chip.s;
    // A capacity lane, then a rate lane together with what it had in common with the word.
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.sponge, 20);
        rows[at].add(s.capacity, Fr::ONE);
    });
    refused(&b, &table, "bus keccak.lane");
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.sponge, 20);
        let c = s.both.0[2];
        let v = if rows[at].get(c) == Fr::ZERO {
            Fr::ONE
        } else {
            Fr::ZERO
        };
        rows[at].set(c, v);
    });
    refused(&b, &table, "bus keccak.lane");
}

#[test]
fn a_state_that_is_not_zero_at_the_start() {
    let b = bench();
    let s = &b.chip.s;
    for (cell, why) in [
        (s.capacity, "capacity is zero"),
        (s.both.0[1], "the lane is zero"),
    ] {
        let table = forge(&b, &b.two_blocks(), |rows| {
            let at = nth(rows, b.chip.sponge, 3);
            rows[at].add(cell, Fr::ONE);
        });
        refused(&b, &table, why);
    }
}

#[test]
fn padding_twice_or_data_after_it() {
    let b = bench();
    let c = b.chip.s.carry;
    let table = forge(&b, &b.table(&[(7, 3, text(20))]), |rows| {
        let at = nth(rows, b.chip.sponge, 4);
        rows[at].set(c.padded, 0);
    });
    refused(&b, &table, "padded stays");
    let table = forge(&b, &b.table(&[(7, 3, text(20))]), |rows| {
        let at = nth(rows, b.chip.sponge, 0);
        rows[at].set(c.padded, 1);
        for i in 0..17 {
            let at = nth(rows, b.chip.sponge, i);
            rows[at].set(c.next, 3);
        }
    });
    refused(&b, &table, "all whole groups");
}

#[test]
fn bits_of_a_byte_that_are_not_its_own() {
    let b = bench();
    let spread = &b.chip.s.spread;
    // The byte's bits and the lane agree, the byte itself is another one.
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.sponge, 0);
        let bits = rows[at].get(spread[3]);
        let other = if bits == Fr::ONE { Fr::ZERO } else { Fr::ONE };
        rows[at].set(spread[3], other);
    });
    refused(&b, &table, "bus bytes");
}

#[test]
fn a_rotation_cut_elsewhere() {
    let b = bench();
    let (t, c) = (&b.chip.t, &b.chip.c);
    let step = digit(51) - digit(13).invert().unwrap();
    for j in 0..5 {
        // One more digit in the low part; the rotated lane follows, and is no integer any more.
        let table = forge(&b, &b.two_blocks(), |rows| {
            let at = nth(rows, b.chip.theta, 41);
            let cut = rows[at].get(t.cut[j]);
            let (v, by) = match cut {
                v if v == Fr::ZERO => (Fr::ONE, step),
                v => (Fr::ZERO, -step * v),
            };
            rows[at].set(t.cut[j], v);
            rows[at + 1].add(c.before[j], by);
        });
        refused(&b, &table, "chi");
    }
}

#[test]
fn chunks_with_too_many_digits() {
    let b = bench();
    let put = |rows: &mut Vec<Logical>, at: usize, lane: &Lane| rows[at].add(lane.0[4], digit(13));
    let (p, t, c, s) = (&b.chip.p, &b.chip.t, &b.chip.c, &b.chip.s);
    for (kind, lane) in [
        (b.chip.parity, p.low[2]),
        (b.chip.parity, p.middle[2]),
        (b.chip.theta, t.even[1]),
        (b.chip.theta, t.odd[1]),
        (b.chip.theta, t.high),
        (b.chip.chi, c.after[3]),
        (b.chip.sponge, s.after),
        (b.chip.sponge, s.both),
    ] {
        let table = forge(&b, &b.two_blocks(), |rows| {
            let at = nth(rows, kind, 11);
            put(rows, at, &lane);
        });
        refused(&b, &table, "in table sparse13");
    }
}

#[test]
fn the_top_digit_of_a_parity_left_in_its_chunk() {
    let b = bench();
    let p = &b.chip.p;
    let mut tried = 0;
    for x in 0..5 {
        let table = forge(&b, &b.two_blocks(), |rows| {
            for n in 0..48 {
                let at = nth(rows, b.chip.parity, n);
                if rows[at].get(p.top[x]) == Fr::ONE {
                    rows[at].set(p.top[x], 0);
                    rows[at].add(p.low[x].0[4], digit(11));
                    rows[at].add(p.short[x], digit(13));
                    tried += 1;
                    return;
                }
            }
        });
        refused(&b, &table, "short");
    }
    assert_eq!(tried, 5);
}

#[test]
fn sums_taken_apart_another_way() {
    let b = bench();
    let (t, c) = (&b.chip.t, &b.chip.c);
    // Chi: a sum of 2 left as it is, instead of an output bit.
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.chi, 9);
        let bits = rows[at].get(c.after[0].0[0]).to_repr();
        let place = (0..8).find(|i| bits.as_ref()[3 * i / 8] >> (3 * i % 8) & 1 == 1);
        let weight = digit(place.expect("a set bit") as u32);
        rows[at].add(c.after[0].0[0], -weight);
        rows[at].add(c.rest[0][0], weight.double());
    });
    refused(&b, &table, "in table digits014");
    // Theta: a digit 2 left in the even part.
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.theta, 9);
        rows[at].add(t.even[1].0[0], Fr::from(2));
        rows[at].add(t.odd[1].0[0], -Fr::ONE);
    });
    refused(&b, &table, "in table sparse13");
}

#[test]
fn another_round_constant() {
    let b = bench();
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.chi, 5);
        rows[at].set(b.chip.c.constant, spread64(ROUND_CONSTANTS[2]));
    });
    refused(&b, &table, "keccak steps");
    // On a plane that takes none.
    let table = forge(&b, &b.two_blocks(), |rows| {
        let at = nth(rows, b.chip.chi, 6);
        rows[at].set(b.chip.c.constant, Fr::ONE);
    });
    refused(&b, &table, "keccak steps");
}

#[test]
fn a_digest_token_taken_for_column_sums() {
    let b = bench();
    // A permutation below the last step, over lanes that nobody sends.
    let table = forge(&b, &b.table(&[(7, 3, text(20))]), |rows| {
        let at = nth(rows, b.chip.parity, 0);
        let mut more = rows[at..at + 24 * ROUND_ROWS].to_vec();
        for r in &mut more {
            if r.kind == b.chip.parity {
                r.add(b.chip.p.base, Fr::from(BLOCK_TIME));
            } else if r.kind == b.chip.theta {
                r.add(b.chip.t.base, Fr::from(BLOCK_TIME));
            }
        }
        rows.extend(more);
    });
    refused(&b, &table, "bus keccak.lane");
}
