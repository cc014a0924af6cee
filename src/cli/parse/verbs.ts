export interface Verb {
  /** As in the help: `boot <vm>`. */
  readonly usage: string;
  readonly summary: string;
  /** Works on the computer where it is called, whatever the host of machines. */
  readonly isBuild?: true;
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
        summary: 'Build a guest kernel; refused if it would lack an option you asked for',
        isBuild: true,
      },
      'check-kernel': {
        usage: 'check-kernel <target>',
        summary: 'Say what a .config, a kernel image or a running machine lacks, and why it matters',
      },
      'build-image': {
        usage: 'build-image <vm>',
        summary: 'Build the root file system and the initramfs of a machine',
        isBuild: true,
      },
    },
  },
  {
    title: 'Boot',
    verbs: {
      boot: { usage: 'boot <vm>', summary: 'Build what has changed, start, wait until every service answers' },
    },
  },
  {
    title: 'Look',
    verbs: {
      ls: { usage: 'ls', summary: 'List all machines, and whether they run' },
      status: {
        usage: 'status [vm]',
        summary: 'Show which service is ready and which port leads where; without <vm>, all machines',
      },
      logs: { usage: 'logs <vm> [service]', summary: 'Print what a service says, or the console of the machine' },
      shell: { usage: 'shell <vm>', summary: 'Open a root shell in the machine, over ssh' },
      exec: { usage: 'exec <vm> -- <command..>', summary: 'Run a command in the machine' },
      cp: { usage: 'cp <from> <to>', summary: 'Copy a file into a machine (NAME:PATH), or out of it' },
      top: {
        usage: 'top [vm]',
        summary: 'Show what machines and their services take of processor, memory, disk and network',
      },
      forward: {
        usage: 'forward <vm>',
        summary: 'Open the ports of a machine on another host on this computer, until Ctrl-C',
      },
      console: { usage: 'console <vm>', summary: 'Open the serial console, which works when the network does not' },
    },
  },
  {
    title: 'Reach',
    verbs: {
      probe: {
        usage: 'probe <vm> [service]',
        summary: 'Try every way in from your tailnet, and say what is broken and why',
      },
      expose: {
        usage: 'expose <vm> [service]',
        summary: 'Set up the best way in to a service, try it, and print its address',
      },
      unexpose: { usage: 'unexpose <vm> [service]', summary: 'Take back what expose did' },
      client: {
        usage: 'client <vm> <name>',
        summary: 'Print the WireGuard or Nebula configuration of a client; --qr for a phone',
      },
    },
  },
  {
    title: 'Tailnet',
    verbs: {
      'tailnet key': {
        usage: 'tailnet key',
        summary: 'Make an auth key, short-lived and for one node unless told otherwise',
        isBuild: true,
      },
      'tailnet devices': {
        usage: 'tailnet devices',
        summary: 'List the nodes, and those that a machine left behind when it joined again',
        isBuild: true,
      },
      'tailnet rm': {
        usage: 'tailnet rm <nodes..>',
        summary: 'Remove nodes from the tailnet, after asking',
        isBuild: true,
      },
      'tailnet hosts': {
        usage: 'tailnet hosts',
        summary: "Write the tailnet's names into the hosts file, where its name server is not asked",
        isBuild: true,
      },
      'tailnet inventory': {
        usage: 'tailnet inventory',
        summary: 'Print the nodes for ssh or Ansible, reached directly or through tailscaled',
        isBuild: true,
      },
      'tailnet join': {
        usage: 'tailnet join --userspace',
        summary: 'Join this computer without TUN and root, and try the way out',
        isBuild: true,
      },
      'tailnet run': {
        usage: 'tailnet run -- <command..>',
        summary: 'Run a command through that node',
        isBuild: true,
      },
      'tailnet leave': { usage: 'tailnet leave', summary: 'Undo join: node, state, process', isBuild: true },
      'tailnet doctor': {
        usage: 'tailnet doctor',
        summary: 'Say what is wrong with this computer as a node, and what to do',
        isBuild: true,
      },
      'tailnet try': {
        usage: 'tailnet try',
        summary: 'Measure ways through the tailnet on this computer, those that need least first',
        isBuild: true,
      },
      'tailnet service': {
        usage: 'tailnet service <action>',
        summary: "install or remove: this computer's tailscaled as a unit with few rights",
        isBuild: true,
      },
      'tailnet watch': {
        usage: 'tailnet watch',
        summary: 'Watch a tailscaled, and end where it is stuck: what the unit of the watchdog runs',
        isBuild: true,
      },
    },
  },
  {
    title: 'Elsewhere',
    verbs: {
      export: {
        usage: 'export <vm>',
        summary: 'Write a machine as files of libvirt, KubeVirt and others, which run it without vmkit',
        isBuild: true,
      },
      push: {
        usage: 'push <vm> <image>',
        summary: 'Push the definition and the artifacts of a machine to an OCI registry; --sign',
        isBuild: true,
      },
      pull: {
        usage: 'pull <image>',
        summary: 'Pull a machine that was pushed: it boots here without being built; --key',
        isBuild: true,
      },
    },
  },
  {
    title: 'Stop',
    verbs: {
      stop: { usage: 'stop <vm>', summary: 'Stop the services in reverse order, unmount the data disk, power off' },
      suspend: { usage: 'suspend <vm>', summary: "Save a machine's memory to the disk, and end what runs of it" },
      resume: { usage: 'resume <vm>', summary: 'Let a suspended machine go on where it was' },
      rm: { usage: 'rm <vm>', summary: 'Delete a machine and its data' },
    },
  },
  {
    title: 'Keep',
    verbs: {
      backup: { usage: 'backup <vm>', summary: 'Save a machine as it is at one instant, while it runs' },
      backups: { usage: 'backups [vm]', summary: 'List backups' },
      restore: { usage: 'restore <vm> [id]', summary: 'Make a machine what it was, here or on another computer' },
      snapshot: { usage: 'snapshot <vm>', summary: 'Keep the data disk as it is now, beside the machine' },
      snapshots: { usage: 'snapshots <vm>', summary: 'List the snapshots of a machine, or delete one' },
      rollback: { usage: 'rollback <vm> [id]', summary: 'Take the data disk back to a snapshot' },
      health: {
        usage: 'health <vm>',
        summary: 'Say whether a machine is well, and tell who wants to know: autostart asks every minute',
      },
      autostart: {
        usage: 'autostart <vm> <on|off>',
        summary: 'Start a machine with this computer, by systemd, and back it up',
        isBuild: true,
      },
    },
  },
  {
    title: 'Change',
    verbs: {
      rename: { usage: 'rename <vm> <name>', summary: 'Give a machine that is off another name' },
      move: {
        usage: 'move <vm>',
        summary: 'Move a machine to another host (--to), and forget it here once it runs there',
      },
      outdated: {
        usage: 'outdated <vm>',
        summary: 'List what Debian and vmkit have newer than a machine, and what an upgrade would change',
      },
      upgrade: {
        usage: 'upgrade <vm>',
        summary: 'Bring data to the versions of vm.yaml: PostgreSQL, Forgejo; tried on a copy first',
      },
      'import forgejo': {
        usage: 'import forgejo <vm>',
        summary: 'Take over a Forgejo of another server (--dump), tried on a copy first',
      },
      secrets: {
        usage: 'secrets <action> <vm> <role>',
        summary: 'rotate: give a role of PostgreSQL a new password, in every machine that uses it',
      },
    },
  },
  {
    title: 'This computer',
    verbs: {
      doctor: { usage: 'doctor', summary: 'Say what this computer lacks, and print the command that installs it' },
      host: { usage: 'host <action>', summary: 'check, setup or teardown: networks on this computer for machines' },
      completion: { usage: 'completion [bash|zsh]', summary: 'Print the script for shell completion', isBuild: true },
    },
  },
];

const VERBS: ReadonlyMap<string, Verb> = new Map(VERB_GROUPS.flatMap((group) => Object.entries(group.verbs)));

export const VERB_NAMES: readonly string[] = [...VERBS.keys()];

/** Those that `--host` is for. */
export const HOST_VERBS: readonly string[] = VERB_NAMES.filter((name) => VERBS.get(name)?.isBuild !== true);

export function findVerb(name: string): Verb | undefined {
  return VERBS.get(name);
}
