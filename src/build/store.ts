import type { Context } from '../host/context.ts';
import type { Artifact, Built } from './artifact.ts';

/** The key of an artifact: SHA-256 of its kind and canonical inputs, first 32 hex digits. */
export declare function artifactKey(artifact: Artifact): string;
/** The artifact if it is there, whole. Never builds. Milliseconds. */
export declare function findArtifact(artifact: Artifact, context: Context): Promise<Built | undefined>;
/** The artifact, built when it is not there. Two builds of one key wait for each other. */
export declare function ensureArtifact(artifact: Artifact, context: Context): Promise<Built>;
