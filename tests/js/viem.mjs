// Drives a node with viem: transfers of each type, receipts, blocks, fees, refusals.
import assert from "node:assert/strict";
import {
  BaseError,
  InsufficientFundsError,
  NonceTooLowError,
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  numberToHex,
  parseEther,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { CONTRACT, RECIPIENTS, key, refused, report, url } from "./check.mjs";

const probe = createPublicClient({ transport: http(url, { retryCount: 0 }) });
const chain = defineChain({
  id: await probe.getChainId(),
  name: "Hallmark",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});
const transport = http(url, { retryCount: 0 });
const client = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 });
const account = privateKeyToAccount(key);
const wallet = createWalletClient({ account, chain, transport });

const first = await client.getTransactionCount({ address: account.address });
const before = await client.getBalance({ address: account.address });
const start = await Promise.all(RECIPIENTS.map((address) => client.getBalance({ address })));

let fees = 0n;
const hashes = [];
for (const [index, type] of ["legacy", "eip2930", "eip1559"].entries()) {
  const to = RECIPIENTS[index];
  const extra = type === "eip2930" ? { accessList: [{ address: to, storageKeys: [] }] } : {};
  const hash = await wallet.sendTransaction({ type, to, value: parseEther("1"), ...extra });
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 });
  assert.equal(receipt.status, "success");
  assert.equal(receipt.type, type);
  assert.equal(receipt.from, account.address.toLowerCase());
  assert.equal(receipt.gasUsed, type === "eip2930" ? 23_400n : 21_000n);
  fees += receipt.gasUsed * receipt.effectiveGasPrice;
  hashes.push(hash);

  const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
  assert.equal(block.number, receipt.blockNumber);
  const found = block.transactions.find((transaction) => transaction.hash === hash);
  assert.equal(found.nonce, first + index);
  assert.equal(found.type, type);
  assert.equal(await client.getBalance({ address: to }), start[index] + parseEther("1"));
}
assert.equal(await client.getBalance({ address: account.address }), before - 3n * parseEther("1") - fees);

const estimate = await client.estimateFeesPerGas();
assert.ok(estimate.maxFeePerGas > 0n);
const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 50, 90] });
assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
assert.equal(history.reward.length, history.gasUsedRatio.length);
assert.equal(await client.estimateGas({ account, to: RECIPIENTS[0], value: 1n }), 21_000n);
assert.deepEqual(await client.getLogs({ fromBlock: 0n }), []);
for (const blockTag of ["latest", "safe", "finalized", "earliest"]) {
  assert.notEqual((await client.getBlock({ blockTag })).number, null, blockTag);
}
const pending = await client.getBlock({ blockTag: "pending" });
assert.ok(pending.baseFeePerGas > 0n);

const broke = createWalletClient({ account: privateKeyToAccount(generatePrivateKey()), chain, transport });
const poor = await refused(
  broke.sendTransaction({ to: RECIPIENTS[0], value: 1n, gas: 21_000n }),
  /insufficient funds/,
  "no balance",
);
assert.ok(poor instanceof BaseError && poor.walk((e) => e instanceof InsufficientFundsError), String(poor));
const low = await refused(
  wallet.sendTransaction({ to: RECIPIENTS[0], value: 2n, gas: 21_000n, nonce: 0 }),
  /nonce too low/i,
  "nonce 0 again",
);
assert.ok(low.walk((e) => e instanceof NonceTooLowError), String(low));
await refused(
  wallet.sendTransaction({ to: CONTRACT, data: numberToHex(1, { size: 32 }), gas: 100_000n }),
  /cannot be proven/,
  "call of a contract",
);

const tip = await client.getBlockNumber();
report({ client: "viem", chainId: chain.id, transactions: 3, nonce: first + 3, hashes, tip });
