import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A folder with `it.git`, which any web server of files can give to git, and one commit in it: `page` with the text `hello`. */
export async function gitRepository(folder: string): Promise<string> {
  const www = await mkdtemp(join(folder, 'www-'));
  const [work, bare] = [join(www, 'work'), join(www, 'it.git')];
  const git = (args: readonly string[]) => execa('git', ['-c', 'user.name=me', '-c', 'user.email=me@test', ...args]);
  await git(['init', '-q', '--template=', work]);
  await writeFile(join(work, 'page'), 'hello\n');
  await git(['-C', work, 'add', '.']);
  await git(['-C', work, 'commit', '-q', '-m', 'page']);
  await git(['clone', '-q', '--bare', '--template=', work, bare]);
  await git(['-C', bare, 'update-server-info']);
  return www;
}
