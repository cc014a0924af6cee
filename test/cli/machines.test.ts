import { describe, expect, test } from 'vitest';
import { neededMachines } from '../../src/cli/boot-machines.ts';
import { stopOrder } from '../../src/cli/stop-flow.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { specWith } from '../support/spec.ts';

const machine = (name: string, ...needs: string[]): VmSpec => ({ ...specWith(name, []), needs });

describe('machines that need others', () => {
  const load =
    (...all: VmSpec[]) =>
    async (name: string): Promise<VmSpec> => {
      const found = all.find((each) => each.name === name);
      if (found === undefined) throw new Error(`no ${name}`);
      return found;
    };

  test('start after all that they need, each once', async () => {
    const all = [machine('a', 'b', 'c'), machine('b', 'd'), machine('c', 'd'), machine('d')];
    const order = await neededMachines(machine('a', 'b', 'c'), load(...all));
    expect(order.map(({ name }) => name)).toEqual(['d', 'b', 'c']);
  });

  test('in a circle are refused, and the circle is named', async () => {
    const all = [machine('b', 'c'), machine('c', 'd'), machine('d', 'c')];
    await expect(neededMachines(machine('a', 'b'), load(...all))).rejects.toMatchObject({
      code: 'machine-cycle',
      message: expect.stringContaining('c → d → c'),
    });
  });
});

describe('the order of a stop', () => {
  const running = [
    { name: 'sql', needs: [], startedFor: 'news' },
    { name: 'news', needs: ['sql'] },
  ];

  test('stops first those that need the machine', () => {
    expect(stopOrder('sql', running)).toEqual(['news', 'sql']);
  });

  test('takes along what was started for it only', () => {
    expect(stopOrder('news', running)).toEqual(['news', 'sql']);
  });

  test('leaves what a person booted, and what another machine needs', () => {
    expect(
      stopOrder('news', [
        { name: 'sql', needs: [] },
        { name: 'news', needs: ['sql'] },
      ]),
    ).toEqual(['news']);
    expect(stopOrder('news', [...running, { name: 'forge', needs: ['sql'] }])).toEqual(['news']);
  });
});
