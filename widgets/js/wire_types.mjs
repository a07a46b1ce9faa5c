// Writes the page's TypeScript types from the JSON Schema on standard input: `python wire_schema.py | node wire_types.mjs`.
// `--check` compares instead, and fails if the committed file is stale.
import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { compile } from "json-schema-to-typescript";

const target = new URL("src/shared/wire_types.ts", import.meta.url).pathname;
const schema = JSON.parse(await text(process.stdin));
const types = await compile(schema, "WireTypes", {
  bannerComment: "// The messages between Python and the page. Generated from the pydantic models by `make types`: do not edit.",
  additionalProperties: false,
  unknownAny: true,
  style: { printWidth: 120 },
});
if (!process.argv.includes("--check")) await writeFile(target, types);
else if ((await readFile(target, "utf8").catch(() => "")) !== types) {
  console.error("src/shared/wire_types.ts does not match the pydantic models. Run: make types");
  process.exit(1);
}
