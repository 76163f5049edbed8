//! Forged runs: words taken otherwise, codes spliced, cut off, or left too early.

use super::{
    forgeries::{Claim, claims},
    *,
};

// NEGATIVE

#[test]
fn swapped_halves_of_a_word_are_refused() {
    let rig = rig();
    let code: Vec<u8> = (1..=64).collect();
    let table = rig.forged(&claims(std::slice::from_ref(&code)), |t| {
        for (index, word) in (0..).zip(Analysis::new(&code).words()) {
            let swapped = word.rotate_left(128);
            rig.take_word(t, 1, index, if index == 1 { swapped } else { word });
        }
    });
    let against = rig.against(&table);
    assert!(
        against.iter().all(|a| a.1.contains("code.word")),
        "{against:?}"
    );
    // Words in another order, and one word for two codes.
    let table = rig.forged(&claims(std::slice::from_ref(&code)), |t| {
        for (index, word) in [1, 0, 2, 3].into_iter().zip(Analysis::new(&code).words()) {
            rig.take_word(t, 1, index, word);
        }
    });
    assert_fails(&rig.machine, &table);
}

#[test]
fn spliced_codes_are_refused() {
    let rig = rig();
    let codes = [vec![0x5b; 40], vec![0x60; 40]];
    let all = claims(&codes);
    let rows = all.len() / 2;
    // The upper part of one code on the lower part of another.
    for cut in [32, 33, 64, 90] {
        let mut forged = [&all[..rows - cut], &all[2 * rows - cut..]].concat();
        let against = rig.against(&rig.forged(&forged, |_| {}));
        assert!(
            against.contains(&("code.byte".into(), "same code".into())),
            "{against:?}"
        );
        forged.iter_mut().for_each(|c| c.number = 1);
        let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &codes[0])));
        assert!(!against.is_empty());
    }
    // A row left out, a row repeated.
    let code = vec![0x5b; 40];
    let all = claims(std::slice::from_ref(&code));
    for p in [1, 15, 16, 31, 32, 50] {
        let mut forged = all.clone();
        forged.remove(all.len() - 1 - p);
        let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &code)));
        assert!(
            against.iter().any(|a| a.1 == "next position"),
            "{against:?}"
        );
        let mut forged = all.clone();
        forged.insert(p, all[p].clone());
        let against = rig.against(&rig.forged(&forged, |t| rig.take_words(t, 1, &code)));
        assert!(
            against.iter().any(|a| a.1 == "next position"),
            "{against:?}"
        );
    }
}

#[test]
fn a_truncated_run_is_refused() {
    let rig = rig();
    let code = vec![0x5b; 40];
    let all = claims(std::slice::from_ref(&code));
    let words = |t: &mut Trace<'_>| rig.take_words(t, 1, &code);
    // The first bytes are missing.
    let mut forged = all[..all.len() - 32].to_vec();
    forged.last_mut().unwrap().last = 1;
    let against = rig.against(&rig.forged(&forged, words));
    assert!(
        against.contains(&("code.byte".into(), "a code begins".into())),
        "{against:?}"
    );
    // The run is left where no code begins.
    let against = rig.against(&rig.forged(&all[..all.len() - 32], words));
    assert!(!against.is_empty());
    // The last bytes are missing: the run begins within a word, whose bytes no word would bind.
    let against = rig.against(&rig.forged(&all[5..], words));
    let entry = "a run of codes begins with a word's last byte";
    assert!(
        against.contains(&("test.start".into(), entry.into())),
        "{against:?}"
    );
    let mut forged = all[5..].to_vec();
    forged[0].end = 1;
    let against = rig.against(&rig.forged(&forged, words));
    assert!(
        against.contains(&("code.byte".into(), "state".into())),
        "{against:?}"
    );
    // The same below another code.
    let codes = [vec![0x01], code.clone()];
    let mut forged = claims(&codes);
    forged.drain(64..69);
    let against = rig.against(&rig.forged(&forged, |_| {}));
    assert!(
        against.contains(&("code.byte".into(), "state".into())),
        "{against:?}"
    );
}

#[test]
fn rows_below_the_last_code_are_refused() {
    let rig = rig();
    let codes = [vec![0x01], vec![0x02]];
    let mut forged = claims(&codes);
    // The run is left after the upper code.
    forged[63] = Claim {
        first: 0,
        last: 1,
        ..forged[63].clone()
    };
    let against = rig.against(&rig.forged(&forged, |t| {
        rig.take_words(t, 1, &codes[0]);
        rig.take_words(t, 2, &codes[1]);
    }));
    assert_eq!(against.len(), 1, "{against:?}");
    // Both bits at once leave it as well.
    forged[63].first = 1;
    let table = rig.forged(&forged, |t| {
        rig.take_words(t, 1, &codes[0]);
        rig.take_words(t, 2, &codes[1]);
    });
    assert_fails(&rig.machine, &table);
    // A run that no one entered.
    let mut t = Trace::new(&rig.machine);
    t.push(rig.start);
    rig.chip.trace(&mut t, &codes[..1]);
    rig.ask_all(&mut t, 1, &codes[0]);
    let mut second = claims(&codes[1..]);
    second.iter_mut().for_each(|c| c.number = 2);
    rig.forge(&mut t, &second);
    rig.take_words(&mut t, 2, &codes[1]);
    let against = rig.against(&t.finish([Fr::ZERO; 2]));
    assert_eq!(against.len(), 1, "{against:?}");
}
