// Reads custom resources, a JSON array on standard input, and holds each to the schema of its own kind as
// its operator publishes it. Prints what is wrong, and ends with 1 where anything is.
//   node tests/node/crds.mjs .venv/validators < resources.json
import { registerHooks } from "node:module";
import { text } from "node:stream/consumers";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

// The validator wants an engine for expressions of strangers, in WebAssembly, which is not installed: these
// are our own resources, for which the language's own expressions do, but for how they say "any case".
const ENGINE = `data:text/javascript,export class RE2 extends RegExp {
  constructor(said, flags) {
    super(said.replace("(?i)", ""), said.includes("(?i)") ? flags + "i" : flags);
  }
}`;
registerHooks({
  resolve: (name, context, next) =>
    name === "re2-wasm" ? { url: ENGINE, shortCircuit: true } : next(name, context),
});

const PACKAGES = {
  "external-secrets.io/v1": "external-secrets/external-secrets.io/v1",
  "keda.sh/v1alpha1": "keda/keda.sh/v1alpha1",
  "monitoring.coreos.com/v1": "prometheus-operator/monitoring.coreos.com/v1",
};

const modules = resolve(process.argv[2], "node_modules", "@kubernetes-models");
let wrong = 0;
for (const resource of JSON.parse(await text(process.stdin))) {
  const name = `${resource.kind}/${resource.metadata.name}`;
  try {
    const place = PACKAGES[resource.apiVersion];
    if (!place) throw new Error(`no schema is known for ${resource.apiVersion}`);
    const kinds = await import(pathToFileURL(join(modules, place, "index.js")).href);
    if (!kinds[resource.kind]) throw new Error(`${resource.apiVersion} has no such kind`);
    new kinds[resource.kind](resource).validate();
  } catch (error) {
    wrong += 1;
    console.log(`${name}: ${error.message}`);
  }
}
process.exitCode = wrong ? 1 : 0;
