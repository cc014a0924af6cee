import { VmkitError } from '../../core/errors/errors.ts';
import type { AdbDestination } from './destination.ts';

export interface AdbDevice {
  readonly serial: string;
  /** device, offline, unauthorized, authorizing, connecting, recovery, sideload, bootloader, `no permissions; ...`. */
  readonly state: string;
}

/** What `adb devices` prints without its heading: `SERIAL<tab>STATE`. */
export function parseDevices(text: string): readonly AdbDevice[] {
  return text.split('\n').flatMap((line) => {
    const [serial = '', state] = line.split('\t');
    return state === undefined ? [] : [{ serial, state: state.trim() }];
  });
}

/** Whether a wait is worth while: a phone has just been plugged in, its adbd starts again; or, `isBack`, it was there a moment ago. */
export function isComing(devices: readonly AdbDevice[], { serial }: AdbDestination, isBack: boolean): boolean {
  const meant = serial === undefined ? devices : devices.filter((device) => device.serial === serial);
  if (meant.length === 0) return isBack;
  return meant.every(({ state }) => ['offline', 'authorizing', 'connecting'].includes(state));
}

/** The serial of the phone that is meant. Throws why it is none, or cannot be used. */
export function chooseDevice(devices: readonly AdbDevice[], { url, serial }: AdbDestination): string {
  const list = devices.map((device) => `${device.serial} (${device.state})`).join(', ');
  const meant = serial === undefined ? devices : devices.filter((device) => device.serial === serial);
  const [device, another] = meant;
  if (device === undefined) {
    throw noDevice(`${url}: adb knows no such phone${list === '' ? '' : `; it knows ${list}`}.`);
  }
  if (another !== undefined) {
    throw new VmkitError('usage', 'adb-several-devices', `${url}: adb knows several phones: ${list}.`, {
      hint: `Say which one: --host adb:${device.serial}`,
    });
  }
  if (device.state !== 'device') throw stateError(url, device.state);
  return device.serial;
}

/** Of a phone in another state than `device`, or of what adb's server says of one. */
export function stateError(url: string, state: string): VmkitError {
  if (/unauthorized|failed to authenticate|authorizing/.test(state)) {
    return unreachable('adb-unauthorized', `${url}: the phone does not know this computer's key (${state}).`, {
      hint: 'Unlock the phone and allow debugging; the question is on its screen. Without one: revoke authorizations in its developer options, and plug it in again.',
    });
  }
  if (/not found|no devices/.test(state)) return noDevice(`${url}: ${state}.`);
  if (/no permissions/.test(state)) {
    return unreachable('adb-offline', `${url}: this user may not open the phone's USB device (${state}).`, {
      hint: 'Install the udev rules for Android (Debian: android-sdk-platform-tools-common), and plug it in again.',
    });
  }
  return unreachable('adb-offline', `${url}: adb cannot talk to the phone (${state}).`, {
    hint: 'Is it on, and started as usual? Another cable or port; or adb reconnect, and look at its screen.',
  });
}

function noDevice(message: string): VmkitError {
  return unreachable('adb-no-device', message, {
    hint: 'Turn on USB debugging in its developer options and plug it in, or pair it: adb pair, then --host adb:HOST:PORT. adb devices lists what is there.',
  });
}

function unreachable(
  code: 'adb-unauthorized' | 'adb-offline' | 'adb-no-device',
  message: string,
  { hint }: { readonly hint: string },
): VmkitError {
  return new VmkitError('unreachable', code, message, { hint });
}
