// Bundles src/ into dist/: one small entry and one chunk per command, so that `vmkit --help` loads almost nothing, and
// the library with its types.
import { chmod, readFile, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { build } from 'esbuild';
import { writeDeclarations } from './declarations.mjs';

// Another folder than dist: for tests, which must not pull dist away from under a running vmkit.
const outdir = process.argv[2] ?? 'dist';

// What is no dependency of the package is bundled. ssh2 stays outside: it is CommonJS with optional binaries.
const { dependencies } = JSON.parse(await readFile('package.json', 'utf8'));
const external = Object.keys(dependencies);

await rm(outdir, { recursive: true, force: true });
const shared = {
  outdir,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  external,
  metafile: true,
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as vmkitCreateRequire } from 'node:module';\nconst require = vmkitCreateRequire(import.meta.url);",
  },
  logLevel: 'warning',
};
const { metafile } = await build({
  ...shared,
  entryPoints: ['src/main.ts', 'src/index.ts', 'src/nebula-inside.ts'],
  splitting: true,
});
// One file each: they are sent to other hosts.
await build({ ...shared, entryPoints: ['src/network-switch.ts', 'src/network-gate.ts'], sourcemap: false });
await chmod(`${outdir}/main.js`, 0o755);
await writeDeclarations(`${outdir}/types`);

// esbuild leaves a require that it cannot find in place where it stands in a try block: nobody would have installed that.
const wanted = Object.values(metafile.outputs).flatMap(({ imports }) =>
  imports.filter((each) => each.external === true),
);
const undeclared = wanted.map(({ path }) => path).filter((path) => !isBuiltin(path) && !external.includes(path));
if (undeclared.length > 0)
  throw new Error(`The bundle needs what package.json does not declare: ${undeclared.join(', ')}`);
