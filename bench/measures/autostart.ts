import { fileURLToPath } from 'node:url';
import { startSystemd, whyNoSystemd } from '../../test/support/hosts/systemd.ts';
import { MAIN, type Measure, medianOfPairs, seconds } from '../measure.ts';
import { ratio, row } from '../rows.ts';

const DEFINITION = fileURLToPath(new URL('../../vm/sql', import.meta.url));
const ENVIRONMENT = { HOME: '/root', XDG_DATA_HOME: '/srv/bench/data', XDG_STATE_HOME: '/srv/bench/state' };

/** A real systemd as process 1 of namespaces starts the unit that `autostart` wrote; by hand it is `vmkit boot` in the same place. Each is back when all services are ready. */
export const autostart: Measure = {
  name: 'autostart',
  run: async () => {
    const why = whyNoSystemd();
    if (why !== undefined) throw new Error(`No systemd: ${why}.`);
    const systemd = await startSystemd({});
    const run = async (...argv: string[]): Promise<number> => {
      const start = performance.now();
      const { exitCode, stdout, stderr } = await systemd.run(argv, ENVIRONMENT);
      if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`);
      return (performance.now() - start) / 1000;
    };
    const vmkit = (...words: string[]): Promise<number> => run(process.execPath, MAIN, ...words);
    try {
      await vmkit('build-kernel');
      await vmkit('boot', DEFINITION);
      await vmkit('stop', 'sql');
      await vmkit('autostart', DEFINITION, 'on');
      const started = async (): Promise<number> => {
        const value = await run('systemctl', 'start', 'vmkit-sql');
        await run('systemctl', 'stop', 'vmkit-sql');
        return value;
      };
      const booted = async (): Promise<number> => {
        const value = await vmkit('boot', DEFINITION);
        await vmkit('stop', 'sql');
        return value;
      };
      const { ours, theirs } = await medianOfPairs(3, started, booted);
      return [
        row(
          'power-on to all services ready by autostart, against boot by hand',
          ours / theirs,
          1.1,
          ratio,
          `${seconds(ours)} of systemctl start, ${seconds(theirs)} of vmkit boot, sql; a real systemd in namespaces; median of 3 pairs`,
        ),
      ];
    } finally {
      await run('systemctl', 'stop', 'vmkit-sql').catch(() => undefined);
      await systemd.stop();
    }
  },
};
