import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { throwIfInterrupted } from '../../src/core/deadline.ts';
import type { Context } from '../../src/host/context.ts';
import type { VmSpec } from '../../src/spec/vm-spec.ts';
import { inOrder, neededMachines } from '../../src/verbs/boot/boot-machines.ts';
import { runSteps } from '../../src/verbs/step.ts';
import { stopOrder } from '../../src/verbs/stop.ts';
import { contextIn } from '../support/context.ts';
import { ownService, specWith } from '../support/spec.ts';

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

describe('a machine and one that it needs', () => {
  /** What happens, in order, when sql is ready after a while, or fails, and news is ready when it hears that it may end. */
  async function boot(news: VmSpec, sqlEnds: () => string): Promise<{ happened: string[]; said: string }> {
    const happened: string[] = [];
    const sql = async (): Promise<string> => {
      happened.push('sql starts');
      await setTimeout(20);
      happened.push('sql ends');
      return sqlEnds();
    };
    const waits = async ({ signal }: Context): Promise<string> => {
      happened.push('news starts');
      await setTimeout(60, undefined, { signal }).catch(() => happened.push('news is given up'));
      throwIfInterrupted(signal);
      return 'news';
    };
    const steps = inOrder([
      { spec: machine('sql'), step: { title: 'sql', run: sql } },
      { spec: news, step: { title: 'news', run: waits } },
    ]);
    const said = await runSteps(steps, contextIn('/nowhere')).then(String, String);
    return { happened, said };
  }

  test('start beside one another where its services wait by themselves', async () => {
    const { happened, said } = await boot(machine('news', 'sql'), () => 'sql');
    expect(happened).toEqual(['sql starts', 'news starts', 'sql ends']);
    expect(said).toBe('sql,news');
  });

  test("start one after the other where nobody knows what a person's own service dials", async () => {
    const own = {
      ...machine('news', 'sql'),
      services: specWith('news', [ownService({ name: 'page', isOwn: true })]).services,
    };
    expect((await boot(own, () => 'sql')).happened).toEqual(['sql starts', 'sql ends', 'news starts']);
  });

  test('the machine is given up when the one that it needs fails, and that error is told', async () => {
    const { happened, said } = await boot(machine('news', 'sql'), () => {
      throw new Error('sql is broken');
    });
    expect(happened).toEqual(['sql starts', 'news starts', 'sql ends', 'news is given up']);
    expect(said).toBe('Error: sql is broken');
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
