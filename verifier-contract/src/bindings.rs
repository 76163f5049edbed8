//! Calls, events and errors of the contracts. A test compares them with the compiled ABI.
#![allow(missing_docs, reason = "the Solidity sources document each item")]
#![allow(
    clippy::too_many_arguments,
    reason = "an event has as many fields as it has"
)]

alloy_sol_types::sol! {
    /// The verifier of halo2 proofs.
    #[derive(Debug, PartialEq, Eq)]
    contract Verifier {
        error InvalidKey();
        error InvalidInstance();
        error InvalidProofLength();
        error InvalidScalar();
        error InvalidPoint();
        error DegenerateChallenge();
        error ProofRejected();
        function verify(address[] calldata key, uint256[] calldata instances, bytes calldata proof) external view;
    }

    /// The rollup.
    #[derive(Debug, PartialEq, Eq)]
    contract Rollup {
        struct Configuration {
            address verifier;
            bytes32 verifierHash;
            address sequencer;
            uint64 chainId;
            uint64 revertTimeout;
            uint8 firstK;
            address[] heads;
            bytes32[] headHashes;
            address[] programs;
            bytes32[] programHashes;
            bytes32 srsLabel;
            bytes32 stateRoot;
            bytes32 blockHash;
            uint64 timestamp;
        }
        struct Header {
            uint64 version;
            uint64 number;
            uint64 firstBlock;
            uint64 lastBlock;
            uint64 lastTimestamp;
            bytes32 previousStateRoot;
            bytes32 stateRoot;
            bytes32 previousBlockHash;
            bytes32 blockHash;
        }
        struct Batch {
            bytes32 stateRoot;
            bytes32 blockHash;
            bytes32 payloadHash;
            uint64 lastBlock;
            uint64 lastTimestamp;
            uint64 committedAt;
            uint64 nonce;
        }
        struct Segment {
            uint8 k;
            bytes32 end;
            bytes proof;
        }

        event BatchCommitted(
            uint64 indexed number,
            bytes32 indexed batchHash,
            bytes32 payloadHash,
            bytes32 stateRoot,
            bytes32 blockHash,
            uint64 firstBlock,
            uint64 lastBlock,
            uint64 lastTimestamp,
            uint64 nonce
        );
        event BatchProven(uint64 indexed number, bytes32 indexed batchHash, bytes32 stateRoot, uint256 segments);
        event BatchesReverted(uint64 first, uint64 last, address by);

        error NotSequencer();
        error WrongVersion(uint64 expected, uint64 given);
        error WrongBatchNumber(uint64 expected, uint64 given);
        error WrongFirstBlock(uint64 expected, uint64 given);
        error NoBlock();
        error WrongPreviousState(bytes32 expected, bytes32 given);
        error WrongPreviousBlock(bytes32 expected, bytes32 given);
        error TimestampBackwards(uint64 previous, uint64 given);
        error TimestampInFuture(uint64 latest, uint64 given);
        error WrongPayloadLength(uint256 length);
        error UnknownBatch(uint64 number);
        error BatchIsFinal(uint64 number);
        error TooEarly(uint64 notBefore);
        error UnknownShape(uint8 k);
        error NothingToProve();
        error WrongEnd(bytes32 expected, bytes32 given);
        error WrongCode(address account);
        error WrongConfiguration();

        constructor(Configuration memory c);
        function commitBatch(Header calldata header, bytes calldata payload) external;
        function proveBatches(uint64 first, Segment[][] calldata proofs) external;
        function revertBatches(uint64 last) external;
        function stateRoot() external view returns (bytes32);
        function getBatch(uint64 number) external view returns (Batch memory);
        function isFinal(uint64 number) external view returns (bool);
        function batchHash(uint64 number) external view returns (bytes32);
        function boundaries(uint64 number) external view returns (bytes32 start, bytes32 end);
        function keyFor(uint8 k) external view returns (address[] memory key);
        function committedBatches() external view returns (uint64);
        function provenBatches() external view returns (uint64);
        function commits() external view returns (uint64);
        function PROTOCOL_VERSION() external view returns (uint64);
        function MAX_PAYLOAD_BYTES() external view returns (uint256);
        function MAX_CLOCK_DRIFT() external view returns (uint64);
        function VERIFIER() external view returns (address);
        function SEQUENCER() external view returns (address);
        function CHAIN_ID() external view returns (uint64);
        function REVERT_TIMEOUT() external view returns (uint64);
        function FIRST_K() external view returns (uint8);
        function SHAPES() external view returns (uint8);
        function SRS_LABEL() external view returns (bytes32);
    }

    /// The token of ERC-20.
    #[derive(Debug, PartialEq, Eq)]
    contract Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Approval(address indexed owner, address indexed spender, uint256 value);

        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InvalidSender(address sender);
        error ERC20InvalidReceiver(address receiver);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error ERC20InvalidApprover(address approver);
        error ERC20InvalidSpender(address spender);

        constructor(string memory name_, string memory symbol_);
        function name() external view returns (string memory);
        function symbol() external view returns (string memory);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function transfer(address to, uint256 value) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 value) external returns (bool);
        function transferFrom(address from, address to, uint256 value) external returns (bool);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_sol_types::SolInterface;

    use super::{Rollup, Token, Verifier};
    use crate::artifact::{self, Artifact};

    /// The canonical signature of an ABI entry.
    fn signature(entry: &serde_json::Value) -> String {
        fn kind(parameter: &serde_json::Value) -> String {
            let kind = parameter["type"].as_str().unwrap_or_default();
            match kind.strip_prefix("tuple") {
                Some(suffix) => format!("{}{suffix}", list(&parameter["components"])),
                None => kind.to_owned(),
            }
        }
        fn list(parameters: &serde_json::Value) -> String {
            let kinds: Vec<_> = parameters
                .as_array()
                .into_iter()
                .flatten()
                .map(kind)
                .collect();
            format!("({})", kinds.join(","))
        }
        format!(
            "{}{}",
            entry["name"].as_str().unwrap_or_default(),
            list(&entry["inputs"])
        )
    }

    fn hashes(artifact: &Artifact, of: &str) -> BTreeSet<Vec<u8>> {
        let length = if of == "event" { 32 } else { 4 };
        let entries = artifact.abi.as_array().expect("ABI");
        let entries = entries.iter().filter(|e| e["type"] == of);
        entries
            .map(|e| alloy_primitives::keccak256(signature(e))[..length].to_vec())
            .collect()
    }

    fn selectors<T: SolInterface>() -> BTreeSet<Vec<u8>> {
        T::selectors().map(|s| s.to_vec()).collect()
    }

    #[test]
    fn bindings_are_the_compiled_abi() {
        let (verifier, rollup) = (artifact::verifier().unwrap(), artifact::rollup().unwrap());
        assert_eq!(
            hashes(&verifier, "function"),
            selectors::<Verifier::VerifierCalls>()
        );
        assert_eq!(
            hashes(&verifier, "error"),
            selectors::<Verifier::VerifierErrors>()
        );
        assert_eq!(
            hashes(&rollup, "function"),
            selectors::<Rollup::RollupCalls>()
        );
        assert_eq!(
            hashes(&rollup, "error"),
            selectors::<Rollup::RollupErrors>()
        );
        let topics = |selectors: &[[u8; 32]]| selectors.iter().map(|s| s.to_vec()).collect();
        let events: BTreeSet<_> = topics(Rollup::RollupEvents::SELECTORS);
        assert_eq!(hashes(&rollup, "event"), events);

        let token = artifact::token().unwrap();
        assert_eq!(hashes(&token, "function"), selectors::<Token::TokenCalls>());
        assert_eq!(hashes(&token, "error"), selectors::<Token::TokenErrors>());
        let events: BTreeSet<_> = topics(Token::TokenEvents::SELECTORS);
        assert_eq!(hashes(&token, "event"), events);
    }

    #[test]
    fn contracts_can_be_deployed() {
        let artifacts = [artifact::verifier(), artifact::rollup(), artifact::token()];
        for artifact in artifacts.map(Result::unwrap) {
            assert!(artifact.runtime.len() <= 24_576, "{}", artifact.contract);
            assert!(
                artifact.compiler.starts_with("0.8.37"),
                "{}",
                artifact.compiler
            );
        }
    }
}
