import { join } from 'node:path';
import * as z from 'zod';
import { type KernelOptions, kernelArtifact } from '../../../kernel/artifact.ts';
import { publishersToAsk } from '../../../kernel/sources/sources.ts';
import type { Built } from '../../../store/artifact.ts';
import { artifactKey, ensureArtifact, findArtifact } from '../../../store/store.ts';
import { buildContext, runStep } from '../../../verbs/step.ts';
import { defineCommand } from '../../parse/command.ts';
import { durationText } from '../../show/progress-lines.ts';

const ARCHES = ['x86_64', 'arm64'] as const;
const HOST_ARCH = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/** What the manifest of a kernel tells (kernel/build.ts, KernelFacts). */
const factsSchema = z.object({ release: z.string(), symbols: z.number(), source: z.string(), verified: z.string() });

interface KernelResult {
  readonly state: 'built' | 'cached' | 'stale' | 'unknown';
  readonly title: string;
  readonly key?: string;
  readonly kernel?: string;
  readonly config?: string;
  readonly release?: string;
  readonly source?: string;
  readonly verified?: string;
  readonly symbols?: number;
  readonly bytes?: number;
  readonly buildMs?: number;
}

export const command = defineCommand({
  usage: 'build-kernel',
  options: (yargs) =>
    yargs
      .option('arch', { choices: ARCHES, describe: `Architecture of the guest. Default: ${HOST_ARCH}` })
      .option('profile', {
        type: 'string',
        default: 'default',
        describe: 'Which list of kernel-configs/profiles.yaml to build',
      })
      .option('fragment', {
        type: 'string',
        array: true,
        default: [],
        describe: 'A file with kernel options of your own; may be repeated',
      })
      .option('source', {
        type: 'string',
        describe: 'Where the source comes from: kernel.org, debian, or the path of a tree or tarball',
      })
      .option('distribute', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Computers that compile as well, by distcc: HOST, HOST:PORT/JOBS; may be repeated',
      })
      .option('update', {
        type: 'boolean',
        default: false,
        describe: 'Take the newest release, not the one that was taken first',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Print what would be built, and why, and do nothing',
      }),
  run: async (args, verb): Promise<KernelResult> => {
    const context = buildContext(verb);
    const { arch = HOST_ARCH, profile, fragment: fragments, source, update, distribute } = args;
    const options: KernelOptions = { arch, profile, fragments, source, update, distribute };
    if (args['dry-run']) {
      const asked = await publishersToAsk(source, context);
      if (asked.length > 0 || update) {
        return {
          state: 'unknown',
          title: `kernel ${arch}: its source is not known yet; to be asked: ${asked.join(', ')}`,
        };
      }
    }
    const artifact = await runStep(
      { title: 'kernel source', run: (during) => kernelArtifact(options, during), done: ({ title }) => title },
      context,
    );
    if (args['dry-run']) {
      const found = await findArtifact(artifact, context);
      if (found === undefined) return { state: 'stale', title: artifact.title, key: artifactKey(artifact) };
      return resultOf(found);
    }
    const built = await runStep(
      {
        title: artifact.title,
        run: (during) => ensureArtifact(artifact, during),
        done: ({ cached }) => `${artifact.title}${cached ? ' (cached)' : ''}`,
      },
      context,
    );
    return resultOf(built);
  },
  text: (result) => {
    if (result.kernel === undefined) return `${result.title}: ${result.state === 'stale' ? 'to be built' : 'unknown'}`;
    const megabytes = ((result.bytes ?? 0) / 1e6).toFixed(1);
    const { state, release, symbols, source, verified, buildMs } = result;
    return [
      `kernel   ${result.kernel}`,
      `config   ${result.config}`,
      `release  ${release}, ${megabytes} MB, ${symbols} options`,
      `source   ${source} (${verified})`,
      `${state.padEnd(8)} in ${durationText(buildMs ?? 0)}`,
    ].join('\n');
  },
});

function resultOf({ directory, key, manifest, cached }: Built): KernelResult {
  return {
    state: cached ? 'cached' : 'built',
    title: manifest.title,
    key,
    kernel: join(directory, 'kernel'),
    config: join(directory, 'config'),
    ...factsSchema.parse(manifest.facts),
    bytes: manifest.outputs['kernel']?.bytes ?? 0,
    buildMs: manifest.durationMs,
  };
}
