import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, utils } from 'ssh2';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.ts';
import { GUEST_SEARCH_PATH } from '../../../src/core/guest-paths.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { loadVm } from '../../../src/spec/read/load.ts';
import { followAddress } from '../../../src/verbs/reach/follow-address.ts';
import { contextIn } from '../../support/context.ts';
import { useSandbox } from '../../support/machine.ts';
import { dice, SEED } from '../../support/run/dice.ts';
import { isAll } from '../../support/run/sampled.ts';
import { forgejoClient } from '../../support/services/forgejo-client.ts';
import { makeDump, OLD_PASSWORD, OLD_SECRET_KEY } from '../../support/services/forgejo-dump.ts';
import { buildStandIn } from '../../support/stand-ins/forgejo-stand-in/build.ts';

const KILLS = isAll ? 10 : 1;
/** Each program that makes an account is left out once with VMKIT_TEST_ALL=1, else every fifth one, others in each run. */
const STRIDE = isAll ? 1 : 5;
const FIRST_STEP = STRIDE === 1 ? 1 : 1 + (Math.floor(Date.now() / 1000) % STRIDE);
/** The environment of the service's scripts. */
const AS_SERVICE = `export HOME=/data/forgejo USER=git LOGNAME=git PATH=${GUEST_SEARCH_PATH}`;
const VMKIT_FORGEJO = process.env['VMKIT_FORGEJO'];
const executable = VMKIT_FORGEJO ?? (await buildStandIn());
if (VMKIT_FORGEJO !== undefined) console.log(`Forgejo is the real one: ${VMKIT_FORGEJO}; its stand-in is skipped.`);
else if (executable === undefined) console.log('Skipped: neither VMKIT_FORGEJO nor go, which builds the stand-in.');
else console.log('Forgejo is a stand-in, not Forgejo; VMKIT_FORGEJO=PATH tests the real one.');

interface Request {
  method?: string;
  body?: unknown;
  /** The password. */
  as?: string;
  name?: string;
}

