/** Runs programs of the guest on behalf of a command, and waits for them. */

import { CommandError } from '../command-error.ts';
import { SystemError, type ChildEnd, type Platform } from '../platform.ts';

/** Enough for an error message. */
const mostSaid = 1024;

/** @throws CommandError, naming the `action` in qemu-ga's words, when the program cannot be run or does not end with 0 */
export async function runProgram({ children, bytes }: Platform, argv: readonly string[], action: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<ChildEnd>();
  let said = '';
  try {
    const child = children.spawn(
      { programs: [argv[0]!], argv, capture: 'merged', newSession: true },
      {
        output: (_, piece) => void (said = (said + bytes.latin1(piece, 0, piece.length)).slice(-mostSaid)),
        exited(end) {
          // Its background processes may hold its output open for ever.
          child.release();
          resolve(end);
        },
      },
    );
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new CommandError(`child process has failed to ${action}: ${argv[0]}: ${error.message}`);
  }
  const end = await promise;
  const printed = said.trim();
  if ('signal' in end) throw new CommandError(`child process has terminated abnormally${printed && `: ${printed}`}`);
  if (end.code !== 0) throw new CommandError(`child process has failed to ${action}: ${printed || `exit status ${end.code}`}`);
}
