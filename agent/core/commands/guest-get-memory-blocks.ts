/** guest-get-memory-blocks: the blocks in which memory can be turned on and off; an empty list where the kernel cannot do that. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { asCommandError, orUndefined } from '../system/call-errors.ts';

const directory = '/sys/devices/system/memory';

export const getMemoryBlocks: Command = {
  takes: {},
  run({ platform: { files } }) {
    const names = orUndefined(() => files.list(directory));
    if (!names) return [];
    const blocks = names.filter((name) => /^memory\d+$/.test(name));
    if (blocks.length === 0) throw new CommandError('guest reported zero memory blocks!');
    return blocks.map((name) => {
      const read = (file: string) => files.readText(`${directory}/${name}/${file}`);
      const removable = orUndefined(() => read('removable'));
      return {
        'phys-index': Number(name.slice('memory'.length)),
        online: asCommandError(`open("${directory}/${name}/state")`, () => read('state')).startsWith('online'),
        ...(removable !== undefined && { 'can-offline': !removable.startsWith('0') }),
      };
    });
  },
};
