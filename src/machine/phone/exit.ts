/** What follows from an end of crosvm: `off`: the guest is off as somebody wished. `again`: start it again, later each time. `no`: it would end the same way. */
export type AfterExit = 'off' | 'again' | 'no';

/**
 * crosvm's exit codes under `--extended-status` (CommandStatus, src/main.rs), and what each means. crosvm never starts a guest again by itself.
 * A panic with `panic=-1` is a reset as a reboot is, so a reset is answered more slowly each time.
 */
export const EXIT_CODES: Readonly<Record<number, { readonly means: string; readonly after: AfterExit }>> = {
  0: { means: 'the guest powered off, or crosvm was told to stop', after: 'off' },
  1: { means: 'crosvm failed before or beside the guest; its log says at what', after: 'again' },
  32: { means: 'the guest rebooted, or its kernel panicked', after: 'again' },
  33: { means: 'the virtual processor crashed', after: 'again' },
  34: { means: "the guest's kernel panicked (pvpanic)", after: 'again' },
  35: { means: 'this crosvm does not take its command line', after: 'no' },
  36: { means: "the guest's watchdog ran out", after: 'again' },
};

/** A signal ends it with 128 and the signal's number: the kernel of the host for want of memory, or a person. */
export function afterExit(code: number): AfterExit {
  return EXIT_CODES[code]?.after ?? (code > 128 ? 'again' : 'no');
}

/** Seconds until the start after so many in a row, 1 to 64. A guest that ran for a minute starts the count anew. */
export const BACKOFF = { firstS: 1, lastS: 64, forgivenAfterS: 60 } as const;
