// Bundles src/ into dist/: one small entry and one chunk per command, so that `vmkit --help` loads almost nothing.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

// Another folder than dist: for tests, which must not pull dist away from under a running vmkit.
const outdir = process.argv[2] ?? 'dist';

await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts', 'src/network-switch.ts', 'src/network-gate.ts', 'src/nebula-inside.ts'],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  // ssh2 and its native parts stay outside: they are CommonJS with optional binaries.
  external: ['ssh2'],
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as vmkitCreateRequire } from 'node:module';\nconst require = vmkitCreateRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
await chmod(`${outdir}/main.js`, 0o755);
