/** guest-get-vcpus: the processors, and which of them are on and can be turned off. */

import type { Command } from '../command.ts';
import { ENOENT } from '../errno.ts';
import { SystemError } from '../platform.ts';
import { asCommandError } from '../system/call-errors.ts';

const directory = '/sys/devices/system/cpu';

export const getVcpus: Command = {
  takes: {},
  run({ platform: { files } }) {
    const names = asCommandError(`failed to list entries: ${directory}`, () => files.list(directory));
    return names
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => {
        const state = readState(files, `${directory}/${name}/online`);
        return {
          'logical-id': Number(name.slice('cpu'.length)),
          online: state === undefined || !state.startsWith('0'),
          'can-offline': state !== undefined,
        };
      });
  },
};

/** A processor that cannot be turned off does not have this file. */
function readState(files: { readText(path: string): string }, path: string): string | undefined {
  try {
    return files.readText(path);
  } catch (error) {
    if (error instanceof SystemError && error.errno === ENOENT) return undefined;
    return asCommandError(`open("${path}")`, () => {
      throw error;
    });
  }
}
