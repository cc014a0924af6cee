/** What a port may speak. All are TCP but udp. */
export const PROTOCOLS = ['http', 'ssh', 'postgres', 'tcp', 'udp'] as const;

export type Protocol = (typeof PROTOCOLS)[number];
