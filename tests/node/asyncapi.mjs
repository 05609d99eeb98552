// Reads AsyncAPI documents with the specification's own parser, and prints what it finds as JSON, a line each.
//
// Arguments: the folder of the modules, then the documents. Exit code 1: one of them has an error.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const { Parser } = createRequire(resolve(modules, "index.js"))("@asyncapi/parser");

let isWrong = false;
for (const file of files) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
  const findings = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("."), severity }));
  isWrong ||= document === undefined || findings.some(({ severity }) => severity === 0);
  const channels = document === undefined ? [] : document.channels().all().map((channel) => channel.id());
  const version = document === undefined ? "" : document.version();
  console.log(JSON.stringify({ file, version, channels, findings }));
}
process.exitCode = isWrong ? 1 : 0;
