//! Runs that begin from a given state, or end in one.

use super::*;
use rand::seq::SliceRandom;

/// Some state.
fn state() -> [u64; 25] {
    let mut lanes = [0; 25];
    absorb(&mut lanes, &text(RATE_BYTES));
    lanes
}

/// From state to state over two blocks.
fn through() -> Case {
    Case::new((0, 34), &text(2 * RATE_BYTES), Some(state()), true)
}

/// Index of the first sponge row of a mode, among rows of one run.
fn first_of(b: &Bench, rows: &[Logical], mode: Mode) -> usize {
    let code = Fr::from(mode.code());
    rows.iter()
        .position(|r| r.kind == b.chip.sponge && r.get(b.chip.s.carry.code) == code)
        .expect("the run has such rows")
}

/// Overwrites the lane of a sponge row with another word, what the lane holds, and what that makes of it.
fn put_word(row: &mut Logical, cells: &columns::SpongeCells, lane: u64, word: u64) {
    let bits = word.swap_bytes();
    let chunks = |row: &mut Logical, to: &Lane, v: u64| {
        for (i, c) in to.0.iter().enumerate() {
            row.set(*c, spread(v >> (13 * i) & 0x1fff));
        }
    };
    chunks(row, &cells.after, lane ^ bits);
    chunks(row, &cells.both, lane & bits);
    for (i, byte) in word.to_be_bytes().into_iter().enumerate() {
        let bits = spread(u64::from(byte));
        row.set(cells.spread[i], bits);
        row.set(
            cells.joint[i],
            Fr::from(u64::from(byte)) + pow2(JOINT_BITS) * bits,
        );
    }
}

// POSITIVE

#[test]
fn the_permutation_is_keccak_f() {
    // Lanes of Keccak-f[1600] of the zero state, from the reference implementation's test vectors.
    let mut lanes = [0; 25];
    absorb(&mut lanes, &[0; RATE_BYTES]);
    assert_eq!(
        [lanes[0], lanes[1], lanes[2], lanes[12], lanes[24]],
        [
            0xf125_8f79_40e1_dde7,
            0x84d5_ccf9_33c0_478a,
            0xd598_261e_a65a_a9ee,
            0x81a5_7c16_dbcf_555f,
            0xeaf1_ff7b_5cec_a249,
        ]
    );
}

#[test]
fn a_message_in_parts_has_the_digest_of_the_whole() {
    let bytes = text(700);
    for length in [0, 1, 135, 136, 137, 272, 700] {
        let bytes = &bytes[..length];
        for cut in 0..=length / RATE_BYTES {
            let (first, rest) = bytes.split_at(cut * RATE_BYTES);
            let mut state = [0; 25];
            absorb(&mut state, first);
            if cut > 0 {
                let part = Run::new([0; 25], first, true).unwrap();
                assert_eq!((part.after, part.digest), (state, Default::default()));
            }
            assert_eq!(lanes(&state_bytes(&state)), state);
            let last = Run::new(state, rest, false).unwrap();
            assert_eq!(last.digest, keccak256(bytes), "{length} bytes, cut {cut}");
        }
    }
    for length in [0, 1, 135, 137, 140] {
        assert!(Run::new([0; 25], &bytes[..length], true).is_err());
    }
}

#[test]
fn parts_of_a_message_hold_and_give_its_digest() {
    let b = bench();
    let mut rng = StdRng::seed_from_u64(6);
    let mut lengths = vec![136, 137, 271, 272, 273, 408];
    lengths.shuffle(&mut rng);
    for (n, length) in lengths.into_iter().enumerate() {
        let mut bytes = vec![0; length];
        rng.fill(&mut bytes[..]);
        for cut in 1..=length / RATE_BYTES {
            // The first part, perhaps in two, then the rest.
            let (first, rest) = bytes.split_at(cut * RATE_BYTES);
            let (head, middle) = first.split_at((cut / 2) * RATE_BYTES);
            let (mut before, mut cases) = (None, vec![]);
            let mut at = rng.gen_range(0..1 << 38);
            let mut run = |part: &[u8], export| {
                let stream = 8 * cases.len() as u64 + if n == 0 { 0 } else { (1 << 26) - 40 };
                cases.push(Case::new((stream, at), part, before, export));
                at += part.len() as u64 / 8;
                let after = Run::new(before.unwrap_or_default(), part, export).unwrap();
                before = Some(after.after);
            };
            if !head.is_empty() {
                run(head, true);
            }
            run(middle, true);
            run(rest, false);
            let table = b.finish(&cases);
            assert_holds(&b.machine, &table);
            let digest = keccak256(&bytes);
            assert_eq!(
                b.digests(&table).last(),
                Some(&[half(&digest[..16]), half(&digest[16..])]),
                "{length} bytes, cut {cut}"
            );
            let expected: usize = cases
                .iter()
                .map(|c| rows(c.length as usize, c.job.claim[0], c.job.claim[1]))
                .sum();
            assert_eq!(b.used(&table), expected);
        }
    }
}

