//! Forged bytes: rows that follow from a false claim, with all else computed anew.

use super::*;
use ff::PrimeField;

/// What a forger decides about the row of a byte.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) byte: Fr,
    pub(super) class: Fr,
    pub(super) place: Fr,
    pub(super) count: Fr,
    pub(super) data: u64,
    pub(super) turn: u64,
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) position: Fr,
    pub(super) number: u64,
}

/// The true claims about codes, top to bottom.
pub(super) fn claims(codes: &[Vec<u8>]) -> Vec<Claim> {
    let mut all = vec![];
    for (i, code) in codes.iter().enumerate() {
        let bytes = read(code);
        let (mut left, mut rows, mut low) = (0, vec![], false);
        for (p, (byte, data)) in bytes.iter().enumerate() {
            let lowest = i + 1 == codes.len();
            rows.push(Claim {
                byte: Fr::from(u64::from(*byte)),
                class: class_entry(*byte, *data),
                place: place_entry(p % 32),
                count: count_entry(left),
                data: u64::from(*data),
                turn: u64::from(*data && left == 16 && low),
                begin: u64::from(p % 16 == 0),
                end: u64::from(p % 32 == 31),
                first: u64::from(p == 0 && !lowest),
                last: u64::from(p == 0 && lowest),
                position: Fr::from(p as u64),
                number: FIRST_NUMBER + i as u64,
            });
            low = left == 17;
            left = if *data { left - 1 } else { push_length(*byte) };
        }
        all.extend(rows.into_iter().rev());
    }
    all
}

impl Rig {
    /// Rows for claims; what follows from them by the relations of their own row is filled in.
    pub(super) fn forge(&self, t: &mut Trace<'_>, claims: &[Claim]) {
        let c = &self.chip.columns;
        let [mut half, mut before, mut lo, mut hi] = [Fr::ZERO; 4];
        let mut rows = vec![];
        for claim in claims.iter().rev() {
            if claim.first + claim.last == 0 && claim.begin == 1 {
                before = half;
            } else if claim.first + claim.last > 0 {
                before = Fr::ZERO;
            }
            let [data, turn, begin] = [claim.data, claim.turn, claim.begin].map(Fr::from);
            let base = Fr::from(256);
            half = claim.byte + base * (Fr::ONE - begin) * half;
            hi = data * hi + turn * lo;
            lo = data * claim.byte + base * (data - turn) * lo;
            rows.push((claim, [half, before, lo, hi]));
        }
        for (claim, values) in rows.into_iter().rev() {
            t.push(self.chip.kind)
                .set(c.byte, claim.byte)
                .set(c.class, claim.class)
                .set(c.place, claim.place)
                .set(c.count, claim.count)
                .set(c.data, claim.data)
                .set(c.turn, claim.turn)
                .set(c.begin, claim.begin)
                .set(c.end, claim.end)
                .set(c.first, claim.first)
                .set(c.last, claim.last)
                .set(c.position, claim.position)
                .set(c.number, claim.number)
                .set_all(&[c.half, c.half_before, c.value_lo, c.value_hi], values);
        }
    }
    /// The start row, the claims' rows, and what `ask` asks.
    pub(super) fn forged(&self, claims: &[Claim], ask: impl FnOnce(&mut Trace<'_>)) -> Table {
        let mut t = Trace::new(&self.machine);
        t.push(self.start);
        self.forge(&mut t, claims);
        ask(&mut t);
        t.finish([Fr::ZERO; 2])
    }
    /// Takes the words of a code.
    pub(super) fn take_words(&self, t: &mut Trace<'_>, number: u64, code: &[u8]) {
        for (index, word) in (0..).zip(Analysis::new(code).words()) {
            self.take_word(t, number, index, word);
        }
    }
    /// What stands against a forgery. Multiplicities of fixed tables do not count: a forger would adjust them.
    pub(super) fn against(&self, table: &Table) -> Vec<(String, String)> {
        let failures = match checker::check(&self.machine, table, 100) {
            Ok(_) => panic!("the checker accepted a bad table"),
            Err(failures) => failures,
        };
        let all = failures
            .into_iter()
            .filter(|f| !f.relation.starts_with("multiplicity in table"));
        all.map(|f| (f.kind, f.relation)).collect()
    }
    /// Panics unless one relation alone stands against a forgery.
    pub(super) fn only(&self, table: &Table, relation: &str) {
        let against = self.against(table);
        assert_eq!(against.len(), 1, "{against:?}");
        assert_eq!(against[0].1, relation);
    }
}

/// The claim about byte `p` of the lowest code.
pub(super) fn at(claims: &mut [Claim], p: usize) -> &mut Claim {
    let last = claims.len() - 1;
    &mut claims[last - p]
}

// POSITIVE

#[test]
fn true_claims_are_the_rows_of_the_trace() {
    let rig = rig();
    let codes = [every_push(), cut_short(32, 3), vec![]];
    let table = rig.forged(&claims(&codes), |t| {
        for (number, code) in (FIRST_NUMBER..).zip(&codes) {
            rig.ask_all(t, number, code);
        }
    });
    assert_holds(&rig.machine, &table);
    assert_eq!(table.data, rig.table(&codes).data);
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    let table = rig.table(&[every_push(), vec![0x5b], cut_short(32, 7)]);
    let outcome = mutate::mutate(&rig.machine, &table, 60);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 5_000);
}

