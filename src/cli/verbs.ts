interface Verb {
  /** As in the help: `boot <vm>`. */
  readonly usage: string;
  readonly summary: string;
}

interface VerbGroup {
  readonly title: string;
  readonly verbs: Readonly<Record<string, Verb>>;
}

/** Every verb, in the order of the flow. Static, so that the help loads no command. */
export const VERB_GROUPS: readonly VerbGroup[] = [
  {
    title: 'Build',
    verbs: {
      'build-kernel': {
        usage: 'build-kernel',
        summary: 'Build a guest kernel; no requested option is lost in silence',
      },
      'check-kernel': {
        usage: 'check-kernel <target>',
        summary: 'What a .config, a kernel image or a running guest lacks, and why',
      },
      'build-image': {
        usage: 'build-image <vm>',
        summary: 'Build the root file system and the initramfs of a machine',
      },
    },
  },
  {
    title: 'Boot',
    verbs: {
      boot: { usage: 'boot <vm>', summary: 'Build what is stale, start, wait until every service answers' },
    },
  },
  {
    title: 'Look',
    verbs: {
      ls: { usage: 'ls', summary: 'Every machine, and whether it runs' },
      status: {
        usage: 'status [vm]',
        summary: 'Which service is ready, which port leads where; all machines as a picture',
      },
      logs: { usage: 'logs <vm> [service]', summary: 'What a service says, or the machine itself' },
      shell: { usage: 'shell <vm>', summary: 'A root shell in the machine, over ssh' },
      exec: { usage: 'exec <vm> -- <command..>', summary: 'Run a command in the machine' },
      console: { usage: 'console <vm>', summary: 'The serial console; works when nothing else does' },
    },
  },
  {
    title: 'Reach',
    verbs: {
      probe: {
        usage: 'probe <vm> [service]',
        summary: 'Try every way in from a tailnet; name the hop that fails, and why',
      },
      expose: { usage: 'expose <vm> [service]', summary: 'Serve a port in the tailnet, try it, and print its address' },
      unexpose: { usage: 'unexpose <vm> [service]', summary: 'Take back what expose did' },
      client: {
        usage: 'client <vm> <name>',
        summary: "A client's configuration for the machine's WireGuard; --qr for a phone",
      },
    },
  },
  {
    title: 'Stop',
    verbs: {
      stop: { usage: 'stop <vm>', summary: 'Services down in reverse order, file systems synced, power off' },
      rm: { usage: 'rm <vm>', summary: 'Delete a machine and its data' },
    },
  },
  {
    title: 'Change',
    verbs: {
      secrets: {
        usage: 'secrets <action> <vm> <role>',
        summary: 'rotate: a new password for a role of PostgreSQL, everywhere',
      },
    },
  },
  {
    title: 'This machine',
    verbs: {
      doctor: { usage: 'doctor', summary: 'What this machine lacks, and the one command that installs it' },
      host: { usage: 'host <action>', summary: 'check, setup or teardown: the bridge for machines, undone exactly' },
      completion: { usage: 'completion [bash|zsh]', summary: 'Print the script for shell completion' },
    },
  },
];

const VERBS: ReadonlyMap<string, Verb> = new Map(VERB_GROUPS.flatMap((group) => Object.entries(group.verbs)));

export const VERB_NAMES: readonly string[] = [...VERBS.keys()];

export function findVerb(name: string): Verb | undefined {
  return VERBS.get(name);
}
