/** Reads a host's file in a process of its own: what checks it takes 17 MB that a worker would keep for as long as it runs. */

import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../host/config.ts';
import { run } from '../lib/run.ts';
import { StillframeError, type ErrorCode, type Facts } from '../model/errors.ts';

type Answer = { config: HostConfig } | { error: { code: ErrorCode; message: string; facts: Facts } };

const entry = fileURLToPath(new URL('./host-file-main.ts', import.meta.url));

/** @throws config-invalid, as readHostConfig() says it */
export async function readHostConfigApart(path: string): Promise<HostConfig> {
  const answer = JSON.parse(await run([process.execPath, entry, path])) as Answer;
  if ('error' in answer) throw new StillframeError(answer.error.code, answer.error.message, answer.error.facts);
  return answer.config;
}