#[test]
fn the_class_is_free_on_the_top_row_alone() {
    let rig = rig();
    let table = rig.table(&[every_push(), vec![0x5b], cut_short(32, 7)]);
    let mut machine = (*rig.machine).clone();
    for cell in &mut machine.kinds[rig.chip.kind.0].cells {
        cell.free = None;
    }
    let outcome = mutate::mutate_rows(&machine, &table, &table.heads_of(rig.chip.kind)[1..]);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 50_000);
}

#[test]
fn each_relation_is_needed() {
    let rig = rig();
    let mut evidence = Evidence::default();
    let table = rig.table(&[every_push(), vec![0x5b], cut_short(32, 7)]);
    evidence.add(&rig.machine, &table, |k| k.chip() == "code");
    assert_eq!(evidence.not_shown(), [] as [&str; 0]);
}

#[test]
fn a_jump_into_push_data_has_no_fact() {
    let rig = rig();
    let code = vec![0x60, 0x5b, 0x00];
    let lie = |t: &mut Trace<'_>| {
        rig.take_words(t, 1, &code);
        rig.ask_code(t, 1, 1, 0x5b);
    };
    let honest = claims(std::slice::from_ref(&code));
    assert_fails(&rig.machine, &rig.forged(&honest, lie));

    // The byte is called an opcode.
    let mut forged = honest.clone();
    *at(&mut forged, 1) = Claim {
        data: 0,
        count: count_entry(0),
        class: class_entry(0x5b, false),
        ..at(&mut forged, 1).clone()
    };
    rig.only(&rig.forged(&forged, lie), "state");
    // The push is called something else besides.
    at(&mut forged, 0).class = class_entry(0x5b, false);
    rig.only(&rig.forged(&forged, lie), "state");
    // The bit alone is dropped.
    let mut forged = honest.clone();
    at(&mut forged, 1).data = 0;
    let against = rig.against(&rig.forged(&forged, lie));
    assert!(against.iter().all(|a| a.1 == "state"), "{against:?}");
}

#[test]
fn marks_of_counts_and_classes_do_not_make_up_for_each_other() {
    let rig = rig();
    let code = vec![0x61, 0x5b, 0x5b];
    let mut forged = claims(std::slice::from_ref(&code));
    // Data is called an opcode for the count, which stays; the byte behind it then lacks the bit that its count has.
    at(&mut forged, 1).class = class_entry(0x5b, false);
    *at(&mut forged, 2) = Claim {
        data: 0,
        count: count_entry(2),
        class: class_entry(0x5b, false),
        ..at(&mut forged, 2).clone()
    };
    let table = rig.forged(&forged, |t| {
        rig.take_words(t, 1, &code);
        rig.ask_code(t, 1, 2, 0x5b);
    });
    let against = rig.against(&table);
    assert!(against.iter().all(|a| a.1 == "state"), "{against:?}");
}

