use std::fs;
use std::path::Path;

use ff::{Field, PrimeField};
use group::Curve;
use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::bn256::{Fq, G1, G2};
use halo2_proofs::halo2curves::serde::SerdeObject;
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::{Blind, ParamsProver};

use super::*;
use crate::progress::Silent;
use halo2_proofs::halo2curves::bn256::Fr;

fn ceremony(k: u32) -> ParamsKZG<Bn256> {
    ParamsKZG::setup(
        k,
        <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(5),
    )
}

/// A string of another secret than the development one.
pub(crate) fn foreign(k: u32) -> Srs {
    Srs::new(ceremony(k))
}

fn raw(params: &ParamsKZG<Bn256>) -> Vec<u8> {
    let mut bytes = Vec::new();
    params
        .write_custom(&mut bytes, SerdeFormat::RawBytes)
        .unwrap();
    bytes
}

/// A `.ptau` file for a secret, as snarkjs lays it out. `edit` may change a section.
fn ptau(tau: Fr, power: u32, prepared: bool, edit: impl Fn(u32, &mut Vec<u8>)) -> Vec<u8> {
    let g1 = |s: Fr| (G1::generator() * s).to_affine().to_raw_bytes();
    let g2 = |s: Fr| (G2::generator() * s).to_affine().to_raw_bytes();
    let mut modulus = (-Fq::ONE).to_repr();
    modulus[0] += 1;
    let mut header = 32u32.to_le_bytes().to_vec();
    header.extend(modulus);
    header.extend(power.to_le_bytes());
    header.extend(power.to_le_bytes());
    let powers = |count: usize| (0..count as u64).map(|i| tau.pow_vartime([i]));
    let mut sections = vec![
        (1, header),
        (
            2,
            powers((2 << power) - 1).flat_map(g1).collect::<Vec<u8>>(),
        ),
        (3, powers(1 << power).flat_map(g2).collect()),
        (7, vec![0; 4]),
    ];
    if prepared {
        let mut points = Vec::new();
        for k in 0..=power {
            let n = Fr::from(1u64 << k);
            let root = ptau::root_of_unity(k);
            for i in 0..1u64 << k {
                let at = root.pow_vartime([i]);
                let scalar = (tau.pow_vartime([1u64 << k]) - Fr::ONE)
                    * at
                    * (n * (tau - at)).invert().unwrap();
                points.extend(g1(scalar));
            }
        }
        sections.push((12, points));
    }
    let mut bytes = b"ptau".to_vec();
    bytes.extend(1u32.to_le_bytes());
    bytes.extend((sections.len() as u32).to_le_bytes());
    for (number, mut contents) in sections {
        edit(number, &mut contents);
        bytes.extend(number.to_le_bytes());
        bytes.extend((contents.len() as u64).to_le_bytes());
        bytes.extend(contents);
    }
    bytes
}

fn import(
    bytes: &[u8],
    k: std::ops::RangeInclusive<u32>,
) -> Result<(tempfile::TempDir, SrsLabel), SrsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("source");
    fs::write(&path, bytes).unwrap();
    let label = SrsStore::new(dir.path()).import(&path, k, &Silent)?;
    Ok((dir, label))
}

// POSITIVE

#[test]
fn the_development_string_is_one_secrets_powers_in_both_bases() {
    let srs = Srs::development(6, &Silent).unwrap();
    check::powers(srs.params.get_g(), &srs.params.g2(), &srs.params.s_g2()).unwrap();
    let (_, basis) = file::parse_raw(&raw(&srs.params)).unwrap();
    assert!(check::same_polynomial(6, srs.params.get_g(), &basis));
    // halo2's own commitments in the two bases agree too.
    let domain = EvaluationDomain::<Fr>::new(1, 6);
    let values = domain.lagrange_from_vec((0..64u64).map(Fr::from).collect());
    let by_values = srs.params.commit_lagrange(&values, Blind::default());
    assert_eq!(
        by_values,
        srs.params
            .commit(&domain.lagrange_to_coeff(values), Blind::default())
    );
    assert!(srs.label().is_insecure());
    assert_eq!(srs.verifier(), VerifierSrs::development());
}

#[test]
fn the_store_reads_back_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path());
    let made = store.development(5, &Silent).unwrap();
    let written = fs::metadata(store.path(made.label(), 5))
        .unwrap()
        .modified()
        .unwrap();
    let again = store.development(5, &Silent).unwrap();
    assert_eq!(raw(&made.params), raw(&again.params));
    assert_eq!(
        fs::metadata(store.path(made.label(), 5))
            .unwrap()
            .modified()
            .unwrap(),
        written
    );
}

