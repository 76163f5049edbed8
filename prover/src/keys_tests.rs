use std::fs;

use super::*;
use crate::circuit::digest;
use crate::progress::Silent;
use crate::srs::tests::foreign;
use crate::toy::{Shape, Toy};

fn toy(shape: Shape) -> Toy {
    Toy::new(shape).0
}

fn store() -> (tempfile::TempDir, KeyStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::new(dir.path());
    (dir, store)
}

fn srs() -> Srs {
    Srs::development(Shape::default().k, &Silent).unwrap()
}

// POSITIVE

#[test]
fn a_cached_key_is_the_key() {
    let (_dir, store) = store();
    let (srs, toy) = (srs(), toy(Shape::default()));
    let made = store.verifying_key(&srs, &toy, &Silent).unwrap();
    let path = store.path("toy", 6, made.digest(), srs.label());
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let read = store.verifying_key(&srs, &toy, &Silent).unwrap();
    assert_eq!(made.pinned(), read.pinned());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
    assert_eq!(
        store.cached(&toy, srs.label()).unwrap().unwrap().pinned(),
        made.pinned()
    );
    assert_eq!(
        VerifyingKey::read(&path, &toy, srs.label())
            .unwrap()
            .pinned(),
        made.pinned()
    );
}

#[test]
fn the_pinned_form_is_stable() {
    let pinned = VerifyingKey::generate(&srs(), &toy(Shape::default()))
        .unwrap()
        .pinned();
    let golden = include_str!("../golden/toy.vk.txt");
    assert_eq!(
        pinned, golden,
        "the key has changed; if that is meant, update prover/golden/toy.vk.txt"
    );
}

#[test]
fn the_witness_does_not_change_the_digest() {
    let (full, blank) = (
        toy(Shape::default()),
        Toy {
            shape: Shape::default(),
            values: None,
        },
    );
    assert_eq!(digest(&full).unwrap(), digest(&blank).unwrap());
}

// NEGATIVE

#[test]
fn another_circuit_has_another_digest() {
    let base = Shape::default();
    let shapes = [
        base,
        Shape { k: 7, ..base },
        Shape { width: 2, ..base },
        Shape { offset: 1, ..base },
    ];
    let digests: std::collections::HashSet<_> =
        shapes.iter().map(|s| digest(&toy(*s)).unwrap()).collect();
    assert_eq!(digests.len(), shapes.len());
}

#[test]
fn a_circuit_with_too_few_rows_is_an_error() {
    assert!(
        digest(&toy(Shape {
            k: 2,
            ..Shape::default()
        }))
        .is_err()
    );
    let small = Srs::development(2, &Silent).unwrap();
    let error = VerifyingKey::generate(
        &small,
        &toy(Shape {
            k: 2,
            ..Shape::default()
        }),
    )
    .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Circuit {
                name: "toy",
                k: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_cached_key_is_never_used() {
    let (_dir, store) = store();
    let (srs, toy) = (srs(), toy(Shape::default()));
    let made = store.verifying_key(&srs, &toy, &Silent).unwrap();
    let path = store.path("toy", 6, made.digest(), srs.label());
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        fs::write(&path, bad).unwrap();
        assert!(
            store.cached(&toy, srs.label()).unwrap().is_none(),
            "byte {at}"
        );
        let named = VerifyingKey::read(&path, &toy, srs.label()).unwrap_err();
        assert!(
            matches!(named, KeyError::File(FileError::Damaged { .. })),
            "byte {at}: {named}"
        );
    }
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    assert_eq!(
        store.verifying_key(&srs, &toy, &Silent).unwrap().pinned(),
        made.pinned()
    );
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[test]
fn a_stale_key_under_the_right_name_is_never_used() {
    let (_dir, store) = store();
    let srs = srs();
    let (new, old) = (
        toy(Shape::default()),
        toy(Shape {
            offset: 1,
            ..Shape::default()
        }),
    );
    let path = store.path("toy", 6, digest(&new).unwrap(), srs.label());
    VerifyingKey::generate(&srs, &old)
        .unwrap()
        .write(&path)
        .unwrap();
    assert!(store.cached(&new, srs.label()).unwrap().is_none());
    assert!(matches!(
        VerifyingKey::read(&path, &new, srs.label()),
        Err(KeyError::OtherCircuit { .. })
    ));
    let made = store.verifying_key(&srs, &new, &Silent).unwrap();
    assert_eq!(made.digest(), digest(&new).unwrap());
    // The right circuit over another string.
    VerifyingKey::generate(&foreign(6), &new)
        .unwrap()
        .write(&path)
        .unwrap();
    assert!(store.cached(&new, srs.label()).unwrap().is_none());
    assert!(matches!(
        VerifyingKey::read(&path, &new, srs.label()),
        Err(KeyError::OtherSrs { .. })
    ));
}

#[test]
fn a_missing_key_file_that_was_named() {
    let (dir, _) = store();
    let error = VerifyingKey::read(
        &dir.path().join("none.vk"),
        &toy(Shape::default()),
        SrsLabel::development(),
    );
    assert!(matches!(error, Err(KeyError::Missing(_))));
}

#[test]
fn the_pinned_form_tells_circuits_and_strings_apart() {
    let base = VerifyingKey::generate(&srs(), &toy(Shape::default()))
        .unwrap()
        .pinned();
    let moved = VerifyingKey::generate(
        &srs(),
        &toy(Shape {
            offset: 1,
            ..Shape::default()
        }),
    )
    .unwrap()
    .pinned();
    let other = VerifyingKey::generate(&foreign(6), &toy(Shape::default()))
        .unwrap()
        .pinned();
    assert_ne!(base, moved);
    assert_ne!(base, other);
}
