//! The synthetic circuit's key, one proof, and a chain on which the contracts are deployed; made once.

use std::sync::LazyLock;

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::SolCall;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{Circuit, ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{TranscriptReadBuffer, TranscriptWriterBuffer},
};
use prover::{
    contract_key::{self, ContractKey, KeyError, KeyFigures},
    synthetic::Synthetic,
};
use rand::{SeedableRng, rngs::StdRng};
use snark_verifier::{loader::native::NativeLoader, system::halo2::transcript::evm::EvmTranscript};
use verifier_contract::{
    Verifier, artifact,
    deployment::{KeyCode, creation_code},
    local::{LocalL1, Receipt},
};

type Transcript<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// Rows of the smaller synthetic key: 2^9. The larger one has twice as many.
pub(crate) const K: u32 = 9;
/// Largest program of the keys: two of them, as the machine has.
const PROGRAM_BYTES: usize = 14_000;
/// Who deploys and calls.
pub(crate) const SENDER: Address = address!("00000000000000000000000000000000000005e1");
/// The L1's clock at first.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn words(public: &[Fr]) -> Vec<U256> {
    public
        .iter()
        .map(|p| U256::from_le_bytes(p.to_bytes()))
        .collect()
}

pub(crate) fn prove<C: Circuit<Fr>>(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    circuit: C,
    instance: &[&[Fr]],
) -> Vec<u8> {
    let mut transcript = <Transcript<Vec<u8>> as TranscriptWriterBuffer<_, _, _>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, _>, _, _, _, _>(
        params,
        pk,
        &[circuit],
        &[instance],
        StdRng::seed_from_u64(2),
        &mut transcript,
    )
    .expect("proof");
    transcript.finalize()
}

/// halo2's own verdict. Its reader does not ask whether anything is left over.
pub(crate) fn halo2_accepts(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    instance: &[&[Fr]],
    proof: &[u8],
) -> bool {
    let mut transcript = <Transcript<&[u8]> as TranscriptReadBuffer<_, _, _>>::init(proof);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, _>, _, _, _>(
        params.verifier_params(),
        pk.get_vk(),
        SingleStrategy::new(params),
        &[instance],
        &mut transcript,
    )
    .is_ok()
}

/// An L1 with the verifier.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) l1: LocalL1,
    pub(crate) verifier: Address,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let mut l1 = LocalL1::new(1, NOW);
        let receipt = l1
            .deploy(SENDER, artifact::verifier().unwrap().bytecode)
            .unwrap();
        Self {
            l1,
            verifier: receipt.created.unwrap(),
        }
    }

    pub(crate) fn deploy_key(&mut self, key: &ContractKey) -> Vec<Address> {
        std::iter::once(&key.head)
            .chain(&key.programs)
            .map(|code| {
                self.l1
                    .deploy(SENDER, creation_code(code))
                    .unwrap()
                    .created
                    .unwrap()
            })
            .collect()
    }

    pub(crate) fn verify(&self, key: &[Address], proof: &[u8], public: &[U256]) -> Receipt {
        let call = Verifier::verifyCall {
            key: key.to_vec(),
            instances: public.to_vec(),
            proof: proof.to_vec().into(),
        };
        self.l1
            .call(SENDER, self.verifier, call.abi_encode().into())
            .expect("valid transaction")
    }
}

/// Reference string, proving key and contract key of the synthetic circuit for one k.
pub(crate) struct Keys {
    pub(crate) k: u32,
    pub(crate) params: ParamsKZG<Bn256>,
    pub(crate) pk: ProvingKey<G1Affine>,
    pub(crate) key: ContractKey,
    pub(crate) figures: KeyFigures,
}

impl Keys {
    fn new(k: u32) -> Self {
        let params = ParamsKZG::<Bn256>::setup(k, StdRng::seed_from_u64(1));
        let circuit = Synthetic {
            k,
            ..Synthetic::default()
        };
        let vk = keygen_vk(&params, &circuit).expect("verifying key");
        let pk = keygen_pk(&params, vk, &circuit).expect("proving key");
        let exported = contract_key::export_within(&params, pk.get_vk(), 2, PROGRAM_BYTES);
        let (key, figures) = exported.expect("export");
        Self {
            k,
            params,
            pk,
            key,
            figures,
        }
    }

    /// The key for 2^K rows.
    pub(crate) fn small() -> &'static Self {
        static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(K));
        &KEYS
    }

    /// The key for 2^(K + 1) rows.
    pub(crate) fn large() -> &'static Self {
        static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::new(K + 1));
        &KEYS
    }

    pub(crate) fn prove(&self, public: [Fr; 2]) -> Vec<u8> {
        prove(
            &self.params,
            &self.pk,
            Synthetic {
                k: self.k,
                public,
                seed: 5,
            },
            &[&public],
        )
    }

    pub(crate) fn code(&self) -> KeyCode {
        KeyCode {
            head: self.key.head.clone().into(),
            programs: self.key.programs.iter().cloned().map(Bytes::from).collect(),
        }
    }
}

pub(crate) struct Fixture {
    keys: &'static Keys,
    pub(crate) figures: KeyFigures,
    pub(crate) key: ContractKey,
    pub(crate) public: [Fr; 2],
    pub(crate) proof: Vec<u8>,
    pub(crate) chain: Chain,
    /// Head, then programs.
    pub(crate) key_contracts: Vec<Address>,
    /// Gas of the honest proof.
    pub(crate) gas: u64,
}

/// What each verifier says.
pub(crate) struct Verdict {
    pub(crate) halo2: bool,
    pub(crate) mirror: Result<(), KeyError>,
    /// The revert data, or nothing.
    pub(crate) contract: Result<(), Bytes>,
    pub(crate) gas: u64,
}

impl Fixture {
    pub(crate) fn shared() -> &'static Self {
        static FIXTURE: LazyLock<Fixture> = LazyLock::new(Fixture::new);
        &FIXTURE
    }

    fn new() -> Self {
        let keys = Keys::small();
        let public = [Fr::from(11), Fr::from(1 << 40)];
        let proof = keys.prove(public);
        let mut chain = Chain::new();
        let key_contracts = chain.deploy_key(&keys.key);
        let gas = chain
            .verify(&key_contracts, &proof, &words(&public))
            .gas_used;
        Self {
            keys,
            figures: keys.figures,
            key: keys.key.clone(),
            public,
            proof,
            chain,
            key_contracts,
            gas,
        }
    }

    pub(crate) fn verdict(&self, proof: &[u8], public: &[Fr]) -> Verdict {
        let receipt = self
            .chain
            .verify(&self.key_contracts, proof, &words(public));
        let exact = proof.len() == self.figures.proof_bytes;
        Verdict {
            halo2: exact && halo2_accepts(&self.keys.params, &self.keys.pk, &[public], proof),
            mirror: contract_key::verify_with_key_data(&self.key, proof, &words(public)),
            contract: if receipt.success {
                Ok(())
            } else {
                Err(receipt.output)
            },
            gas: receipt.gas_used,
        }
    }
}
