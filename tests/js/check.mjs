// What both scripts share: where the node is, and assertions that say what was expected.
import assert from "node:assert/strict";
import { inspect } from "node:util";

export const url = process.argv[2];
export const key = process.env.HALLMARK_TEST_KEY;
if (!url || !key) {
  console.error("usage: HALLMARK_TEST_KEY=0x... node <script>.mjs http://127.0.0.1:PORT");
  process.exit(2);
}

export const RECIPIENTS = [
  "0x1000000000000000000000000000000000000001",
  "0x1000000000000000000000000000000000000002",
  "0x1000000000000000000000000000000000000003",
];
// The EIP-2935 history contract: an account with code that every chain here has.
export const CONTRACT = "0x0000F90827F1C53a10cb7A02335B175320002935";

/** Asserts that `promise` rejects with an error in which `pattern` occurs anywhere. */
export async function refused(promise, pattern, what) {
  try {
    await promise;
  } catch (error) {
    const text = inspect(error, { depth: 10 });
    assert.match(text, pattern, `${what}: the error does not say why: ${text}`);
    return error;
  }
  assert.fail(`${what}: accepted, should have been refused`);
}

/** Prints the one line that the caller reads. */
export function report(figures) {
  console.log(
    JSON.stringify(figures, (_, value) => (typeof value === "bigint" ? value.toString() : value)),
  );
}
