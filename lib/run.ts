/** Runs a program to its end, for what it prints; a failure tells what was run and what it said. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Listings of whole package trees stay far below. */
const maxBuffer = 64 * 2 ** 20;

export async function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { maxBuffer, ...options });
    return stdout;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stderr?.trim() || message}`, { cause: error });
  }
}
