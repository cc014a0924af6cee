/** Those that tell of a packet that was lost; the rest counts what is well. */
const TELLING = new RegExp(
  `^(${[
    'Ip (InHdrErrors|InAddrErrors|InDiscards|OutDiscards|OutNoRoutes|FragFails)',
    'Tcp (AttemptFails|OutRsts|InErrs)',
    'TcpExt (\\w*(Overflow|Drop|Filter|MD5|OnMemory|MemoryPressures|Rejected)\\w*|TCPTimeouts)',
    'Ip6 (In|Out)(HdrErrors|TooBigErrors|NoRoutes|AddrErrors|Discards|TruncatedPkts)',
    'Ip6 FragFails',
    'IpExt (InNoRoutes|InTruncatedPkts|InCsumErrors)',
    'conntrack (insert_failed|drop|early_drop)',
    'softnet dropped',
    'xfrm \\w+',
  ].join('|')})$`,
);

/**
 * Counters of a machine's kernel, from what `watchScript` printed of /proc/net, each line behind its file's name. snmp and netstat have a line of names and a line
 * of values, snmp6 and xfrm_stat a line for each name; the others have a line for each processor, in hexadecimal. Rules of the older iptables, which nftables does
 * not see, count by themselves (iptables-save(8)).
 */
export function kernelCounters(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const add = (name: string, value: number): void => {
    if (TELLING.test(name)) found.set(name, (found.get(name) ?? 0) + value);
  };
  const files = new Map<string, string[][]>();
  for (const line of text.split('\n')) {
    const [, file, row] = /^([\w/]+):(.*)$/.exec(line) ?? [];
    if (file === undefined || row === undefined) continue;
    files.set(file, [...(files.get(file) ?? []), row.trim().split(/\s+/)]);
  }
  for (const [file, rows] of files) {
    if (file === 'snmp' || file === 'netstat') {
      for (const [at, values] of rows.entries()) {
        // Names are in each line before its values.
        const [kind = '', ...names] = (at % 2 === 1 ? rows[at - 1] : undefined) ?? [];
        for (const [index, name] of names.entries()) add(`${kind.replace(':', '')} ${name}`, Number(values[index + 1]));
      }
    } else if (file.endsWith('_tables')) {
      for (const [name, value] of legacyDrops(file.replace('_', ''), rows)) found.set(name, value);
    } else if (file === 'softnet_stat') {
      for (const [, dropped = '0'] of rows) add('softnet dropped', Number.parseInt(dropped, 16));
    } else if (file === 'xfrm_stat') {
      for (const [name = '', value] of rows) add(`xfrm ${name}`, Number(value));
    } else if (file === 'snmp6') {
      for (const [name = '', value] of rows) add(name.replace(/^Ip6/, 'Ip6 '), Number(value));
    } else {
      const [names = [], ...values] = rows;
      for (const row of values) {
        for (const [index, name] of names.entries()) add(`conntrack ${name}`, Number.parseInt(row[index] ?? '0', 16));
      }
    }
  }
  return found;
}

/** How many packets each rule, and each policy, of the older iptables ended or sent elsewhere: `iptables-legacy -t filter -A INPUT -p tcp --dport 3000 -j DROP`. */
function legacyDrops(program: string, rows: readonly (readonly string[])[]): [string, number][] {
  let table = '';
  return rows.flatMap((words): [string, number][] => {
    const line = words.join(' ');
    table = /^\*(\w+)$/.exec(line)?.[1] ?? table;
    const [, ruled, rule] = /^\[(\d+):\d+\] (-A .* -j (?:DROP|REJECT|DNAT|REDIRECT|TPROXY)\b.*)$/.exec(line) ?? [];
    const [, chain, ended] = /^:(\S+) DROP \[(\d+):/.exec(line) ?? [];
    if (rule !== undefined) return [[`${program}-legacy -t ${table} ${rule}`, Number(ruled)]];
    return chain === undefined ? [] : [[`${program}-legacy -t ${table} -P ${chain} DROP`, Number(ended)]];
  });
}
