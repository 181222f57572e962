/** Output for programs. */

import type { Context } from '../context.ts';

/** One JSON document, or one line of a stream whose `message_type` says what it is. */
export function printJson(context: Pick<Context, 'process'>, value: unknown): void {
  context.process.stdout.write(`${JSON.stringify(value)}\n`);
}
