import type { Service } from '../service.ts';
import type { BuiltinService } from './define.ts';
import { forgejo } from './forgejo/forgejo.ts';
import { forgejoRunner } from './forgejo/forgejo-runner.ts';
import { miniflux } from './miniflux.ts';
import { nebula } from './nebula.ts';
import { podman } from './podman.ts';
import { postgres } from './postgres/postgres.ts';
import { ssh } from './ssh.ts';
import { tailscale } from './tailscale/tailscale.ts';
import { wireguard } from './wireguard.ts';

/** The services that vmkit knows, by the name that vm.yaml uses. */
export const BUILTIN_SERVICES: ReadonlyMap<string, BuiltinService> = new Map<string, BuiltinService>([
  ['forgejo', forgejo],
  ['forgejo-runner', forgejoRunner],
  ['miniflux', miniflux],
  ['nebula', nebula],
  ['podman', podman],
  ['postgres', postgres],
  ['tailscale', tailscale],
  ['wireguard', wireguard],
]);

/** vmkit's own way in, in every machine. */
export const IMPLICIT_SERVICE = 'ssh';

export function implicitServices(): Service[] {
  return [ssh.create({})];
}
