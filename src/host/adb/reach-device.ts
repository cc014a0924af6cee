import { poll } from '../../core/deadline.ts';
import { VmkitError } from '../../core/errors/errors.ts';
import type { AdbDestination } from './destination.ts';
import { type AdbDevice, chooseDevice, isComing, parseDevices, stateError } from './devices.ts';
import { AdbRefusal, askText } from './server.ts';

/** What a phone may take after `adb tcpip`, `adb root`, another cable: adbd starts again, and the server notices. */
const COMES_WITHIN_MS = 15_000;

/** The serial of the phone that is meant, once adb can talk to it. `isBack`: it was there before, so it is waited for where it is away. */
export async function reachDevice(destination: AdbDestination, isBack: boolean): Promise<string> {
  let devices: readonly AdbDevice[] = [];
  let failure: unknown;
  const isFound = await poll(
    async () => {
      try {
        if (destination.address !== undefined) await connectDevice(destination);
        devices = parseDevices(await askText('host:devices'));
        failure = undefined;
      } catch (error) {
        if (!isBack || !(error instanceof VmkitError)) throw error;
        failure = error;
        return undefined;
      }
      return isComing(devices, destination, isBack) ? undefined : true;
    },
    { withinMs: COMES_WITHIN_MS, everyMs: 300 },
  );
  if (isFound === undefined && failure !== undefined) throw failure;
  return chooseDevice(devices, destination);
}

/** What adb's server knows already it leaves as it is, also where it is dead: that it has to forget first. */
async function connectDevice({ url, serial = '' }: AdbDestination): Promise<void> {
  const known = parseDevices(await askText('host:devices')).find((device) => device.serial === serial);
  if (known?.state === 'device') return;
  try {
    if (known?.state === 'offline') await askText(`host:disconnect:${serial}`);
    const said = await askText(`host:connect:${serial}`);
    if (/^(already )?connected to /.test(said)) return;
    if (/authenticate/.test(said)) throw stateError(url, said);
    throw new VmkitError('unreachable', 'adb-no-device', `${url}: ${said}`, {
      hint: 'Is wireless debugging on, and the port right? Android 11 and later choose another one each time; adb pair comes first, once.',
    });
  } catch (error) {
    throw error instanceof AdbRefusal ? stateError(url, error.message) : error;
  }
}