#[test]
fn another_byte_is_refused_by_the_word() {
    let rig = rig();
    let code = vec![0x01, 0x02, 0x03];
    let set = |claim: &mut Claim, byte: u64, class: u8| {
        claim.byte = Fr::from(byte);
        claim.class = class_entry(class, false);
    };
    let lie = |t: &mut Trace<'_>| {
        rig.take_words(t, 1, &code);
        rig.ask_code(t, 1, 0, 0x00);
    };
    let mut forged = claims(std::slice::from_ref(&code));
    set(at(&mut forged, 0), 0, 0);
    let against = rig.against(&rig.forged(&forged, lie));
    assert!(
        against.iter().all(|a| a.1.contains("code.word")),
        "{against:?}"
    );
    // The next byte makes up for it: the word is right, but 0x102 is no byte.
    set(at(&mut forged, 1), 0x102, 2);
    rig.only(&rig.forged(&forged, lie), "state");
    // A class further away would need a byte out of range.
    let mut forged = claims(std::slice::from_ref(&code));
    at(&mut forged, 0).byte = Fr::from(0x01 + (1 << 13));
    let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &code)));
    assert!(
        against.iter().any(|a| a.1 == "byte in table range13"),
        "{against:?}"
    );
}

#[test]
fn a_byte_of_the_top_row_is_zero_with_its_word() {
    let rig = rig();
    let mut forged = claims(&[vec![0x01]]);
    // Nothing binds the class there, so any byte below 2^13 has a row; the word does not.
    forged[0].byte = Fr::from(0x100);
    forged[0].class = class_entry(0x77, true);
    forged[1].byte = -Fr::ONE;
    let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &[0x01])));
    assert!(
        against.iter().any(|a| a.1 == "byte in table range13"),
        "{against:?}"
    );
    forged[1].byte = Fr::ZERO;
    let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &[0x01])));
    assert!(
        against.iter().all(|a| a.1.contains("code.word")),
        "{against:?}"
    );
}

#[test]
fn another_length_of_push_data_is_refused() {
    let rig = rig();
    let code = vec![0x61, 0x11, 0x5b, 0x00];
    // Two bytes of push data said to be one.
    for class in [
        class_entry(0x60, false),
        class_entry(0x61, false) - count_weight(),
    ] {
        let mut forged = claims(std::slice::from_ref(&code));
        at(&mut forged, 0).class = class;
        at(&mut forged, 1).count = count_entry(1);
        *at(&mut forged, 2) = Claim {
            data: 0,
            count: count_entry(0),
            class: class_entry(0x5b, false),
            ..at(&mut forged, 2).clone()
        };
        let table = rig.forged(&forged, |t| {
            rig.take_words(t, 1, &code);
            rig.ask_push(t, 1, 1, U256::from(0x11));
            rig.ask_code(t, 1, 2, 0x5b);
        });
        let against = rig.against(&table);
        assert_eq!(against.len(), 1, "{against:?}");
        assert!(
            ["state", "class in table code.class"].contains(&against[0].1.as_str()),
            "{against:?}"
        );
    }
}

#[test]
fn push_data_off_by_one_byte_is_refused() {
    let rig = rig();
    let code = vec![0x61, 0x11, 0x22, 0x33];
    for (last, value) in [
        (1, 0x11),
        (2, 0x22),
        (2, 0x2233),
        (3, 0x2233),
        (3, 0x1122),
        (2, 0x112200),
    ] {
        let table = rig.forged(&claims(std::slice::from_ref(&code)), |t| {
            rig.take_words(t, 1, &code);
            rig.ask_push(t, 1, last, U256::from(value));
        });
        let against = rig.against(&table);
        assert!(against.iter().all(|a| a.1.contains("push")), "{against:?}");
    }
}

#[test]
fn halves_of_push_data_turn_where_16_bytes_are_left_and_nowhere_else() {
    let rig = rig();
    for n in [1u8, 15, 16, 17, 18, 32] {
        let code = cut_short(n, n);
        for p in 1..=usize::from(n) {
            let mut forged = claims(std::slice::from_ref(&code));
            let claim = at(&mut forged, p);
            claim.turn = 1 - claim.turn;
            let table = rig.forged(&forged, |t| rig.take_words(t, 1, &code));
            rig.only(&table, "state");
        }
    }
}

