import { GUEST } from '../../core/guest-paths.ts';
import { nearest } from '../../core/text/nearest.ts';
import type { Finding, YamlPath } from '../problem.ts';
import type { Service } from '../service.ts';

const PLACEHOLDER = /\{\{(secret|public):([^{}]*)\}\}/g;

interface Placeholder {
  readonly text: string;
  readonly half: string;
  readonly name: string;
}

/** `{{secret:NAME}}` is for the content of files, and names a secret of the same service; so is `{{public:NAME}}`, and names a key that has a public half. */
export function secretFindings(service: Service, path: YamlPath): Finding[] {
  const isKnown = ({ half, name }: Placeholder): boolean =>
    service.secrets.some((secret) => secret.name === name && (half === 'secret' || secret.kind === 'wireguard'));
  const inFiles = service.files.flatMap(({ content }, index) =>
    placeholders(content)
      .filter((each) => !isKnown(each))
      .map((each) => unknownSecret(each, service, [...path, 'files', index, 'content'])),
  );
  const scripts: [string, string | undefined][] = [
    ['setup', service.setup],
    ['run', service.run],
    ['ready', service.ready.check],
    ['afterReady', service.afterReady],
    ['env', Object.values(service.env).join('\n')],
  ];
  const elsewhere = scripts.flatMap(([key, script]) =>
    placeholders(script ?? '').map(({ text, name }) => ({
      path: [...path, key],
      message: `${text} stands for a secret only in the content of files`,
      hint: `A script reads ${GUEST.secrets}/${service.name}/${name}.`,
    })),
  );
  return [...inFiles, ...elsewhere];
}

function unknownSecret({ text, half, name }: Placeholder, service: Service, path: YamlPath): Finding {
  const names = service.secrets.map((each) => each.name);
  const meant = nearest(name, names);
  if (half === 'public') return { path, message: `${text} names no key of ${service.name} that has a public half` };
  return {
    path,
    message: `${text} names no secret of ${service.name}`,
    hint: meant === undefined ? `Add it: secrets: [{ name: ${name || 'NAME'} }]` : `Did you mean ${meant}?`,
  };
}

function placeholders(text: string): Placeholder[] {
  return [...text.matchAll(PLACEHOLDER)].map(([whole, half = '', name = '']) => ({ text: whole, half, name }));
}