#[test]
fn runs_of_all_four_kinds_over_the_same_groups() {
    let b = bench();
    let bytes = text(RATE_BYTES);
    let mut cases = vec![];
    for before in [None, Some(state())] {
        for export in [false, true] {
            cases.push(Case::new((0, 17), &bytes, before, export));
        }
    }
    // Two of each state's three runs offer the same groups; each offer's counter is what it has to be. The states after differ,
    // so the second run goes to a stream of its own.
    let moved = Case::new((4, 17), &bytes, Some(state()), true);
    cases[3] = moved;
    assert_holds(&b.machine, &b.finish(&cases));
}

// NEGATIVE

/// The table of one run whose job was changed, with the fact that the job claims.
fn changed(case: Case, change: impl FnOnce(&mut Case)) -> (Bench, Table) {
    let b = bench();
    let mut case = case;
    change(&mut case);
    let table = b.finish(&[case]);
    (b, table)
}

#[test]
fn every_cell_of_a_run_from_state_to_state_is_bound() {
    let b = bench();
    let table = b.finish(&[Case::new((0, 0), &text(136), Some(state()), true)]);
    let heads = [b.chip.message, b.chip.sponge].map(|k| table.heads_of(k));
    let outcome = mutate::mutate_rows(&b.machine, &table, &heads.concat());
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert_eq!(outcome.tried, outcome.killed);
    assert!(outcome.tried > 14_000, "{}", outcome.tried);
}

#[test]
fn a_given_state_claimed_or_denied() {
    for import in [false, true] {
        let before = import.then(state);
        let (b, table) = changed(Case::new((0, 3), &text(150), before, false), |case| {
            case.job.claim[0] = !import;
        });
        refused(&b, &table, "keccak.sponge: code");
        // With the run's own code in the message row.
        let table = forge(&b, &table, |rows| {
            let m = nth(rows, b.chip.message, 0);
            let sign = if import { Fr::ONE } else { -Fr::ONE };
            rows[m].add(b.chip.m.carry.code, sign * Fr::from(17));
            rows[m].add(b.chip.m.carry.address, -sign * Fr::from(25));
        });
        refused(&b, &table, "code = -1 + 17 import");
    }
}

#[test]
fn a_state_for_a_digest_or_the_reverse() {
    for export in [false, true] {
        let (b, table) = changed(Case::new((0, 3), &text(272), None, export), |case| {
            case.job.claim[1] = !export;
        });
        refused(&b, &table, "bus keccak.sums");
    }
}

#[test]
fn runs_that_differ_only_in_import_or_export_keep_their_tokens() {
    // Each claims what the other does: the tokens of their ends would cancel if the two had one key.
    for (which, why) in [(0, "keccak.sponge: code"), (1, "bus keccak.sums")] {
        let b = bench();
        let bytes = text(RATE_BYTES);
        let mut cases = [false, true].map(|on| {
            let before = (on && which == 0).then(state);
            Case::new((0, 17), &bytes, before, on && which == 1)
        });
        for case in &mut cases {
            case.job.claim[which] = !case.job.claim[which];
        }
        refused(&b, &b.finish(&cases), why);
    }
    // Steps of one in the run of the other.
    let b = bench();
    let bytes = text(2 * RATE_BYTES);
    let honest = b.finish(&[
        Case::new((0, 17), &bytes, None, false),
        Case::new((0, 17), &bytes, None, true),
    ]);
    let table = forge(&b, &honest, |rows| {
        // The first run's steps from the second on are those of the second run, and the reverse.
        let (p, q) = (
            nth(rows, b.chip.message, 0) + 18,
            nth(rows, b.chip.message, 1) + 18,
        );
        for i in 0..17 {
            rows.swap(p + i, q + i);
        }
    });
    refused(&b, &table, "keccak.sponge: address");
}

