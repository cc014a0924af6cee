cd /data/postgres
[ ! -e /data/postgres/17 ] || { echo '/data/postgres/17 is there already' >&2; exit 1; }
rm -rf /data/postgres/17.new /data/postgres/upgrade
install -d -o postgres -g postgres -m 0700 /data/postgres/upgrade
# on VERSION FOLDER start|stop
on() {
  s6-setuidgid postgres "/usr/lib/postgresql/$1/bin/pg_ctl" -D "$2" -w -t 86400 -s -l /data/postgres/upgrade/log -m fast -o "-c listen_addresses='' -c unix_socket_directories=/data/postgres/upgrade" "$3" || {
    tail -n 20 /data/postgres/upgrade/log >&2
    exit 1
  }
}
# inventory: what a cluster has. Read whole, so a damaged page shows.
inventory() {
  s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres -c "SELECT 'role ' || rolname || ' ' || md5(rolpassword) FROM pg_authid WHERE oid >= 16384 ORDER BY rolname"
databases=$(s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname')
printf '%s\n' "$databases" | while IFS= read -r database; do
s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d "$database" <<'SQL'
SELECT format('SELECT %L || '' '' || count(*) FROM %I.%I',
    translate(current_database() || '.' || schemaname || '.' || relname, E' \n', '__'), schemaname, relname)
  FROM pg_stat_user_tables ORDER BY schemaname, relname \gexec
SELECT current_database() || ' large objects ' || count(*) || ' ' || coalesce(sum(length(data)), 0) FROM pg_largeobject;
SELECT current_database() || ' extension ' || extname FROM pg_extension ORDER BY extname;
SQL
done
}

echo 'starts PostgreSQL 15, which recovers what was cut off'
on 15 /data/postgres/15 start
inventory >/data/postgres/upgrade/before
on 15 /data/postgres/15 stop

echo 'makes a cluster of PostgreSQL 17 from it'
s6-setuidgid postgres /usr/lib/postgresql/17/bin/initdb -D /data/postgres/17.new --username=postgres --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C \
    --data-checksums --auth-local=peer --auth-host=scram-sha-256 --no-instructions >/data/postgres/upgrade/initdb
# What ALTER SYSTEM has set.
install -o postgres -g postgres -m 0600 /data/postgres/15/postgresql.auto.conf /data/postgres/17.new/
cd /data/postgres/upgrade
s6-setuidgid postgres /usr/lib/postgresql/17/bin/pg_upgrade --username=postgres --link --socketdir=/data/postgres/upgrade --old-bindir=/usr/lib/postgresql/15/bin \
  --new-bindir=/usr/lib/postgresql/17/bin --old-datadir=/data/postgres/15 --new-datadir=/data/postgres/17.new >/data/postgres/upgrade/pg_upgrade || {
  tail -n 30 /data/postgres/upgrade/pg_upgrade >&2
  find /data/postgres/17.new/pg_upgrade_output.d -name '*.txt' -exec cat {} + >&2
  find /data/postgres/17.new/pg_upgrade_output.d -name '*.log' -exec grep -hE 'ERROR|FATAL|error:' {} + >&2
  exit 1
}
on 17 /data/postgres/17.new start

# Whatever its release, the C library or ICU sorts otherwise than the one before: PostgreSQL, "ALTER COLLATION", Notes.
databases=$(s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname')
printf '%s\n' "$databases" | while IFS= read -r database; do
  if [ "$(s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d "$database" -c "SELECT EXISTS (SELECT FROM pg_index, unnest(indcollation) AS used
  JOIN pg_collation ON pg_collation.oid = used JOIN pg_database ON datname = current_database()
  WHERE CASE WHEN collprovider = 'd' THEN datlocprovider ELSE collprovider END = 'i'
    OR CASE WHEN collprovider = 'd' THEN datlocprovider ELSE collprovider END = 'c'
      AND CASE WHEN collprovider = 'd' THEN datcollate ELSE collcollate END !~* '^(C|POSIX)([.]|\$)')")" = t ]; then
    echo "makes the indexes of $database anew, which another release of libc or ICU has sorted"
    s6-setuidgid postgres /usr/lib/postgresql/17/bin/reindexdb -h /data/postgres/upgrade -q -d "$database"
  fi
  s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d "$database" <<'SQL'
SELECT format('ALTER COLLATION %I.%I REFRESH VERSION', nspname, collname)
  FROM pg_collation JOIN pg_namespace ON pg_namespace.oid = collnamespace
  WHERE collversion <> pg_collation_actual_version(pg_collation.oid) \gexec
SQL
done
s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres <<'SQL'
SELECT format('ALTER DATABASE %I REFRESH COLLATION VERSION', datname)
  FROM pg_database WHERE datcollversion <> pg_database_collation_actual_version(oid) \gexec
SQL
if [ -e /data/postgres/upgrade/update_extensions.sql ]; then
  echo 'updates extensions'
  s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres -f /data/postgres/upgrade/update_extensions.sql
fi
echo 'gathers statistics'
s6-setuidgid postgres /usr/lib/postgresql/17/bin/vacuumdb -h /data/postgres/upgrade -q --all --analyze-only
echo 'compares, and reads every row'
inventory >/data/postgres/upgrade/after
diff /data/postgres/upgrade/before /data/postgres/upgrade/after >/data/postgres/upgrade/differences || { head -n 20 /data/postgres/upgrade/differences >&2; exit 1; }
databases=$(s6-setuidgid postgres /usr/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /data/postgres/upgrade -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname')
printf '%s\n' "$databases" | while IFS= read -r database; do
s6-setuidgid postgres /usr/lib/postgresql/17/bin/pg_dump -h /data/postgres/upgrade -d "$database" >/dev/null
done
on 17 /data/postgres/17.new stop
cd /data/postgres
mv /data/postgres/17.new /data/postgres/17
rm -rf /data/postgres/15 /data/postgres/upgrade roles-known
sync