#[test]
fn ptau_files_prepared_and_not_give_the_same_strings() {
    let tau = Fr::from(123_456_789);
    let (plain, label) = import(&ptau(tau, 4, false, |_, _| ()), 2..=4).unwrap();
    let (prepared, same) = import(&ptau(tau, 4, true, |_, _| ()), 2..=4).unwrap();
    assert_eq!(label, same);
    assert!(!label.is_insecure());
    for k in 2..=4 {
        let a = SrsStore::new(plain.path())
            .imported(label, k, &Silent)
            .unwrap();
        let b = SrsStore::new(prepared.path())
            .imported(label, k, &Silent)
            .unwrap();
        assert_eq!(raw(&a.params), raw(&b.params));
        assert_eq!(a.params.get_g()[1], (G1::generator() * tau).to_affine());
    }
}

#[test]
fn a_prepared_file_with_a_wrong_basis_is_recomputed() {
    let tau = Fr::from(99);
    let (good, label) = import(&ptau(tau, 3, true, |_, _| ()), 3..=3).unwrap();
    let swap = |number: u32, bytes: &mut Vec<u8>| {
        if number == 12 {
            let point = bytes[..64].to_vec();
            bytes[64 * 9..64 * 10].copy_from_slice(&point);
        }
    };
    let (other, same) = import(&ptau(tau, 3, true, swap), 3..=3).unwrap();
    assert_eq!(label, same);
    let read = |dir: &Path| {
        raw(&SrsStore::new(dir)
            .imported(label, 3, &Silent)
            .unwrap()
            .params)
    };
    assert_eq!(read(good.path()), read(other.path()));
}

#[test]
fn halo2s_raw_form_is_imported_and_a_smaller_size_is_cut_from_it() {
    let params = ceremony(5);
    let (dir, label) = import(&raw(&params), 5..=5).unwrap();
    let store = SrsStore::new(dir.path());
    assert_eq!(
        raw(&store.imported(label, 5, &Silent).unwrap().params),
        raw(&params)
    );
    let mut smaller = params;
    smaller.downsize(3);
    assert_eq!(
        raw(&store.imported(label, 3, &Silent).unwrap().params),
        raw(&smaller)
    );
    assert!(store.path(label, 3).exists());
}

#[test]
fn importing_the_development_secret_keeps_the_insecure_label() {
    let srs = Srs::development(3, &Silent).unwrap();
    let (_, label) = import(&raw(&srs.params), 3..=3).unwrap();
    assert!(label.is_insecure());
}

// NEGATIVE

fn refusal(bytes: &[u8], k: u32) -> String {
    import(bytes, k..=k).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_damaged_cached_string_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = SrsStore::new(dir.path());
    let made = store.development(4, &Silent).unwrap();
    let path = store.path(made.label(), 4);
    let good = fs::read(&path).unwrap();
    for change in [0, 9, 13, 60, good.len() - 1] {
        let mut bad = good.clone();
        bad[change] ^= 1;
        fs::write(&path, bad).unwrap();
        assert_eq!(
            raw(&store.development(4, &Silent).unwrap().params),
            raw(&made.params)
        );
        assert_eq!(fs::read(&path).unwrap(), good);
    }
    // A whole file of another size under this name.
    fs::copy(
        store.path(store.development(3, &Silent).unwrap().label(), 3),
        &path,
    )
    .unwrap();
    assert_eq!(store.development(4, &Silent).unwrap().k(), 4);
}

#[test]
fn a_damaged_imported_string_is_an_error_that_names_the_file() {
    let (dir, label) = import(&raw(&ceremony(3)), 3..=3).unwrap();
    let store = SrsStore::new(dir.path());
    let path = store.path(label, 3);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = store.imported(label, 3, &Silent).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("k3"), "{error}");
}

#[test]
fn a_label_that_was_not_imported() {
    let dir = tempfile::tempdir().unwrap();
    let label = SrsLabel::of(&G2Affine::generator());
    let error = SrsStore::new(dir.path())
        .imported(label, 3, &Silent)
        .unwrap_err();
    assert!(matches!(error, SrsError::NotImported { .. }));
}

#[test]
fn unsupported_sizes() {
    assert!(matches!(
        Srs::development(0, &Silent),
        Err(SrsError::Size { k: 0 })
    ));
    assert!(matches!(
        Srs::development(21, &Silent),
        Err(SrsError::Size { k: 21 })
    ));
}

#[test]
fn ptau_points_that_are_no_powers_are_refused() {
    let tau = Fr::from(77);
    let other = (G1::generator() * Fr::from(3)).to_affine().to_raw_bytes();
    for i in 0..8usize {
        let text = refusal(
            &ptau(tau, 3, false, |n, bytes| {
                if n == 2 {
                    bytes[64 * i..64 * (i + 1)].copy_from_slice(&other);
                }
            }),
            3,
        );
        assert!(
            if i == 0 {
                text.contains("generator")
            } else {
                text.contains("pairing check")
            },
            "{i}: {text}"
        );
    }
    // A point off the curve, and a coordinate that is not canonical.
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 2 {
                b[64 * 5] ^= 1
            }
        }),
        3,
    );
    assert!(text.contains("G1 point 5"), "{text}");
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 2 {
                b[64 * 5..64 * 6].fill(255)
            }
        }),
        3,
    );
    assert!(text.contains("G1 point 5"), "{text}");
}

