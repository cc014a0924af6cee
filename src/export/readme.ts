import { type Engine, EXPORTED_FILES, type Exported, type ExportedFile, type ExportedMachine } from './machine.ts';

/** What a person needs who has the folder and no vmkit. */
export function readme(machine: ExportedMachine, { title }: Engine, { steps, notes }: Exported): ExportedFile {
  const { name, arch, memoryMib, cpus, kernelText } = machine;
  const content = `# ${name}, for ${title}
Made by \`vmkit export\`; runs without vmkit. For ${arch}: ${cpus} processors, ${memoryMib} MiB, ${kernelText}. In this folder:

    ${steps.join('\n    ')}

\`${EXPORTED_FILES['vmkit-secrets']}\` holds its passwords and keys: whoever reads it is its root. \`${EXPORTED_FILES['vmkit-data']}\` is its data and begins empty;
the data of a machine that vmkit ran is its \`data.img\`: copy that here (\`cp --sparse=always\`) and export again. All else can be made again.

## What is otherwise than under vmkit
${notes.map((note) => `- ${note}\n`).join('')}`;
  return { path: 'README.md', mode: 0o644, content };
}