#[test]
fn another_lane_than_the_stream_has() {
    for lane in [0, 7, 17, 24] {
        // The state before, taken apart and hashed as if it were another.
        let (b, table) = changed(through(), |case| {
            if let Some(lanes) = &mut case.job.before {
                lanes[lane] ^= 1 << 40;
            }
        });
        refused(&b, &table, "bus bytes");
        // The stream says something else than the state after.
        let (b, table) = changed(through(), |case| {
            let group = case
                .groups
                .iter_mut()
                .find(|g| g.0 == 3 && g.1 == lane as u64);
            group.expect("a group").2 ^= 1 << 12;
        });
        refused(&b, &table, "bus bytes");
        // A word that is not the lane.
        let (b, table) = changed(through(), |case| {
            let group = case
                .groups
                .iter_mut()
                .find(|g| g.0 == 3 && g.1 == lane as u64);
            group.expect("a group").2 ^= 1 << 12;
        });
        let after = Run::new(state(), &text(2 * RATE_BYTES), true)
            .unwrap()
            .after;
        let table = forge(&b, &table, |rows| {
            let at = first_of(&b, rows, Mode::Export) + lane;
            let word = after[lane].swap_bytes() ^ (1 << 12);
            put_word(&mut rows[at], &b.chip.s, after[lane], word);
        });
        refused(&b, &table, "squeezed word is the lane");
    }
}

#[test]
fn a_state_that_is_not_what_was_absorbed_before() {
    // A lane of the state that comes in, changed on its way to the first step.
    let b = bench();
    let table = forge(&b, &b.finish(&[through()]), |rows| {
        let at = first_of(&b, rows, Mode::Between) + 5;
        let lane = state()[5];
        let word = groups_of(&text(2 * RATE_BYTES)).nth(5).unwrap();
        put_word(&mut rows[at], &b.chip.s, lane ^ 2, word);
    });
    refused(&b, &table, "bus keccak.lane");
    // A word of the stream that is no lane of its row.
    let table = forge(&b, &b.finish(&[through()]), |rows| {
        let at = first_of(&b, rows, Mode::Import) + 5;
        let word = state()[5].swap_bytes();
        put_word(&mut rows[at], &b.chip.s, 2, word);
    });
    refused(&b, &table, "the lane is zero at the start");
}

#[test]
fn a_state_with_groups_of_the_message_to_come() {
    let (b, table) = changed(through(), |case| case.job.blocks = 1);
    refused(&b, &table, "all is taken before squeezing");
}

#[test]
fn a_padded_state() {
    // A block of padding behind the whole blocks.
    let (b, table) = changed(through(), |case| case.job.blocks = 3);
    refused(&b, &table, "keccak.sponge: code");
    // A message that ends in the middle of a block, or of a group.
    for length in [8, 140, 144] {
        let (b, table) = changed(Case::new((0, 0), &text(length), None, false), |case| {
            case.job.claim[1] = true;
            case.job.export = true;
        });
        refused(&b, &table, "keccak.sponge: code");
    }
    let (b, table) = changed(Case::new((0, 0), &text(140), None, false), |case| {
        case.job.claim[1] = true;
    });
    refused(&b, &table, "a state goes out between blocks");
}

#[test]
fn padding_among_the_lanes_of_a_state() {
    let b = bench();
    let c = &b.chip.s.carry;
    for (mode, why) in [
        (Mode::Import, "no padding where a state comes in"),
        (Mode::Export, "no padding there"),
    ] {
        let table = forge(&b, &b.finish(&[through()]), |rows| {
            let at = first_of(&b, rows, mode) + 4;
            for row in &mut rows[at..at + 9] {
                row.set(c.padded, 1);
            }
        });
        refused(&b, &table, why);
    }
}

