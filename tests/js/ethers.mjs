// Drives a node with ethers: transfers of each type, receipts, blocks, fees, refusals.
import assert from "node:assert/strict";
import { JsonRpcProvider, Wallet, isError, parseEther, toBeHex } from "ethers";
import { CONTRACT, RECIPIENTS, key, refused, report, url } from "./check.mjs";

const provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
const wallet = new Wallet(key, provider);
const { chainId } = await provider.getNetwork();
const first = await provider.getTransactionCount(wallet.address);
const before = await provider.getBalance(wallet.address);
assert.ok(before > parseEther("10"), "the funded account has no ether");

// One transfer of each type, populated by ethers.
let fees = 0n;
const hashes = [];
for (const [type, to] of RECIPIENTS.entries()) {
  const extra = type === 1 ? { accessList: [{ address: to, storageKeys: [toBeHex(1, 32)] }] } : {};
  const sent = await wallet.sendTransaction({ type, to, value: parseEther("1"), ...extra });
  const receipt = await sent.wait(1, 20_000);
  assert.equal(receipt.status, 1);
  assert.equal(receipt.type, type);
  assert.equal(receipt.to, to);
  assert.equal(receipt.from, wallet.address);
  assert.equal(receipt.logs.length, 0);
  assert.equal(receipt.gasUsed, type === 1 ? 25_300n : 21_000n);
  fees += receipt.fee;
  hashes.push(sent.hash);

  const found = await provider.getTransaction(sent.hash);
  assert.equal(found.hash, sent.hash);
  assert.equal(found.nonce, first + type);
  assert.equal(found.value, parseEther("1"));
  assert.equal(found.blockNumber, receipt.blockNumber);

  const block = await provider.getBlock(receipt.blockNumber, true);
  assert.equal(block.hash, receipt.blockHash);
  assert.ok(block.transactions.includes(sent.hash));
  assert.equal((await provider.getBlock(block.hash)).number, block.number);
  assert.equal((await provider.getBlock(block.number - 1)).hash, block.parentHash);
  assert.equal(await provider.getBalance(to), parseEther("1"));
  assert.equal(await provider.getBalance(to, block.number - 1), 0n);
}
assert.equal(await provider.getBalance(wallet.address), before - 3n * parseEther("1") - fees);

// Nonces signed ahead and sent all at once.
const feeData = await provider.getFeeData();
assert.ok(feeData.gasPrice > 0n && feeData.maxFeePerGas > 0n);
const raw = await Promise.all(
  [3, 4, 5, 6].map((n) =>
    wallet.signTransaction({
      type: 2,
      chainId,
      nonce: first + n,
      to: RECIPIENTS[0],
      value: 1n,
      gasLimit: 21_000n,
      maxFeePerGas: feeData.maxFeePerGas,
      maxPriorityFeePerGas: feeData.maxPriorityFeePerGas,
    }),
  ),
);
const many = await Promise.all(raw.map((bytes) => provider.broadcastTransaction(bytes)));
for (const sent of many) assert.equal((await sent.wait(1, 20_000)).status, 1);
assert.equal(await provider.getTransactionCount(wallet.address, "pending"), first + 7);

// Reads.
assert.equal(await provider.estimateGas({ from: wallet.address, to: RECIPIENTS[0], value: 1n }), 21_000n);
assert.equal(await provider.getCode(RECIPIENTS[0]), "0x");
assert.notEqual(await provider.getCode(CONTRACT), "0x");
const tip = await provider.getBlockNumber();
const parent = await provider.getBlock(tip - 1);
const slot = BigInt(tip - 1) % 8191n;
assert.equal(await provider.getStorage(CONTRACT, slot, tip), parent.hash);
assert.equal(await provider.call({ to: CONTRACT, data: toBeHex(tip - 1, 32), blockTag: tip }), parent.hash);
assert.deepEqual(await provider.getLogs({ fromBlock: 0, toBlock: "latest" }), []);
assert.equal(await provider.getTransactionReceipt("0x" + "11".repeat(32)), null);

// Refusals, as ethers understands them.
const broke = Wallet.createRandom().connect(provider);
const poor = await refused(
  broke.sendTransaction({ to: RECIPIENTS[0], value: 1n, gasLimit: 21_000n }),
  /insufficient funds/,
  "no balance",
);
assert.ok(isError(poor, "INSUFFICIENT_FUNDS"), String(poor));
const stale = await refused(provider.broadcastTransaction(raw[0]), /already known|nonce/, "replayed");
assert.ok(stale);
const low = await refused(
  wallet.sendTransaction({ to: RECIPIENTS[0], value: 2n, gasLimit: 21_000n, nonce: 0 }),
  /nonce too low/,
  "nonce 0 again",
);
assert.ok(isError(low, "NONCE_EXPIRED"), String(low));
await refused(
  wallet.sendTransaction({ to: CONTRACT, data: toBeHex(1, 32), gasLimit: 100_000n }),
  /cannot be proven/,
  "call of a contract",
);
await refused(wallet.sendTransaction({ to: CONTRACT, data: "0x00" }), /cannot be proven/, "estimate of a call");

report({ client: "ethers", chainId, transactions: 7, nonce: first + 7, hashes, tip });
provider.destroy();
