import { VmkitError } from '../../core/errors/errors.ts';
import { requireTools } from '../../host/tools/tools.ts';
import { buildContext, type VerbContext } from '../step.ts';
import { fileOfDump, isTaken, listDump, readWholeDump, unfit } from './dump-archive.ts';
import { type Ini, parseIni, secretKeyOf } from './dump-ini.ts';
import { type DumpedDatabase, readDumpedDatabase } from './dump-sql.ts';

/** A dump of Forgejo or Gitea, looked through and found whole. */
export interface Dump {
  readonly file: string;
  /** The name of the database's dump in it. */
  readonly sqlName: string;
  readonly sqlBytes: number;
  /** Of the files that a machine takes. */
  readonly fileBytes: number;
  readonly database: DumpedDatabase;
  readonly ini: Ini;
  readonly secretKey: string;
}

const MAKE_ONE = 'On the old server: forgejo dump --database postgres';
/** Longer ones are no app.ini. */
const LONGEST_INI = 1024 * 1024;

/** Looks a dump on this computer through, all of it. Nothing of it is unpacked or believed. Throws `dump-unfit`, `tools-missing`. */
export async function readDump(file: string, context: VerbContext): Promise<Dump> {
  const { builder, signal, report } = context;
  await requireTools(['import'], buildContext(context));
  if ((await builder.host.stat(file))?.kind !== 'file') {
    throw new VmkitError('usage', 'file-missing', `${file} is no file.`, { hint: MAKE_ONE });
  }
  const entries = await listDump(file, context);
  const bytesOf = (some: typeof entries): number => some.reduce((sum, { bytes }) => sum + bytes, 0);
  const sql = entries.find(({ name }) => name === 'forgejo-db.sql' || name === 'gitea-db.sql');
  if (sql === undefined) throw unfit(file, 'there is no forgejo-db.sql in it, and no gitea-db.sql', MAKE_ONE);
  if (!entries.some(({ name }) => name.startsWith('repos/')))
    throw unfit(file, 'there are no repositories in it', MAKE_ONE);
  const ini = parseIni(entries.some(({ name }) => name === 'app.ini') ? await textOf(file, 'app.ini', signal) : '');
  const secretKey = requireSecretKey(file, ini);
  report({ kind: 'phase', text: `reads all of it: ${Math.ceil(bytesOf(entries) / 1024 ** 2)} MiB` });
  await readWholeDump(file, context);
  report({ kind: 'phase', text: `reads ${sql.name}` });
  const database = await readDumpedDatabase(fileOfDump(file, sql.name, signal));
  requirePostgres(file, database);
  return {
    file,
    sqlName: sql.name,
    sqlBytes: sql.bytes,
    fileBytes: bytesOf(entries.filter(isTaken)),
    database,
    ini,
    secretKey,
  };
}

function requireSecretKey(file: string, ini: Ini): string {
  if (!ini.has('security')) {
    throw unfit(file, 'there is no app.ini with [security] in it, so its SECRET_KEY is not known', MAKE_ONE);
  }
  const key = secretKeyOf(ini);
  if (key === 'elsewhere') {
    throw unfit(
      file,
      'its SECRET_KEY is in a file of the old server (SECRET_KEY_URI)',
      'Write it into a copy of that app.ini, as SECRET_KEY in the place of SECRET_KEY_URI, and put it into the dump: zip DUMP app.ini',
    );
  }
  if (key === undefined) {
    throw unfit(
      file,
      'its SECRET_KEY has spaces, backquotes or letters beyond ASCII, which vmkit does not carry',
      'It cannot be changed there without losing second factors and stored passwords.',
    );
  }
  return key;
}

function requirePostgres(file: string, { dialect, rows }: DumpedDatabase): void {
  if (dialect !== 'postgres') {
    throw unfit(
      file,
      `its database is written for ${dialect ?? 'nobody that vmkit knows'}, not for PostgreSQL`,
      MAKE_ONE,
    );
  }
  for (const table of ['user', 'repository', 'version']) {
    if (!rows.has(table)) throw unfit(file, `its database has no table ${table}`, MAKE_ONE);
  }
}

async function textOf(file: string, name: string, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of fileOfDump(file, name, signal)) {
    length += piece.length;
    if (length > LONGEST_INI) throw unfit(file, `its ${name} is longer than ${LONGEST_INI} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
