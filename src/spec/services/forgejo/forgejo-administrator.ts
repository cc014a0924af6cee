import { FORGEJO_HOME, FORGEJO_USER } from './app-ini.ts';

interface Administrator {
  readonly name: string;
  /** Forgejo's port on the guest's loopback. */
  readonly port: number;
  readonly config: string;
  /** The file that holds the password: letters and digits. */
  readonly passwordFile: string;
}

/**
 * A script for `afterReady` that makes the administrator's account, once. Forgejo's own command takes a password on its command line only
 * (cmd/admin_user_create.go), so the account is made with a random one that nobody sees; then the API sets ours. Secrets go to curl
 * through its standard input. A file on the data disk says how far it came: nothing, `creating NAME`, `done NAME`. Once it is done the account is its owner's:
 * renamed, deleted or with another password, it is never touched again. Until then each step may be repeated.
 */
export function ensureAdministrator({ name, port, config, passwordFile }: Administrator): string {
  return `# The administrator's account, once.
marker=${FORGEJO_HOME}/administrator
api=http://127.0.0.1:${port}/api/v1

# request METHOD PATH: lines of a curl configuration on standard input add the credentials and the body (curl(1), --config).
request() {
  { printf 'request = "%s"\\nurl = "%s%s"\\n' "$1" "$api" "$2"; cat; } | curl -q -sS -f --max-time 60 --config -
}

# mark STATE: whole, and on the disk, before the next step.
mark() {
  echo "$1 ${name}" >"$marker.new"
  sync "$marker.new"
  mv "$marker.new" "$marker"
  sync ${FORGEJO_HOME}
}

state=none
[ ! -e "$marker" ] || read -r state _ <"$marker"
[ "$state" != done ] || exit 0

case $(curl -q -sS --max-time 60 -o /dev/null -w '%{http_code}' "$api/users/${name}") in
  200) exists=yes ;;
  404) exists=no ;;
  *) echo 'Forgejo does not say whether there is an account ${name}' >&2; exit 1 ;;
esac
if [ "$state" = none ] && [ "$exists" = yes ]; then
  echo 'the account ${name} was there before vmkit made one: its password stays as it is'
  mark done
  exit 0
fi
mark creating
if [ "$exists" = no ]; then
  # It prints the random password.
  s6-setuidgid ${FORGEJO_USER} forgejo admin user create --admin --username ${name} --email ${name}@forgejo.invalid \\
    --random-password --must-change-password=false --config ${config} >/dev/null
fi

# A name can be used once, so a token that was left by a crash is not in the way.
token=$(s6-setuidgid ${FORGEJO_USER} forgejo admin user generate-access-token --username ${name} --scopes write:admin --raw \\
  --token-name "vmkit-setup-$(cat /proc/sys/kernel/random/uuid)" --config ${config} | tail -n 1)
case $token in
  '' | *[!A-Za-z0-9_-]*) echo 'forgejo made no access token' >&2; exit 1 ;;
esac
password=$(cat ${passwordFile})
request PATCH /admin/users/${name} >/dev/null <<END
header = "Authorization: token $token"
header = "Content-Type: application/json"
data = "{\\"source_id\\":0,\\"login_name\\":\\"${name}\\",\\"password\\":\\"$password\\",\\"must_change_password\\":false}"
END

# Signing in with the password proves it, and only so may tokens be deleted.
tokens=$(echo "user = \\"${name}:$password\\"" | request GET '/users/${name}/tokens?limit=50')
for token in $(echo "$tokens" | grep -o 'vmkit-setup-[0-9a-f-]*' | sort -u); do
  echo "user = \\"${name}:$password\\"" | request DELETE "/users/${name}/tokens/$token" >/dev/null
done
mark done
echo 'made the administrator ${name}'
`;
}
