import { VmkitError } from '../../../src/core/errors/errors.ts';
import { editShared } from '../../../src/host/local/shared-file/edit-shared.ts';
import { editHosts } from '../../../src/tailnet/hosts/hosts-text.ts';

/** Edits a hosts file again and again, another node each time, until it is killed: `FILE [TIMES]`. Prints a line for each edit. */
const [file = '', times = 'Infinity'] = process.argv.slice(2);
const never = new AbortController().signal;
for (let at = 0; at < Number(times); at++) {
  const address = `100.64.${process.pid % 250}.${at % 250}`;
  const nodes = [{ addresses: [address], names: ['web.tailnet.test', `web-${at % 7}`] }];
  try {
    await editShared(file, (text, missed) => editHosts(text, missed, nodes).text, never);
    process.stdout.write('edited\n');
  } catch (error) {
    // Where a round takes longer than others take to write, it gives up: the next one takes what it left.
    if (!(error instanceof VmkitError && error.code === 'file-busy')) throw error;
  }
}