#[test]
fn ptau_g2_points_are_checked() {
    let tau = Fr::from(77);
    let g2 = |s: u64| (G2::generator() * Fr::from(s)).to_affine().to_raw_bytes();
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 3 {
                b[..128].copy_from_slice(&g2(2))
            }
        }),
        3,
    );
    assert!(text.contains("G2 is not the group's generator"), "{text}");
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 3 {
                b[128..256].copy_from_slice(&g2(78))
            }
        }),
        3,
    );
    assert!(text.contains("pairing check"), "{text}");
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 3 {
                b[128..256].fill(0)
            }
        }),
        3,
    );
    assert!(text.contains("prime order"), "{text}");
    let text = refusal(
        &ptau(tau, 3, false, |n, b| {
            if n == 3 {
                b[128] ^= 1
            }
        }),
        3,
    );
    assert!(text.contains("G2 point is not a point"), "{text}");
}

#[test]
fn a_g2_point_outside_the_subgroup_is_refused() {
    use group::cofactor::CofactorGroup;
    use halo2_proofs::halo2curves::CurveExt;
    use halo2_proofs::halo2curves::bn256::Fq2;
    // The twist has a large cofactor: nearly every point on it is outside the subgroup.
    let stray = (1u64..)
        .find_map(|x| {
            let x = Fq2::from(x);
            let y: Fq2 = Option::from((x.square() * x + G2::b()).sqrt())?;
            let point = G2Affine { x, y };
            (!bool::from(G2::from(point).is_torsion_free())).then_some(point)
        })
        .unwrap();
    let text = refusal(
        &ptau(Fr::from(7), 3, false, |n, b| {
            if n == 3 {
                b[128..256].copy_from_slice(&stray.to_raw_bytes())
            }
        }),
        3,
    );
    assert!(text.contains("prime order"), "{text}");
}

#[test]
fn a_trivial_secret_is_refused() {
    for tau in [Fr::ZERO, Fr::ONE, -Fr::ONE] {
        let text = refusal(&ptau(tau, 2, false, |_, _| ()), 2);
        assert!(
            text.contains("trivial") || text.contains("prime order"),
            "{text}"
        );
    }
}

#[test]
fn ptau_structure_errors() {
    let good = ptau(Fr::from(77), 3, false, |_, _| ());
    for (length, name) in [
        (0, "short"),
        (8, "short"),
        (20, "short"),
        (300, "short"),
        (good.len() - 1, "short"),
    ] {
        let text = refusal(&good[..length], 3);
        assert!(text.contains(name), "{length}: {text}");
    }
    let text = refusal(
        &ptau(Fr::from(77), 3, false, |n, b| {
            if n == 1 {
                b[4] ^= 1
            }
        }),
        3,
    );
    assert!(text.contains("another curve"), "{text}");
    let text = refusal(
        &ptau(Fr::from(77), 3, false, |n, b| {
            if n == 1 {
                b[36] = 4
            }
        }),
        3,
    );
    assert!(text.contains("section 2 has"), "{text}");
    let text = refusal(
        &ptau(Fr::from(77), 3, false, |n, b| {
            if n == 1 {
                b[36] = 200
            }
        }),
        3,
    );
    assert!(text.contains("its power is 200"), "{text}");
    let text = refusal(&good, 4);
    assert!(text.contains("holds 2^3 points, 2^4 are needed"), "{text}");
    let mut version = good.clone();
    version[4] = 2;
    assert!(refusal(&version, 3).contains("version is 2"));
    let mut sections = good;
    sections[8..12].fill(255);
    assert!(refusal(&sections, 3).contains("sections"));
}

#[test]
fn halo2s_raw_form_is_checked() {
    let good = raw(&ceremony(3));
    for at in [4 + 64 * 3, 4 + 64 * 8 + 64 * 2, 4 + 64 * 16] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(refusal(&bad, 3).contains("not a point"), "{at}");
    }
    // The fourth power in the place of the third; two Lagrange points swapped.
    let mut bad = good.clone();
    bad.copy_within(4 + 64 * 4..4 + 64 * 5, 4 + 64 * 3);
    assert!(refusal(&bad, 3).contains("pairing check"));
    let mut bad = good.clone();
    bad.copy_within(4 + 64 * 9..4 + 64 * 10, 4 + 64 * 10);
    assert!(refusal(&bad, 3).contains("Lagrange"));
    assert!(refusal(&good[..good.len() - 1], 3).contains("bytes of points"));
    assert!(refusal(&[3, 0, 0, 0], 3).contains("bytes of points"));
    assert!(refusal(&[255; 64], 3).contains("2^4294967295"));
}
