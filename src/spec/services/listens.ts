/** For `first` of a service's readiness (init/supervise.ts, library): something listens on this TCP port. */
export function listens(port: number): string {
  return `listens ${port.toString(16).toUpperCase().padStart(4, '0')}`;
}
