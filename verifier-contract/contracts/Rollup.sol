// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVerifier} from "./IVerifier.sol";

/// @title The rollup on L1
/// @notice Keeps the chain of batches: the sequencer commits them, anyone proves them in order, and a proven batch is
/// final. The contract computes every hash that a proof is checked against from its own storage; a proof brings
/// nothing but itself, its size and the hash of the state at which one segment hands over to the next.
/// @dev There is no owner. Verifier, verifying keys, sequencer, chain id and time limits are fixed at deployment; a new
/// version is a new deployment.
contract Rollup {
    /// @notice What the constructor fixes.
    /// @param verifier The verifier contract and the hash of its code.
    /// @param sequencer Who may commit batches and revert unproven ones at any time.
    /// @param chainId Chain id of the L2.
    /// @param revertTimeout Seconds after which anyone may revert a batch that nobody proved.
    /// @param firstK Rows of the smallest shape, as a power of two; the heads are those of firstK, firstK + 1, ...
    /// @param heads Head contracts of the verifying keys, one per shape, at most six.
    /// @param headHashes Hashes of their code.
    /// @param programs Constraint programs, shared by all shapes, at most four.
    /// @param programHashes Hashes of their code.
    /// @param srsLabel Which structured reference string; it begins with "INSECURE" if the string's secret is known.
    /// @param stateRoot State root of genesis.
    /// @param blockHash Hash of block 0.
    /// @param timestamp Timestamp of block 0.
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

    /// @notice What the sequencer says of a batch when it commits it. Everything that the contract knows already is
    /// said again and compared, so a batch made for another state of the contract is refused.
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

    /// @notice A batch as it is kept. Batch 0 is genesis.
    struct Batch {
        bytes32 stateRoot;
        bytes32 blockHash;
        bytes32 payloadHash;
        uint64 lastBlock;
        uint64 lastTimestamp;
        uint64 committedAt;
        uint64 nonce;
    }

    /// @notice One proof: of the segment that begins where the one before ended.
    /// @param k Rows of the segment's shape, as a power of two.
    /// @param end Hash of the boundary state after the segment; after the last one it must be the batch's end.
    /// @param proof The proof's bytes.
    struct Segment {
        uint8 k;
        bytes32 end;
        bytes proof;
    }

    /// @notice A batch was committed. The payload is in the transaction's calldata.
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
    /// @notice A batch was proven and is final.
    event BatchProven(uint64 indexed number, bytes32 indexed batchHash, bytes32 stateRoot, uint256 segments);
    /// @notice The batches from `first` to `last` were taken back unproven.
    event BatchesReverted(uint64 first, uint64 last, address by);

    /// @notice Only the sequencer may do this.
    error NotSequencer();
    /// @notice The batch was made for another version of the protocol.
    error WrongVersion(uint64 expected, uint64 given);
    /// @notice The number is not the next one: a replay or a gap.
    error WrongBatchNumber(uint64 expected, uint64 given);
    /// @notice The first block does not follow the last one of the batch before.
    error WrongFirstBlock(uint64 expected, uint64 given);
    /// @notice The batch has no block.
    error NoBlock();
    /// @notice The batch starts from another state than the batch before ends in.
    error WrongPreviousState(bytes32 expected, bytes32 given);
    /// @notice The batch follows another block than the batch before ends with.
    error WrongPreviousBlock(bytes32 expected, bytes32 given);
    /// @notice The last timestamp is before that of the batch before.
    error TimestampBackwards(uint64 previous, uint64 given);
    /// @notice The last timestamp is too far beyond the L1's clock.
    error TimestampInFuture(uint64 latest, uint64 given);
    /// @notice The payload is empty or longer than a batch may be.
    error WrongPayloadLength(uint256 length);
    /// @notice There is no committed batch of this number.
    error UnknownBatch(uint64 number);
    /// @notice The batch is proven and cannot be taken back.
    error BatchIsFinal(uint64 number);
    /// @notice The batch may not be reverted by anyone before this time.
    error TooEarly(uint64 notBefore);
    /// @notice There is no verifying key for this number of rows.
    error UnknownShape(uint8 k);
    /// @notice No batch, or a batch without a segment.
    error NothingToProve();
    /// @notice The last segment does not end where the batch ends.
    error WrongEnd(bytes32 expected, bytes32 given);
    /// @notice A contract that the deployment names does not have the code that it names.
    error WrongCode(address account);
    /// @notice The deployment's configuration is not one.
    error WrongConfiguration();

    /// @notice Version of the protocol that this contract serves.
    uint64 public constant PROTOCOL_VERSION = 1;
    /// @notice Longest payload in bytes.
    uint256 public constant MAX_PAYLOAD_BYTES = 120_000;
    /// @notice How far a batch's last timestamp may be beyond the L1's clock, in seconds.
    uint64 public constant MAX_CLOCK_DRIFT = 900;

    bytes32 private constant BATCH_DOMAIN = keccak256("hallmark.batch");
    bytes32 private constant SEGMENT_DOMAIN = keccak256("hallmark.segment");

    /// @notice The verifier.
    IVerifier public immutable VERIFIER;
    /// @notice Who commits batches.
    address public immutable SEQUENCER;
    /// @notice Chain id of the L2.
    uint64 public immutable CHAIN_ID;
    /// @notice Seconds after which anyone may revert an unproven batch.
    uint64 public immutable REVERT_TIMEOUT;
    /// @notice Rows of the smallest shape, as a power of two.
    uint8 public immutable FIRST_K;
    /// @notice Number of shapes.
    uint8 public immutable SHAPES;
    /// @notice Label of the structured reference string. If it begins with "INSECURE", anyone can forge proofs.
    bytes32 public immutable SRS_LABEL;

    address private immutable HEAD_0;
    address private immutable HEAD_1;
    address private immutable HEAD_2;
    address private immutable HEAD_3;
    address private immutable HEAD_4;
    address private immutable HEAD_5;
    uint256 private immutable PROGRAMS;
    address private immutable PROGRAM_0;
    address private immutable PROGRAM_1;
    address private immutable PROGRAM_2;
    address private immutable PROGRAM_3;

    /// @notice Number of the last committed batch.
    uint64 public committedBatches;
    /// @notice Number of the last proven batch.
    uint64 public provenBatches;
    /// @notice How many batches were ever committed, reverted ones included: the nonce of the next one.
    uint64 public commits;

    mapping(uint64 number => Batch) private batches;

    constructor(Configuration memory c) {
        uint256 heads = c.heads.length;
        uint256 programs = c.programs.length;
        if (heads == 0 || heads > 6 || heads != c.headHashes.length) revert WrongConfiguration();
        if (programs == 0 || programs > 4 || programs != c.programHashes.length) revert WrongConfiguration();
        if (c.sequencer == address(0) || c.chainId == 0) revert WrongConfiguration();
        checkCode(c.verifier, c.verifierHash);
        for (uint256 i = 0; i < heads; ++i) checkCode(c.heads[i], c.headHashes[i]);
        for (uint256 i = 0; i < programs; ++i) checkCode(c.programs[i], c.programHashes[i]);

        VERIFIER = IVerifier(c.verifier);
        SEQUENCER = c.sequencer;
        CHAIN_ID = c.chainId;
        REVERT_TIMEOUT = c.revertTimeout;
        FIRST_K = c.firstK;
        SHAPES = uint8(heads);
        SRS_LABEL = c.srsLabel;
        HEAD_0 = c.heads[0];
        HEAD_1 = heads > 1 ? c.heads[1] : address(0);
        HEAD_2 = heads > 2 ? c.heads[2] : address(0);
        HEAD_3 = heads > 3 ? c.heads[3] : address(0);
        HEAD_4 = heads > 4 ? c.heads[4] : address(0);
        HEAD_5 = heads > 5 ? c.heads[5] : address(0);
        PROGRAMS = programs;
        PROGRAM_0 = c.programs[0];
        PROGRAM_1 = programs > 1 ? c.programs[1] : address(0);
        PROGRAM_2 = programs > 2 ? c.programs[2] : address(0);
        PROGRAM_3 = programs > 3 ? c.programs[3] : address(0);

        Batch storage genesis = batches[0];
        genesis.stateRoot = c.stateRoot;
        genesis.blockHash = c.blockHash;
        genesis.lastTimestamp = c.timestamp;
        genesis.committedAt = uint64(block.timestamp);
    }

    function checkCode(address account, bytes32 codeHash) private view {
        if (account.code.length == 0 || account.codehash != codeHash) revert WrongCode(account);
    }

    // ---- What changes the chain

    /// @notice Appends a batch. Only the sequencer.
    /// @param header What the batch claims.
    /// @param payload The batch's blocks and transactions. The contract hashes it; from payloads alone anyone can
    /// rebuild the L2.
    function commitBatch(Header calldata header, bytes calldata payload) external {
        if (msg.sender != SEQUENCER) revert NotSequencer();
        if (header.version != PROTOCOL_VERSION) revert WrongVersion(PROTOCOL_VERSION, header.version);
        uint64 number = committedBatches + 1;
        if (header.number != number) revert WrongBatchNumber(number, header.number);
        Batch storage previous = batches[number - 1];
        uint64 firstBlock = previous.lastBlock + 1;
        if (header.firstBlock != firstBlock) revert WrongFirstBlock(firstBlock, header.firstBlock);
        if (header.lastBlock < firstBlock) revert NoBlock();
        if (header.previousStateRoot != previous.stateRoot) {
            revert WrongPreviousState(previous.stateRoot, header.previousStateRoot);
        }
        if (header.previousBlockHash != previous.blockHash) {
            revert WrongPreviousBlock(previous.blockHash, header.previousBlockHash);
        }
        if (header.lastTimestamp < previous.lastTimestamp) {
            revert TimestampBackwards(previous.lastTimestamp, header.lastTimestamp);
        }
        uint64 latest = uint64(block.timestamp) + MAX_CLOCK_DRIFT;
        if (header.lastTimestamp > latest) revert TimestampInFuture(latest, header.lastTimestamp);
        if (payload.length == 0 || payload.length > MAX_PAYLOAD_BYTES) revert WrongPayloadLength(payload.length);

        Batch memory batch = Batch({
            stateRoot: header.stateRoot,
            blockHash: header.blockHash,
            payloadHash: keccak256(payload),
            lastBlock: header.lastBlock,
            lastTimestamp: header.lastTimestamp,
            committedAt: uint64(block.timestamp),
            nonce: commits
        });
        bytes32 hash = hashBatch(number, previous, batch);
        batches[number] = batch;
        committedBatches = number;
        commits = batch.nonce + 1;
        emit BatchCommitted(
            number,
            hash,
            batch.payloadHash,
            batch.stateRoot,
            batch.blockHash,
            firstBlock,
            batch.lastBlock,
            batch.lastTimestamp,
            batch.nonce
        );
    }

    /// @notice Proves committed batches, in order, from the first unproven one. Anyone.
    /// @param first Number of the first batch proven by this call.
    /// @param proofs For each batch its segments, in order.
    function proveBatches(uint64 first, Segment[][] calldata proofs) external {
        if (first != provenBatches + 1) revert WrongBatchNumber(provenBatches + 1, first);
        if (proofs.length == 0) revert NothingToProve();
        if (proofs.length > committedBatches - provenBatches) revert UnknownBatch(committedBatches + 1);
        Batch memory previous = batches[first - 1];
        for (uint256 i = 0; i < proofs.length; ++i) {
            uint64 number = first + uint64(i);
            Batch memory batch = batches[number];
            bytes32 hash = hashBatch(number, previous, batch);
            proveBatch(hash, hashStart(previous), hashEnd(batch), proofs[i]);
            emit BatchProven(number, hash, batch.stateRoot, proofs[i].length);
            previous = batch;
        }
        provenBatches = first + uint64(proofs.length) - 1;
    }

    /// @notice Takes back all batches after `last`, which must not be proven. The sequencer at any time, anyone once
    /// the first of them has waited for its proof for the set time.
    /// @param last Number of the last batch that stays.
    function revertBatches(uint64 last) external {
        uint64 committed = committedBatches;
        if (last >= committed) revert UnknownBatch(last + 1);
        if (last < provenBatches) revert BatchIsFinal(last + 1);
        if (msg.sender != SEQUENCER) {
            uint64 notBefore = batches[last + 1].committedAt + REVERT_TIMEOUT;
            if (block.timestamp < notBefore) revert TooEarly(notBefore);
        }
        for (uint64 number = committed; number > last; --number) delete batches[number];
        committedBatches = last;
        emit BatchesReverted(last + 1, committed, msg.sender);
    }

    // ---- Views

    /// @notice State root after the last proven batch.
    function stateRoot() external view returns (bytes32) {
        return batches[provenBatches].stateRoot;
    }

    /// @notice A committed batch.
    function getBatch(uint64 number) external view returns (Batch memory) {
        if (number > committedBatches) revert UnknownBatch(number);
        return batches[number];
    }

    /// @notice Whether the batch is proven.
    function isFinal(uint64 number) external view returns (bool) {
        return number <= provenBatches;
    }

    /// @notice Batch hash of a committed batch other than genesis, as the protocol defines it.
    function batchHash(uint64 number) external view returns (bytes32) {
        if (number == 0 || number > committedBatches) revert UnknownBatch(number);
        return hashBatch(number, batches[number - 1], batches[number]);
    }

    /// @notice Hashes of the boundary states before and after a committed batch other than genesis.
    function boundaries(uint64 number) external view returns (bytes32 start, bytes32 end) {
        if (number == 0 || number > committedBatches) revert UnknownBatch(number);
        return (hashStart(batches[number - 1]), hashEnd(batches[number]));
    }

    /// @notice The contracts of the verifying key for 2^k rows: the head, then the programs.
    function keyFor(uint8 k) public view returns (address[] memory key) {
        if (k < FIRST_K || k >= FIRST_K + SHAPES) revert UnknownShape(k);
        uint256 shape = k - FIRST_K;
        key = new address[](1 + PROGRAMS);
        key[0] = shape < 3
            ? (shape == 0 ? HEAD_0 : shape == 1 ? HEAD_1 : HEAD_2)
            : (shape == 3 ? HEAD_3 : shape == 4 ? HEAD_4 : HEAD_5);
        key[1] = PROGRAM_0;
        if (PROGRAMS > 1) key[2] = PROGRAM_1;
        if (PROGRAMS > 2) key[3] = PROGRAM_2;
        if (PROGRAMS > 3) key[4] = PROGRAM_3;
    }

    // ---- Statements

    function proveBatch(bytes32 hash, bytes32 start, bytes32 end, Segment[] calldata segments) private view {
        if (segments.length == 0) revert NothingToProve();
        bytes32 last = segments[segments.length - 1].end;
        if (last != end) revert WrongEnd(end, last);
        for (uint256 i = 0; i < segments.length; ++i) {
            Segment calldata segment = segments[i];
            uint256 statement = uint256(
                keccak256(abi.encode(SEGMENT_DOMAIN, uint256(PROTOCOL_VERSION), uint256(CHAIN_ID), hash, start, segment.end))
            );
            uint256[] memory instances = new uint256[](2);
            instances[0] = statement >> 128;
            instances[1] = uint128(statement);
            VERIFIER.verify(keyFor(segment.k), instances, segment.proof);
            start = segment.end;
        }
    }

    /// @dev Queue index and hash before and after, and the withdrawal root, are 0 in this version.
    function hashBatch(uint64 number, Batch memory previous, Batch memory batch) private view returns (bytes32) {
        bytes memory claims = abi.encode(
            previous.stateRoot,
            batch.stateRoot,
            previous.blockHash,
            batch.blockHash,
            batch.payloadHash,
            bytes32(0),
            bytes32(0),
            bytes32(0),
            bytes32(0),
            bytes32(0)
        );
        return keccak256(
            bytes.concat(
                abi.encode(
                    BATCH_DOMAIN,
                    uint256(PROTOCOL_VERSION),
                    uint256(CHAIN_ID),
                    uint256(number),
                    uint256(batch.nonce),
                    uint256(previous.lastBlock) + 1,
                    uint256(batch.lastBlock),
                    uint256(batch.lastTimestamp)
                ),
                claims
            )
        );
    }

    /// @dev The boundary state at a batch's start: 21 words, of which the queue's, the withdrawal root, the payload's
    /// sponge and all that is in progress are 0.
    function hashStart(Batch memory previous) private pure returns (bytes32) {
        return hashBoundary(
            previous.stateRoot, previous.blockHash, previous.lastBlock, previous.lastTimestamp, bytes32(0)
        );
    }

    /// @dev The boundary state at a batch's end: the payload's sponge is its final digest.
    function hashEnd(Batch memory batch) private pure returns (bytes32) {
        return hashBoundary(
            batch.stateRoot, batch.blockHash, batch.lastBlock, batch.lastTimestamp, batch.payloadHash
        );
    }

    function hashBoundary(bytes32 root, bytes32 tip, uint256 number, uint256 timestamp, bytes32 sponge)
        private
        pure
        returns (bytes32)
    {
        bytes32[21] memory words;
        words[0] = root;
        words[1] = tip;
        words[2] = bytes32(number);
        words[3] = bytes32(timestamp);
        words[7] = sponge;
        return keccak256(abi.encode(words));
    }
}
