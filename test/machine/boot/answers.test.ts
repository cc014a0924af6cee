import { expect, test } from 'vitest';
import { requireAnswers } from '../../../src/machine/follow/answers.ts';
import { runningStandIn } from '../../support/stand-ins/qemu-stand-in.ts';

test('a gate that has ended is named, and not a service: `rollback: auto` would take the data back for it', async () => {
  const { context, state } = await runningStandIn('obeys');
  const { pid, startTime } = state;
  const ports = [{ service: 'postgres', name: 'sql', protocol: 'postgres', guestPort: 5432, hostPort: 1 }] as const;
  // One of a process that was there before.
  const gate = { pid, startTime: startTime - 1 };
  await expect(requireAnswers({ ...state, ports: [...ports], gate }, context)).rejects.toMatchObject({
    code: 'gate-ended',
    hint: expect.stringMatching(/vmkit boot sql(.|\n)*gate\.log/),
  });
});