#[test]
fn two_codes_under_one_number_leave_a_word() {
    let rig = rig();
    let codes = [vec![0x01], vec![0x02]];
    let mut forged = claims(&codes);
    forged.iter_mut().for_each(|c| c.number = 1);
    let table = rig.forged(&forged, |t| {
        rig.take_words(t, 1, &codes[0]);
        rig.ask_code(t, 1, 0, 0x02);
    });
    let against = rig.against(&table);
    assert!(
        against.iter().all(|a| a.1.contains("code.word")),
        "{against:?}"
    );
}

#[test]
fn a_code_restarted_midway_is_refused() {
    let rig = rig();
    // Push data reaches into the second word, which begins with a byte that would be a jump's target.
    let code = [vec![0x5b; 31], vec![0x60, 0x5b]].concat();
    let mut forged = claims(std::slice::from_ref(&code));
    let cut = forged.len() - 32;
    *at(&mut forged, 32) = Claim {
        first: 1,
        data: 0,
        count: count_entry(0),
        class: class_entry(0x5b, false),
        ..at(&mut forged, 32).clone()
    };
    let lie = |t: &mut Trace<'_>| {
        rig.take_words(t, 1, &code);
        rig.ask_code(t, 1, 32, 0x5b);
    };
    // The word before ends in an opcode without data, as far as the row above can tell.
    let against = rig.against(&rig.forged(&forged, lie));
    assert!(
        against.contains(&("code.byte".into(), "a code begins".into())),
        "{against:?}"
    );
    // The same as two codes of one number, the second word's one begun at position 0.
    for claim in &mut forged[..cut] {
        claim.position -= Fr::from(32);
    }
    let against = rig.against(&rig.forged(&forged, lie));
    assert!(
        against.iter().any(|a| a.1.contains("code.word")),
        "{against:?}"
    );
}

/// Every first row with a state other than 0 leads to words that no one takes, or makes none and stands at a negative position.
#[test]
fn no_code_begins_in_another_state() {
    let (begin_jump, end_jump) = jumps();
    let places: Vec<Fr> = (0..32).map(place_entry).collect();
    let (smallest, largest) = (-Fr::from(64), Fr::from(1 << 37) + Fr::from(64));
    let mut proper = 0;
    for place in &places {
        for count in 0..=MAX_PUSH {
            for bits in 0..16u64 {
                let [data, turn, begin, end] = [0, 1, 2, 3].map(|i| Fr::from((bits >> i) & 1));
                let state = count_entry(count) - data * count_mark()
                    + turn * count_weight() * Fr::from(TURN)
                    + place
                    + end * end_jump
                    - begin * begin_jump;
                let zero = state == Fr::ZERO;
                if zero {
                    proper += 1;
                    let expected = (place_entry(0), 0, 4);
                    assert_eq!((*place, count, bits), expected);
                    continue;
                }
                // The first word would begin at the position of the code, less what of the word is below it: at most 63.
                let takeable = state - smallest <= largest - smallest;
                assert!(!takeable, "{state:?}");
                // A code of one row without a word: below another code, so its count and bit agree.
                if *place == place_entry(31) && end == Fr::ZERO && (data == Fr::ONE) == (count > 0)
                {
                    assert!(-state < Fr::from_u128(1 << 80), "{state:?}");
                }
            }
        }
    }
    assert_eq!(proper, 1);
}

#[test]
fn a_code_of_one_row_stands_at_a_negative_position() {
    let rig = rig();
    let mut forged = claims(&[vec![0x5b]]);
    let top = forged.last_mut().unwrap();
    (top.first, top.last) = (1, 0);
    forged.push(Claim {
        byte: Fr::from(0x5b),
        class: class_entry(0x5b, false),
        place: place_entry(31),
        count: count_entry(0),
        data: 0,
        turn: 0,
        begin: 1,
        end: 0,
        first: 0,
        last: 1,
        position: -place_weight() * Fr::from(17),
        number: 1,
    });
    let with = |forged: &[Claim]| rig.forged(forged, |t| rig.take_words(t, 1, &[0x5b]));
    assert_holds(&rig.machine, &with(&forged));
    forged.last_mut().unwrap().position = Fr::ZERO;
    rig.only(&with(&forged), "a code begins");
}
