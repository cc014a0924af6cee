/** Which variables of vmkit's own environment a process that it starts is given, and why. All others stay here: most secrets of a shell are variables. */
const GROUPS: readonly { readonly why: string; readonly names: readonly string[] }[] = [
  {
    why: 'who and where: programs look for other programs and for their own files',
    names: ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'XDG_*'],
  },
  { why: 'where temporary files go', names: ['TMPDIR', 'TMP', 'TEMP'] },
  { why: 'what a program prints, and its clock', names: ['LANG', 'LANGUAGE', 'LC_*', 'TZ', 'TERM', 'NO_COLOR'] },
  {
    why: 'the way to the network: apt, go, curl and node read them in either case',
    names: ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
      name,
      name.toUpperCase(),
    ]),
  },
  {
    why: 'whom to trust there: a company has a certificate authority of its own',
    names: [
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'CURL_CA_BUNDLE',
      'NODE_EXTRA_CA_CERTS',
      'GIT_SSL_CAINFO',
      'NIX_SSL_CERT_FILE',
    ],
  },
  {
    why: 'where libraries and headers are, on systems that do not have them in /usr',
    names: ['LD_LIBRARY_PATH', 'LIBRARY_PATH', 'CPATH', 'C_INCLUDE_PATH'],
  },
  { why: 'the compiler cache', names: ['CCACHE_*'] },
  {
    why: 'Go: its proxies, its checks, its caches (go help environment)',
    names: [
      'GOPROXY',
      'GOSUMDB',
      'GONOSUMDB',
      'GONOPROXY',
      'GOPRIVATE',
      'GOINSECURE',
      'GOFLAGS',
      'GOROOT',
      'GOPATH',
      'GOCACHE',
      'GOMODCACHE',
      'GOTMPDIR',
      'GOTOOLCHAIN',
      'GOENV',
    ],
  },
  {
    why: "Debian's tools: apt's configuration, no questions, builds that can be repeated",
    names: ['APT_CONFIG', 'DEBIAN_FRONTEND', 'SOURCE_DATE_EPOCH'],
  },
  { why: 'the session bus, by which systemd-run --user starts things', names: ['DBUS_SESSION_BUS_ADDRESS'] },
];

/** A name that begins as one of the above may still be a secret's. */
const SECRET = /KEY|TOKEN|SECRET|PASSW|CREDENTIAL/;

const EXACT = new Set(GROUPS.flatMap(({ names }) => names.filter((name) => !name.endsWith('*'))));
const PREFIXES = GROUPS.flatMap(({ names }) =>
  names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
);

/** What a child gets of `env`, and `own`, which its caller means for it. */
export function childEnvironment(
  own: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const inherited = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && isInherited(name) ? [[name, value]] : [],
  );
  return { ...Object.fromEntries(inherited), ...own };
}

function isInherited(name: string): boolean {
  return EXACT.has(name) || (PREFIXES.some((prefix) => name.startsWith(prefix)) && !SECRET.test(name));
}
