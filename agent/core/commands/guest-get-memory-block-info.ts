/** guest-get-memory-block-info: the size of a block of memory that can be turned on and off. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { asCommandError } from '../system/call-errors.ts';

const path = '/sys/devices/system/memory/block_size_bytes';

export const getMemoryBlockInfo: Command = {
  takes: {},
  run({ platform: { files } }) {
    const text = asCommandError(`open("${path}")`, () => files.readText(path)).trim();
    // In hexadecimal, without a prefix.
    if (!/^[0-9a-f]{1,16}$/i.test(text)) throw new CommandError(`${path} is damaged`);
    return { size: BigInt(`0x${text}`) };
  },
};
