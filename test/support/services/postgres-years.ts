import { expect } from 'vitest';

/** What a cluster of a few years has: roles with passwords and rights, extensions, large objects, and what sorts as a language does. */
export const YEARS = `
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore;
CREATE ROLE reader LOGIN PASSWORD 'kept';
CREATE COLLATION swedish (provider = icu, locale = 'sv-SE');
CREATE TABLE words (word text COLLATE swedish PRIMARY KEY, tags hstore);
INSERT INTO words VALUES ('ö', 'a=>1'), ('z', NULL), ('å', NULL);
INSERT INTO words SELECT md5(i::text) FROM generate_series(1, 2000) AS i;
CREATE INDEX ON words USING gin (word gin_trgm_ops);
GRANT SELECT ON words TO reader;
SELECT lo_from_bytea(4711, decode(repeat('cafe', 5000), 'hex'));
ALTER SYSTEM SET work_mem = '5MB';
CREATE DATABASE ordbok LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE' LOCALE 'C.UTF-8' TEMPLATE template0;
`;

/** Each of these is lost or wrong where a part of it did not come along. */
export const ASKED = `
SHOW server_version_num;
SELECT string_agg(word, '' ORDER BY word) FROM words WHERE length(word) = 1;
SELECT count(*), sum(length(tags::text)) FROM words;
SELECT md5(lo_get(4711));
SELECT has_table_privilege('reader', 'words', 'SELECT');
SELECT rolpassword ~ '^SCRAM' FROM pg_authid WHERE rolname = 'reader';
SHOW work_mem;
SELECT count(*) FROM pg_collation WHERE collversion <> pg_collation_actual_version(oid);
SELECT count(*) FROM pg_database WHERE datcollversion <> pg_database_collation_actual_version(oid);
SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'words';
`;
/** Without the first, which is the version, and the last, whether there are statistics. */
export const ANSWERS = ['zåö', '2003|8', expect.stringMatching(/^[0-9a-f]{32}$/), 't', 't', '5MB', '0', '0'];
