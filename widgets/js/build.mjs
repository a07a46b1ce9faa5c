// Builds a bundle for each component, from src/<component>/index.tsx (or .ts) into cfo_widgets/static/.
// `--check` compares instead, and fails if a committed bundle is stale.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const sources = new URL("src/", import.meta.url).pathname;
const target = new URL("../cfo_widgets/static/", import.meta.url).pathname;
const folders = (await readdir(sources, { withFileTypes: true })).filter((entry) => entry.isDirectory());
const entryPoints = [];
for (const { name } of folders) {
  const files = await readdir(join(sources, name));
  const entry = files.find((file) => file === "index.tsx" || file === "index.ts");
  if (entry) entryPoints.push({ in: join(sources, name, entry), out: name });
}

const { outputFiles } = await build({
  entryPoints,
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  write: false,
});

const isCheck = process.argv.includes("--check");
// The version is in pyproject.toml alone: the bundles ship in its wheel, and this package is never published.
const { version } = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8"));
if (isCheck && version !== undefined) {
  console.error("package.json has a version. Remove it: the version is in pyproject.toml alone.");
  process.exit(1);
}
const stale = [];
for (const { path, contents } of outputFiles) {
  const committed = await readFile(path).catch(() => null);
  if (committed && Buffer.compare(committed, contents) === 0) continue;
  if (isCheck) stale.push(basename(path));
  else await writeFile(path, contents);
}
const names = new Set(outputFiles.map(({ path }) => basename(path)));
const extra = (await readdir(target)).filter((name) => !names.has(name));
if (isCheck && stale.length + extra.length) {
  console.error(`Bundles that do not match their sources: ${[...stale, ...extra].join(", ")}. Run: make bundles`);
  process.exit(1);
}
for (const { path, contents } of outputFiles) {
  if (!isCheck) console.log(`${basename(path)} ${(contents.length / 1024).toFixed(0)} KB`);
}
