import { resolve } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import type { Arch } from '../../core/arch.ts';
import { messageOf } from '../../core/errors/errors.ts';
import { DEBIAN_SUITE } from '../../core/suite.ts';
import { type KernelSpec, readKernelChoice } from '../kernel.ts';
import { orderServices } from '../order.ts';
import type { Finding, Problem } from '../problem.ts';
import { check } from '../rules/check.ts';
import { checkMachines } from '../rules/machine-rules.ts';
import { checkAcross } from '../rules/rules.ts';
import { checkServes, withServe } from '../rules/serve-rules.ts';
import type { Service } from '../service.ts';
import { withOverlay } from '../services/nebula-config.ts';
import { IMPLICIT_SERVICE, implicitServices } from '../services/registry.ts';
import type { VmSpec } from '../vm-spec.ts';
import { placeFindings } from './locate.ts';
import { readService } from './read-service.ts';
import { type Definition, definition } from './schema.ts';

/** A machine whose architecture may be left to the host. */
export type ParsedSpec = Omit<VmSpec, 'arch'> & { readonly arch: Arch | undefined };

export interface Parsed {
  /** Undefined when there is a problem that is no warning. */
  readonly spec: ParsedSpec | undefined;
  readonly problems: readonly Problem[];
  /** What is written, for rules that need more than the text; they hold also where other things are wrong. */
  readonly written: { readonly name: string | undefined; readonly fragments: readonly string[] };
  /** Places the findings of such rules. */
  readonly place: (findings: readonly Finding[]) => Problem[];
}

/** A definition from its text. Pure; never throws for what the text holds. `directory` is the absolute path of its folder. */
export function parseVm(text: string, directory: string): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const place = (findings: readonly Finding[]): Problem[] => placeFindings(findings, document, lines);
  const syntax = syntaxProblems(document, lines);
  if (syntax.length > 0) return { spec: undefined, problems: syntax, written: NOTHING, place };
  const { raw, finding } = rawOf(document);
  if (finding !== undefined) return { spec: undefined, problems: place([finding]), written: NOTHING, place };
  const { spec, findings } = specOf(raw, directory);
  return { spec, problems: place(findings), written: writtenSchema.safeParse(raw).data ?? NOTHING, place };
}

const NOTHING: Parsed['written'] = { name: undefined, fragments: [] };

const writtenSchema = z
  .object({
    name: z.string().optional().catch(undefined),
    kernel: z
      .object({ fragments: z.array(z.string()) })
      .optional()
      .catch(undefined),
  })
  .transform(({ name, kernel }) => ({ name, fragments: kernel?.fragments ?? [] }));

function syntaxProblems(document: Document, lines: LineCounter): Problem[] {
  return document.errors.map(({ code, message, pos: [offset] }) => {
    const { line, col } = lines.linePos(offset);
    return {
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: '',
      message: code === 'MULTIPLE_DOCS' ? 'a second YAML document; a definition is one' : `YAML: ${message}`,
      expected: undefined,
      found: undefined,
      hint: /tab/i.test(message) ? 'Indent with spaces.' : undefined,
      severity: 'error',
    };
  });
}

function rawOf(document: Document): { raw?: unknown; finding?: Finding } {
  try {
    return { raw: document.toJS() };
  } catch (error) {
    // An alias without its anchor, or aliases that grow beyond yaml's bound.
    return { finding: { path: [], message: `YAML: ${messageOf(error)}` } };
  }
}

function specOf(raw: unknown, directory: string): { spec: ParsedSpec | undefined; findings: readonly Finding[] } {
  const top = check(definition, raw, []);
  const suite = top.value?.suite ?? DEBIAN_SUITE;
  const entries = rawServices(raw).map((service, index) => readService(service, index, suite));
  const findings = [
    ...top.findings,
    ...entries.flatMap((entry) => entry.findings),
    ...checkAcross(entries),
    ...checkServes(entries),
  ];
  if (top.value === undefined || findings.some(({ isWarning }) => isWarning !== true))
    return { spec: undefined, findings };
  const across = checkMachines(top.value, entries);
  if (across.length > 0) return { spec: undefined, findings: [...findings, ...across] };
  const services = entries.flatMap(({ service }) => (service === undefined ? [] : [service]));
  return { spec: toSpec(top.value, [...implicitServices(), ...services], directory), findings };
}

function toKernel(read: Definition['kernel'], directory: string): KernelSpec {
  if (typeof read === 'string') return readKernelChoice(read, directory);
  const { profile, fragments } = read;
  return { kind: 'vmkit', profile, fragments: fragments.map((file) => resolve(directory, file)) };
}

function rawServices(raw: unknown): unknown[] {
  const services = typeof raw === 'object' && raw !== null && 'services' in raw ? raw.services : undefined;
  return Array.isArray(services) ? services : [];
}

function toSpec(read: Definition, services: readonly Service[], directory: string): ParsedSpec {
  return {
    name: read.name,
    arch: read.arch,
    cpus: read.cpus,
    memoryMib: read.memory,
    dataMib: read.data,
    kernel: toKernel(read.kernel, directory),
    suite: read.suite,
    needs: read.needs,
    network: read.network,
    packages: read.packages,
    services: orderServices(withOverlay(withServe(services), [IMPLICIT_SERVICE])),
    directory,
    notify: read.notify,
    rollback: read.rollback,
  };
}
