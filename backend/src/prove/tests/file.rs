//! Keys in files.

use super::*;
use std::{
    fs,
    io::{Seek, SeekFrom},
};

/// A new file of these bytes.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

impl Setup {
    fn written(&self, portable: bool) -> Vec<u8> {
        let options = Options {
            portable,
            ..Options::default()
        };
        let prover = Prover::new(&self.parameters, &self.key, options).unwrap();
        let mut bytes = vec![];
        prover.write(&mut bytes).unwrap();
        bytes
    }

    fn open(&self, bytes: &[u8], portable: bool) -> Result<Prover, Error> {
        let key = self.key.get_vk().clone();
        Prover::open(
            key,
            &file(bytes),
            Options {
                portable,
                ..Options::default()
            },
        )
    }

    /// Why the file cannot be used.
    fn refused(&self, bytes: &[u8]) -> &'static str {
        match self.open(bytes, true).unwrap_err() {
            Error::KeyFile(why) => why,
            other => panic!("{other}"),
        }
    }

    fn prove_by(&self, prover: &Prover, seed: u64) -> Vec<u8> {
        let instances = self.columns();
        let witness = Synthesis::new(&self.circuit, &instances, self.key.get_vk().cs());
        let mut transcript = Written::init(vec![]);
        let rng = StdRng::seed_from_u64(seed);
        let outcome = prover.prove(&instances, witness, rng, &mut transcript, &Silent);
        outcome.unwrap();
        transcript.finalize()
    }
}

/// The file with other contents and their hash.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes[..bytes.len() - 32].to_vec();
    change(&mut bytes);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

// POSITIVE

#[test]
fn a_key_from_a_file_makes_the_same_proofs() {
    for features in EVERY {
        let setup = Setup::of(features);
        for portable in [false, true] {
            let prover = setup.open(&setup.written(portable), portable).unwrap();
            let proof = setup.prove_by(&prover, 1);
            assert!(proof == setup.prove(portable, 1).unwrap(), "{features:?}");
        }
    }
}

#[test]
fn precomputed_multiples_are_kept() {
    let setup = Setup::of(EVERY[6]);
    let options = Options {
        portable: true,
        precomputed_bytes: 1 << 20,
    };
    let prover = Prover::new(&setup.parameters, &setup.key, options).unwrap();
    let mut bytes = vec![];
    prover.write(&mut bytes).unwrap();
    let (plain, most) = (setup.written(true).len(), options.precomputed_bytes);
    assert!((plain + 1..=plain + most).contains(&bytes.len()));
    let proof = setup.prove_by(&setup.open(&bytes, true).unwrap(), 1);
    assert!(proof == setup.prove(true, 1).unwrap());
}

#[test]
fn what_was_opened_can_be_written_again() {
    let setup = Setup::of(EVERY[5]);
    let bytes = setup.written(false);
    let mut again = vec![];
    setup
        .open(&bytes, false)
        .unwrap()
        .write(&mut again)
        .unwrap();
    assert!(bytes == again);
}

#[test]
fn a_file_that_is_removed_stays_in_use() {
    let setup = Setup::of(EVERY[1]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    fs::write(&path, setup.written(false)).unwrap();
    let open = File::open(&path).unwrap();
    let prover = Prover::open(setup.key.get_vk().clone(), &open, Options::default()).unwrap();
    drop(open);
    fs::remove_file(&path).unwrap();
    assert!(setup.prove_by(&prover, 2) == setup.prove(false, 2).unwrap());
}

// NEGATIVE

#[test]
fn a_damaged_file_is_refused() {
    let setup = Setup::of(EVERY[1]);
    let good = setup.written(true);
    for at in (0..256).chain((256..good.len()).step_by(101)) {
        let mut bad = good.clone();
        bad[at] ^= 4;
        let why = setup.refused(&bad);
        let expected = match at {
            0..8 => "it is not a prepared key",
            8..32 => "it is of another version, or for another processor",
            _ => "it is damaged",
        };
        assert_eq!(why, expected, "byte {at}");
    }
    assert_eq!(setup.refused(&good[..5]), "it is not a prepared key");
    assert_eq!(setup.refused(&good[..32]), "it is damaged");
    assert_eq!(setup.refused(&good[..good.len() - 64]), "it is damaged");
    setup.open(&good, true).unwrap();
}

#[test]
fn a_file_of_another_key_is_refused() {
    let (setup, other) = (Setup::of(EVERY[1]), Setup::of(EVERY[2]));
    let why = "it belongs to another verifying key";
    assert_eq!(setup.refused(&other.written(true)), why);
    let other = Setup::of(Features {
        power: 2,
        ..EVERY[1]
    });
    assert_eq!(setup.refused(&other.written(true)), why);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_file_of_another_engine_is_refused() {
    let setup = Setup::of(EVERY[1]);
    if crate::engine::Ifma::new().is_some() {
        let why = "it is of another version, or for another processor";
        assert_eq!(setup.refused(&setup.written(false)), why);
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let setup = Setup::of(EVERY[1]);
    let good = setup.written(true);
    let why = "its parts are not those of the verifying key's circuit";
    // Numbers of columns and of points; a missing point; more than there should be.
    for at in (64..112).step_by(8) {
        for add in [1, 255, 64] {
            let bad = changed(&good, |bytes| bytes[at] = bytes[at].wrapping_add(add));
            assert_eq!(setup.refused(&bad), why, "number at {at}");
        }
        let bad = changed(&good, |bytes| bytes[at..at + 8].fill(255));
        assert_eq!(setup.refused(&bad), why, "number at {at}");
    }
    let bad = changed(&good, |bytes| bytes.truncate(bytes.len() - 64));
    assert_eq!(setup.refused(&bad), why);
    let bad = changed(&good, |bytes| bytes.extend([0; 64]));
    assert_eq!(setup.refused(&bad), why);
    let bad = changed(&good, |bytes| bytes.truncate(64));
    assert_eq!(setup.refused(&bad), why);
    assert!(changed(&good, |_| ()) == good);
}
