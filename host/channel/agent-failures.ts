/** How an agent's channel fails by what the agent sends. */

import { StillframeError } from '../../model/errors.ts';

export function tooLarge(path: string, { bytes, command }: { bytes: number; command: string }): StillframeError {
  return new StillframeError(
    'agent-too-large',
    `the agent on ${path} sent more than ${bytes} bytes for ${command}: it is broken or hostile`,
    { path, command, maxReplyBytes: bytes },
  );
}

export function lostCommand(path: string, command: string): StillframeError {
  return new StillframeError(
    'channel-closed',
    `the agent on ${path} answers, but not ${command}: it was started again; what the command did is not known`,
    { path, command },
  );
}
