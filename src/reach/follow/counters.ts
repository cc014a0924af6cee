/** Those that tell of a packet that was lost; the rest counts what is well. */
const TELLING = new RegExp(
  `^(${[
    'Ip (InHdrErrors|InAddrErrors|InDiscards|OutDiscards|OutNoRoutes|FragFails)',
    'Tcp (AttemptFails|OutRsts|InErrs)',
    'TcpExt (\\w*(Overflow|Drop|Filter|MD5|OnMemory|MemoryPressures|Rejected)\\w*|TCPTimeouts)',
    'IpExt (InNoRoutes|InTruncatedPkts|InCsumErrors)',
    'conntrack (insert_failed|drop|early_drop)',
    'softnet dropped',
    'xfrm \\w+',
  ].join('|')})$`,
);

/**
 * Counters of a machine's kernel, from what `watchScript` printed of /proc/net. snmp and netstat have a line of names and a line of values, xfrm_stat a line for each name;
 * the others have a line for each processor, in hexadecimal.
 */
export function kernelCounters(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const add = (name: string, value: number): void => {
    if (TELLING.test(name)) found.set(name, (found.get(name) ?? 0) + value);
  };
  for (const section of text.split(/^-- /m).slice(1)) {
    const [file = '', ...lines] = section.trim().split('\n');
    const rows = lines.map((line) => line.trim().split(/\s+/));
    if (file === 'snmp' || file === 'netstat') {
      for (const [at, values] of rows.entries()) {
        // Names are in each line before its values.
        const [kind = '', ...names] = (at % 2 === 1 ? rows[at - 1] : undefined) ?? [];
        for (const [index, name] of names.entries()) add(`${kind.replace(':', '')} ${name}`, Number(values[index + 1]));
      }
    } else if (file === 'softnet_stat') {
      for (const [, dropped = '0'] of rows) add('softnet dropped', Number.parseInt(dropped, 16));
    } else if (file === 'xfrm_stat') {
      for (const [name = '', value] of rows) add(`xfrm ${name}`, Number(value));
    } else {
      const [names = [], ...values] = rows;
      for (const row of values) {
        for (const [index, name] of names.entries()) add(`conntrack ${name}`, Number.parseInt(row[index] ?? '0', 16));
      }
    }
  }
  return found;
}
