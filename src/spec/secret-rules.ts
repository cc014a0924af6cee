import { nearest } from '../core/nearest.ts';
import type { Finding, YamlPath } from './problem.ts';
import type { Service } from './service.ts';

const PLACEHOLDER = /\{\{secret:([^{}]*)\}\}/g;

/** `{{secret:NAME}}` is for the content of files, and names a secret of the same service. */
export function secretFindings(service: Service, path: YamlPath): Finding[] {
  const names = service.secrets.map(({ name }) => name);
  const inFiles = service.files.flatMap(({ content }, index) =>
    placeholders(content)
      .filter((name) => !names.includes(name))
      .map((name) => unknownSecret(name, service, names, [...path, 'files', index, 'content'])),
  );
  const scripts: [string, string | undefined][] = [
    ['setup', service.setup],
    ['run', service.run],
    ['ready', service.ready.check],
    ['afterReady', service.afterReady],
    ['env', Object.values(service.env).join('\n')],
  ];
  const elsewhere = scripts.flatMap(([key, text]) =>
    placeholders(text ?? '').map((name) => ({
      path: [...path, key],
      message: `{{secret:${name}}} stands for a secret only in the content of files`,
      hint: `A script reads /run/secrets/${service.name}/${name}.`,
    })),
  );
  return [...inFiles, ...elsewhere];
}

function unknownSecret(name: string, service: Service, names: readonly string[], path: YamlPath): Finding {
  const meant = nearest(name, names);
  const add = `Add it: secrets: [{ name: ${name || 'NAME'} }]`;
  return {
    path,
    message: `{{secret:${name}}} names no secret of ${service.name}`,
    hint: meant === undefined ? add : `Did you mean ${meant}?`,
  };
}

function placeholders(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '');
}
