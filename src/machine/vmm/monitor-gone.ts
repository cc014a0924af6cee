import { VmkitError } from '../../core/errors/errors.ts';

/** A phone that had a monitor when it was chosen, and at the start has not. */
export function monitorGone(phone: string, lacks: string): VmkitError {
  return new VmkitError('host', 'phone-no-monitor', `${phone} has no ${lacks} any more.`, {
    hint: 'vmkit host check says more.',
  });
}
