// Type declarations of the library: of src/index.ts, and of the files whose types it shows. Each is made from its own
// text alone. So a type that would have to be inferred, such as one of zod's, is an error here, and none gets into them.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';

const OPTIONS = { isolatedDeclarations: true, declaration: true, target: 'ES2023', module: 'NodeNext', strict: true };

/** Writes OUTDIR/index.d.ts and what it imports. Throws with all that TypeScript has to say. */
export async function writeDeclarations(outdir) {
  const { options } = ts.convertCompilerOptionsFromJson(OPTIONS, '.');
  const files = ['index.ts'];
  for (const file of files) {
    const text = await readFile(join('src', file), 'utf8');
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(text, {
      fileName: file,
      compilerOptions: options,
    });
    if (diagnostics.length > 0) throw new Error(`src/${file}: ${ts.formatDiagnostics(diagnostics, FORMAT)}`);
    for (const [, path] of outputText.matchAll(/from '(\.[^']+)\.ts'/g)) {
      const imported = `${posix.join(posix.dirname(file), path)}.ts`;
      if (!files.includes(imported)) files.push(imported);
    }
    const target = join(outdir, file.replace(/\.ts$/, '.d.ts'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, outputText.replaceAll(/(from '\.[^']+)\.ts'/g, "$1.js'"));
  }
}

const FORMAT = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => '.', getNewLine: () => '\n' };
