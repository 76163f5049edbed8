// Compiles the contracts with the pinned solc and writes, or with --check compares, the committed artifacts.
import { readFileSync, writeFileSync, readdirSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

const solc = createRequire(import.meta.url)("solc");
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const check = process.argv.includes("--check");

/// A source of a locked npm package. Its bytes are those whose hash is in the lock file.
function packaged(path) {
  if (!path.startsWith("@openzeppelin/contracts/")) return { error: `${path} is not of a package that contracts may import` };
  try {
    return { contents: readFileSync(join(root, "node_modules", path), "utf8") };
  } catch (error) {
    return { error: `${path}: ${error.message}; run npm ci` };
  }
}

/// Where the variables lie, without the compiler's node numbers, which depend on the other sources.
function variables({ storage, types }) {
  return storage.map(({ label, slot, offset, type }) => ({ label, type: types[type].label, slot, offset }));
}

const sources = {};
for (const name of readdirSync(join(root, "contracts")).sort()) {
  if (name.endsWith(".sol")) sources[name] = { content: readFileSync(join(root, "contracts", name), "utf8") };
}
const settings = JSON.parse(readFileSync(join(root, "solc.json"), "utf8"));
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources,
      settings: {
        ...settings,
        outputSelection: {
          "*": {
            "*": ["abi", "storageLayout", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"],
          },
        },
      },
    }),
    { import: packaged },
  ),
);
const messages = output.errors ?? [];
for (const message of messages) console.error(message.formattedMessage);
if (messages.length) process.exit(1);

mkdirSync(join(root, "artifacts"), { recursive: true });
let stale = 0;
for (const file of Object.keys(sources)) {
  for (const [name, contract] of Object.entries(output.contracts[file])) {
    const { bytecode, deployedBytecode } = contract.evm;
    if (!bytecode.object) continue;
    const size = deployedBytecode.object.length / 2;
    if (size > 24576) {
      console.error(`${name}: ${size} bytes of runtime code, more than 24576`);
      process.exit(1);
    }
    const artifact = {
      contract: name,
      compiler: solc.version(),
      settings,
      abi: contract.abi,
      bytecode: "0x" + bytecode.object,
      runtime: "0x" + deployedBytecode.object,
      immutables: deployedBytecode.immutableReferences ?? {},
      storage: variables(contract.storageLayout),
    };
    const text = JSON.stringify(artifact, null, 1) + "\n";
    const path = join(root, "artifacts", `${name}.json`);
    if (check) {
      let committed = "";
      try {
        committed = readFileSync(path, "utf8");
      } catch {}
      if (committed !== text) {
        console.error(`artifacts/${name}.json differs from what the sources compile to: run npm run build`);
        stale = 1;
      }
    } else {
      writeFileSync(path, text);
    }
    console.log(`${name}: ${size} bytes of runtime code`);
  }
}
process.exit(stale);
