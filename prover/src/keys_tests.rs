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

fn proofs_of(key: &ProvingKey) -> bool {
    let (toy, public) = Toy::new(Shape::default());
    crate::prove(key, || Ok(toy), &public, "", &[], &Silent).is_ok()
}

#[test]
fn a_cached_proving_key_makes_proofs_and_needs_no_string() {
    let (_dir, store) = store();
    let (srs, toy) = (srs(), toy(Shape::default()));
    let digest = digest(&toy).unwrap();
    let cached = || store.cached_proving_key(&toy, digest, srs.label()).unwrap();
    assert!(cached().is_none());
    let made = store.proving_key(&srs, &toy, &Silent).unwrap();
    assert!(proofs_of(&made));
    let path = store.proving_path(made.verifying());
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let read = cached().unwrap();
    assert_eq!(read.verifying().pinned(), made.verifying().pinned());
    assert!(proofs_of(&read));
    store.proving_key(&srs, &toy, &Silent).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
}

#[test]
fn the_newest_proving_key_of_a_circuit_is_kept() {
    let (dir, store) = store();
    let keys = |end: &str| {
        let files = fs::read_dir(dir.path()).unwrap();
        let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
        names.filter(|n| n.ends_with(end)).count()
    };
    let of = |shape: Shape| {
        let srs = Srs::development(shape.k, &Silent).unwrap();
        store.proving_key(&srs, &toy(shape), &Silent).unwrap()
    };
    let base = Shape::default();
    let old = of(base);
    of(Shape { k: 7, ..base });
    assert_eq!((keys(".pk"), keys(".vk")), (2, 2));
    let new = of(Shape { offset: 1, ..base });
    assert_eq!((keys(".pk"), keys(".vk")), (2, 3));
    assert!(store.proving_path(new.verifying()).exists());
    // Its file is gone, but it is in use.
    assert!(!store.proving_path(old.verifying()).exists());
    assert!(proofs_of(&old));
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
fn a_damaged_or_foreign_proving_key_is_never_used() {
    let (_dir, store) = store();
    let (srs, toy) = (srs(), toy(Shape::default()));
    let made = store.proving_key(&srs, &toy, &Silent).unwrap();
    let path = store.proving_path(made.verifying());
    let good = fs::read(&path).unwrap();
    let other = Shape {
        offset: 1,
        ..Shape::default()
    };
    let (_other_dir, others) = self::store();
    let other = others
        .proving_key(&srs, &self::toy(other), &Silent)
        .unwrap();
    let other = fs::read(others.proving_path(other.verifying())).unwrap();
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 4;
    for bad in [&changed, &good[..good.len() / 2], &[], &other] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, bad).unwrap();
        let read = ProvingKey::read(&path, made.verifying().clone()).unwrap_err();
        assert!(
            matches!(read, KeyError::File(FileError::Damaged { .. })),
            "{read}"
        );
        assert!(
            store
                .cached_proving_key(&toy, made.verifying().digest(), srs.label())
                .unwrap()
                .is_none()
        );
        assert!(proofs_of(&store.proving_key(&srs, &toy, &Silent).unwrap()));
        assert!(fs::read(&path).unwrap() == good);
    }
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
