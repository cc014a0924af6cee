import { describe, expect, test } from 'vitest';
import { onHost } from '../../src/cli/show/on-host.ts';

describe('onHost', () => {
  const fix = 'vmkit logs sql postgres; vmkit exec sql -- ss -ltnp; or vmkit build-kernel. ls /vmkit/logs';

  test('names the host in each command that concerns it, and nowhere else', () => {
    expect(onHost(fix, 'ssh://server')).toBe(
      'vmkit --host ssh://server logs sql postgres; vmkit --host ssh://server exec sql -- ss -ltnp; or vmkit build-kernel. ls /vmkit/logs',
    );
  });

  test('changes nothing for machines of this computer', () => {
    for (const hostUrl of [undefined, '']) expect(onHost(fix, hostUrl)).toBe(fix);
  });
});