#[test]
fn no_block_between_two_states() {
    let (b, table) = changed(through(), |case| {
        case.job.blocks = 0;
        case.job.whole.clear();
        case.length = 0;
    });
    refused(&b, &table, "keccak.sponge: code");
}

#[test]
fn a_state_from_or_to_another_stream() {
    for (from, to) in [(2, 0), (2, 3), (2, 1), (3, 0), (3, 2), (3, 4)] {
        let (b, table) = changed(through(), |case| {
            for g in case.groups.iter_mut().filter(|g| g.0 == from) {
                g.0 = to;
            }
        });
        refused(&b, &table, "bus bytes");
        let s = &b.chip.s;
        let mode = if from == 2 {
            Mode::Import
        } else {
            Mode::Export
        };
        let shift = |rows: &mut Vec<Logical>, cell: Cell, by: Fr| {
            let at = first_of(&b, rows, mode);
            for row in &mut rows[at..at + 25] {
                row.add(cell, by);
            }
        };
        let by = Fr::from(to) - Fr::from(from);
        let table = forge(&b, &table, |rows| shift(rows, s.carry.stream, by));
        refused(&b, &table, "keccak.sponge: stream");
    }
}

#[test]
fn lanes_that_are_not_the_streams_first() {
    // Groups from 25 on in place of groups 0 to 24.
    let (b, table) = changed(through(), |case| {
        for g in case.groups.iter_mut().filter(|g| g.0 == 2) {
            g.1 += 25;
        }
    });
    refused(&b, &table, "bus bytes");
    let s = &b.chip.s;
    let table = forge(&b, &table, |rows| {
        let at = first_of(&b, rows, Mode::Import);
        for row in &mut rows[at..at + 25] {
            row.add(s.index, Fr::from(25));
        }
    });
    refused(&b, &table, "keccak.sponge: index");
    let table = forge(&b, &table, |rows| {
        let at = first_of(&b, rows, Mode::Import);
        for row in &mut rows[at..at + 25] {
            row.add(s.place, Fr::from(25));
        }
    });
    refused(&b, &table, "keccak schedule");
}

#[test]
fn rows_of_a_state_that_are_not_what_they_say() {
    let b = bench();
    let s = &b.chip.s;
    for (mode, cell) in [
        (Mode::Import, s.import),
        (Mode::Between, s.import),
        (Mode::Export, s.squeeze),
        (Mode::Between, s.squeeze),
        (Mode::Export, s.send),
        (Mode::Import, s.receive),
    ] {
        let table = forge(&b, &b.finish(&[through()]), |rows| {
            let at = first_of(&b, rows, mode) + 3;
            let other = Fr::ONE - rows[at].get(cell);
            rows[at].set(cell, other);
        });
        refused(&b, &table, "keccak schedule");
    }
}

#[test]
fn a_lane_left_out_of_a_state() {
    let b = bench();
    for mode in [Mode::Import, Mode::Export] {
        let table = forge(&b, &b.finish(&[through()]), |rows| {
            let at = first_of(&b, rows, mode) + 5;
            rows.remove(at);
        });
        refused(&b, &table, "keccak.sponge: code");
    }
}

#[test]
fn a_digest_beside_a_state() {
    let b = bench();
    let table = forge(&b, &b.finish(&[through()]), |rows| {
        let (m, s) = (nth(rows, b.chip.message, 0), nth(rows, b.sink.0, 0));
        rows[m].add(b.chip.m.words[3][0], Fr::ONE);
        rows[s].add(b.sink.1[6], Fr::ONE);
    });
    refused(&b, &table, "bus keccak.sums");
}

#[test]
fn more_than_a_boolean() {
    let b = bench();
    for (cell, why) in [
        (b.chip.m.import, "import is boolean"),
        (b.chip.m.export, "export is boolean"),
    ] {
        let table = forge(&b, &b.finish(&[through()]), |rows| {
            let m = nth(rows, b.chip.message, 0);
            rows[m].set(cell, 2);
        });
        refused(&b, &table, why);
    }
}