/** Forgejo as it ships, on ports of its own; every test goes on where the one before it ended. */
describe.skipIf(executable === undefined)('forgejo', () => {
  const sandbox = useSandbox();
  const component = `forgejo=${executable}`;
  let port = 0;
  let sshPort = 0;
  let password = '';

  beforeAll(async () => {
    port = await freePort();
    sshPort = await freePort();
    await sandbox.define(
      'forgejo',
      `memory: 1GiB
data: 2GiB
services:
  - use: postgres
  - use: forgejo
    port: ${port}
    sshPort: ${sshPort}
    url: exposed
`,
    );
  });

  const me = forgejoClient(
    () => port,
    () => ({ name: 'owner', password }),
  );
  const { repository } = me;

  function api(path: string, { as = password, name = 'owner', ...request }: Request = {}): Promise<Response> {
    return me.api(path, { ...request, as: { name, password: as } });
  }

  function git(args: readonly string[], cwd = sandbox.folder): Promise<string> {
    return me.git(args, cwd);
  }

  async function inGuest(script: string, ...words: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await sandbox.vmkit([
      'exec',
      'forgejo',
      '--',
      'sh',
      '-c',
      script,
      'sh',
      ...words,
    ]);
    if (exitCode !== 0) throw new Error(`In the guest: exit ${exitCode}\n${stdout}${stderr}`);
    return stdout;
  }

  async function boot(): Promise<string> {
    const { exitCode, stdout, stderr } = await sandbox.vmkit(['boot', 'forgejo', '--component', component]);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    return stdout;
  }

  test('a component that the guest cannot execute is refused before anything is built', async () => {
    const script = join(sandbox.folder, 'script');
    await writeFile(script, '#!/bin/sh\n', { mode: 0o755 });
    const { exitCode, stderr } = await sandbox.vmkit(['boot', 'forgejo', '--component', `forgejo=${script}`]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it is a script (#!/bin/sh), not an executable');
    expect(stderr).not.toContain('root file system');
  });

  test('boots until it answers; its password is on no command line and in no environment on the way', async () => {
    const booting = sandbox.start(['boot', 'forgejo', '--component', component]);
    const hasEnded = booting.ended.then(() => true);
    // From the service's first step on. One process takes one look at all: a slower one misses commands, a busier one keeps the guest from its work.
    const sample = `until [ -d /data/forgejo ]; do sleep 0.5; done
while [ "$(s6-svstat -o ready /run/service/forgejo)" != true ]; do
  for look in 1 2 3 4 5 6 7 8 9 10; do
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null
    /run/vmkit/busybox usleep 100000
  done
done | tr '\\0' '\\n' | sort -u`;
    let seen = '';
    while (seen === '' && !(await Promise.race([hasEnded, pause(500)]))) {
      // Before QEMU runs there is nobody to ask, however long building takes.
      if ((await sandbox.state('forgejo')) === undefined) continue;
      const sampled = await sandbox.vmkit(['exec', 'forgejo', '--', 'sh', '-c', sample]);
      if (sampled.exitCode === 0) seen = sampled.stdout;
    }
    const { exitCode, stdout, stderr } = await booting.ended;
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`http://127.0.0.1:${port}`);
    password = (await readFile(/Forgejo administrator owner.*? (\/\S+)/.exec(stdout)?.[1] ?? '', 'utf8')).trim();
    expect(password).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(seen).toContain('postgres');
    expect(seen.includes(password)).toBe(false);
    if (VMKIT_FORGEJO !== undefined) return;
    // A sample misses what is short; the stand-in misses none of its own calls.
    const calls = await inGuest('cat /data/forgejo/calls');
    expect(calls).toContain('generate-access-token');
    expect(calls.includes(password)).toBe(false);
  });

  test('the password is in no log and in no file of the running machine', async () => {
    const folder = sandbox.machine('forgejo').stateDir;
    const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { name } of names) expect((await readFile(join(folder, name), 'utf8')).includes(password)).toBe(false);
    const logs = await inGuest('cat /run/log/*/current');
    expect(logs).toContain('made the administrator owner');
    expect(logs.includes(password)).toBe(false);
    expect((await inGuest('ls -l /run/secrets/forgejo/app.ini')).trim()).toMatch(/^-rw------- 1 git git /);
  });

  test('the administrator signs in with the generated password and no other; no access token is left', async () => {
    expect(await (await api('/user')).json()).toMatchObject({ login: 'owner', is_admin: true });
    expect((await api('/user', { as: 'wrong' })).status).toBe(401);
    expect(await (await api('/users/owner/tokens')).json()).toEqual([]);
  });

  test('a repository is created, pushed and cloned over HTTP', async () => {
    for (const name of ['work', 'other']) {
      expect((await api('/user/repos', { method: 'POST', body: { name } })).status).toBe(201);
    }
    const work = join(sandbox.folder, 'work');
    await git(['init', '-q', '-b', 'main', work]);
    await writeFile(join(work, 'README.md'), '# work\n');
    await git(['add', '.'], work);
    await git(['commit', '-q', '-m', 'first'], work);
    for (const name of ['work', 'other']) await git(['push', '-q', repository(name), 'main'], work);
    await git(['clone', '-q', repository('work'), 'clone']);
    expect(await readFile(join(sandbox.folder, 'clone', 'README.md'), 'utf8')).toBe('# work\n');
  });

  test('git answers over ssh on its own port, to a key of the account only', async () => {
    const known = utils.generateKeyPairSync('ed25519');
    const unknown = utils.generateKeyPairSync('ed25519');
    const added = await api('/user/keys', { method: 'POST', body: { title: 'test', key: known.public } });
    expect(added.status).toBe(201);
    const head = await git(['rev-parse', 'main'], join(sandbox.folder, 'work'));
    expect(await advertised(sshPort, known.private, 'owner/work.git')).toContain(`${head} HEAD`);
    await expect(advertised(sshPort, unknown.private, 'owner/work.git')).rejects.toThrow(/authentication/i);
  });

  test('stops cleanly and comes back with it; a password that its owner has changed stays', async () => {
    const changed = {
      source_id: 0,
      login_name: 'owner',
      password: 'Chosen-by-the-owner-1',
      must_change_password: false,
    };
    expect((await api('/admin/users/owner', { method: 'PATCH', body: changed })).status).toBe(200);
    expect(await sandbox.json(['stop', 'forgejo'])).toMatchObject({ wasRunning: true, stopped: { forced: [] } });
    await boot();
    expect((await api('/user', { as: changed.password })).status).toBe(200);
    expect((await api('/user')).status).toBe(401);
    expect(
      (await api('/admin/users/owner', { as: changed.password, method: 'PATCH', body: { ...changed, password } }))
        .status,
    ).toBe(200);
    await git(['clone', '-q', repository('work'), 'again']);
  });

  test.skipIf(!isAll)(
    `an account that was half made, wherever that ended, is finished (from step ${FIRST_STEP} on)`,
    async () => {
      // The script makes another account. The n-th program that it runs does not run, and the script is gone.
      const halfway = `set -eu
${AS_SERVICE}
rm -rf /tmp/shim /data/forgejo/administrator; mkdir /tmp/shim; cd /tmp/shim; chmod 755 .
for name in curl sync mv forgejo; do
  printf '#!/bin/sh\\nn=$(($(cat /tmp/shim/count) + 1)); echo $n >/tmp/shim/count\\n[ $n -ne %s ] || { kill -9 $(cat /tmp/shim/pid); exit 1; }\\nexec %s "$@"\\n' "$1" "$(command -v $name)" >$name
  chmod 755 $name
done
echo 0 >count; chmod 666 count
sed "s/owner/half$1/g" /run/vmkit/services/forgejo/after-ready >/tmp/after-ready; chmod 755 /tmp/after-ready
PATH=/tmp/shim:$PATH sh -c 'echo $$ >/tmp/shim/pid; exec /tmp/after-ready' >/dev/null 2>&1 || :
cat count`;
      let step = FIRST_STEP;
      for (; ; step += STRIDE) {
        const ran = Number(await inGuest(halfway, String(step)));
        const name = `half${step}`;
        expect(await inGuest(`${AS_SERVICE}; /tmp/after-ready >&2 && cat /data/forgejo/administrator`)).toBe(
          `done ${name}\n`,
        );
        expect(await (await api('/user', { name })).json()).toMatchObject({ login: name, is_admin: true });
        expect(await (await api(`/users/${name}/tokens`, { name })).json()).toEqual([]);
        if (ran < step) break;
      }
      // Fewer programs than that do not make an account.
      expect(step).toBeGreaterThan(10);
    },
  );

  test('an account that was there before is left as it is', async () => {
    await inGuest(`${AS_SERVICE}; rm /data/forgejo/administrator; /run/vmkit/services/forgejo/after-ready`);
    expect((await inGuest('cat /data/forgejo/administrator')).trim()).toBe('done owner');
    expect(await (await api('/users/owner/tokens')).json()).toEqual([]);
  });

  test(`${KILLS} times killed while commits are pushed, it has every acknowledged one, and git fsck finds nothing`, async () => {
    const work = join(sandbox.folder, 'work');
    const acknowledged = new Map<string, string[]>([
      ['work', []],
      ['other', []],
    ]);
    const count = (): number => [...acknowledged.values()].flat().length;
    for (let round = 1; round <= KILLS; round++) {
      let isOver = false;
      const push = async (name: string, commits: string[]): Promise<void> => {
        const tree = join(sandbox.folder, `push-${name}-${round}`);
        await git(['clone', '-q', repository(name), tree]);
        for (let number = 1; !isOver; number++) {
          const folder = join(tree, `${round}.${number}`);
          await mkdir(folder);
          await writeFile(join(folder, 'file'), `${name} ${round} ${number}\n`.repeat(50));
          await git(['add', '.'], tree);
          await git(['commit', '-q', '-m', `${round}.${number}`], tree);
          const isPushed = await git(['push', '-q', 'origin', 'main'], tree).then(...yesOrNo);
          if (isPushed) commits.push(await git(['rev-parse', 'HEAD'], tree));
        }
      };
      const pushing = Promise.all([...acknowledged].map(([name, commits]) => push(name, commits)));
      const wanted = count() + 6;
      while (count() < wanted) await Promise.race([pushing, pause(20)]);
      await sandbox.killQemu('forgejo');
      isOver = true;
      await pushing;
      await boot();
      for (const [name, commits] of acknowledged) {
        const tree = join(sandbox.folder, `check-${name}-${round}`);
        await git(['clone', '-q', repository(name), tree]);
        const there = (await git(['log', '--format=%H'], tree)).split('\n');
        expect(commits.filter((commit) => !there.includes(commit))).toEqual([]);
      }
      const check =
        'for r in /data/forgejo/repositories/*/*.git; do s6-setuidgid git git -C "$r" fsck --full 2>&1 || echo "$r: $?"; done';
      expect((await inGuest(check)).replace(/^(dangling|notice|Checking).*\n/gm, '')).toBe('');
    }
    expect(await git(['log', '-1', '--format=%s'], work)).toBe('first');
  });

  test.runIf(isAll)('its address is that of the way that was exposed, at once and after a boot', async () => {
    const context = { ...contextIn(sandbox.folder), paths: sandbox.paths };
    const spec = await loadVm(join(sandbox.folder, 'vm', 'forgejo', 'vm.yaml'), context);
    const address = () =>
      inGuest('sed -n "s/^ROOT_URL = //p" /run/secrets/forgejo/app.ini; s6-svstat -o pid /run/service/forgejo');
    const [before = '', pid] = (await address()).split('\n');
    expect(before).toBe(`http://127.0.0.1:${port}/`);
    const tell = () => followAddress(spec, { name: 'forgejo', protocol: 'http' }, 'http://forge.example', context);
    await tell();
    const told = await address();
    expect(told.split('\n')[0]).toBe('http://forge.example/');
    expect(told.split('\n')[1]).not.toBe(pid);
    expect((await api('/user')).status).toBe(200);
    await tell();
    expect(await address()).toBe(told);
  });

  test.runIf(isAll && VMKIT_FORGEJO === undefined)(
    'a dump of another server that fails leaves the machine as it was; a right one takes its place',
    async () => {
      await sandbox.json(['stop', 'forgejo']);
      const disk = async () => sha256(await readFile(sandbox.machine('forgejo').dataDisk));
      const before = await disk();
      const importing = (file: string) =>
        sandbox.vmkit(['import', 'forgejo', 'forgejo', '--dump', file, '--component', component]);
      const folder = (name: string) => mkdtemp(join(sandbox.folder, name));
      const broken = await importing(makeDump(await folder('broken'), { sql: 'INSERT INTO nowhere VALUES (1);' }));
      expect(broken.stderr).toContain('"nowhere" does not exist');
      expect(broken.exitCode).not.toBe(0);
      expect(await disk()).toBe(before);
      expect(await readdir(sandbox.machine('forgejo').dataDir)).not.toContain('apart');

      const right = makeDump(await folder('right'));
      console.log(`VMKIT_TEST_SEED=${SEED}`);
      const { int } = dice(SEED);
      for (let round = 1; round <= KILLS && (await disk()) === before; round++) {
        const killed = sandbox.start(['import', 'forgejo', 'forgejo', '--dump', right, '--component', component]);
        await pause(int(60_000));
        killed.process.kill('SIGKILL');
        await killed.ended;
        // Whoever takes the lock next puts in place what was decided.
        await sandbox.vmkit(['stop', 'forgejo']);
        console.log(`import killed, round ${round}`);
      }
      if ((await disk()) === before) {
        const { exitCode, stdout, stderr } = await importing(right);
        expect(exitCode, stderr).toBe(0);
        expect(stdout).toContain('2 repositories, 2 users');
        expect(stdout).toContain('administrators: Anna.');
        expect(stdout).toMatch(/mailer\.ENABLED, mailer\.PASSWD/);
        expect(stdout + stderr).not.toContain('hidden');
        expect(await readdir(sandbox.machine('forgejo').dataDir)).not.toContain('apart');
      }
      await boot();
      const anna = { as: OLD_PASSWORD, name: 'anna' };
      expect(await (await api('/user', anna)).json()).toMatchObject({ login: 'Anna', is_admin: true });
      expect((await api('/user')).status).toBe(401);
      expect(await inGuest('sed -n "s/^SECRET_KEY = //p" /run/secrets/forgejo/app.ini')).toBe(
        `\`${OLD_SECRET_KEY}\`\n`,
      );
      expect(await inGuest('cat /data/forgejo/repositories/anna/work.git/hooks/post-receive')).not.toContain('gitea');
      expect(await sandbox.json(['snapshots', 'forgejo'])).toContainEqual(
        expect.objectContaining({ why: 'before an import' }),
      );
    },
  );
});

const yesOrNo = [() => true, () => false] as const;

async function pause(ms: number): Promise<false> {
  await new Promise((resolve) => void setTimeout(resolve, ms));
  return false;
}

/** What `git ls-remote` over ssh would read first: the references of a repository. */
function advertised(port: number, privateKey: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on('error', reject).on('ready', () => {
      client.exec(`git-upload-pack '${path}'`, (error, channel) => {
        if (error !== undefined) return void reject(error);
        let text = '';
        channel.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1');
          // An empty line ends the talk.
          if (text.includes('0000')) channel.end('0000');
        });
        channel.on('close', () => {
          client.end();
          resolve(text);
        });
      });
    });
    client.connect({ host: '127.0.0.1', port, username: 'git', privateKey, readyTimeout: 60_000 });
  });
}
