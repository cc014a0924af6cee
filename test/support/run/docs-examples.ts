import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { packageRoot } from '../../../src/core/package-root.ts';

/** A YAML block of README.md or docs/. */
export interface DocsExample {
  /** `docs/networks.md:32`, its first line. */
  readonly place: string;
  /** A definition: the block itself, or what makes a part of one whole. */
  readonly definition: string;
  readonly name: string;
  readonly isWhole: boolean;
  readonly needs: readonly string[];
}

const blockSchema = z.looseObject({ name: z.string().optional(), needs: z.array(z.string()).default([]) });
const REST = { name: 'example', memory: '512MiB', data: '1GiB', services: [{ use: 'postgres' }] };

/** Every one, in the order of the pages. */
export async function docsExamples(): Promise<DocsExample[]> {
  const pages = (await readdir(join(packageRoot(), 'docs'), { recursive: true })).sort();
  const files = ['README.md', ...pages.filter((page) => page.endsWith('.md')).map((page) => join('docs', page))];
  const texts = await Promise.all(files.map((file) => readFile(join(packageRoot(), file), 'utf8')));
  return files.flatMap((file, at) => examplesIn(file, texts[at] ?? ''));
}

function examplesIn(file: string, page: string): DocsExample[] {
  return [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(({ 1: block = '', index }) => {
    const read: unknown = parse(block);
    const written = blockSchema.parse(Array.isArray(read) ? { services: read } : read);
    const isWhole = written.name !== undefined;
    return {
      place: `${file}:${page.slice(0, index).split('\n').length + 1}`,
      definition: isWhole ? block : stringify({ ...REST, ...written }),
      name: written.name ?? REST.name,
      isWhole,
      needs: written.needs,
    };
  });
}
