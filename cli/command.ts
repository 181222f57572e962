/** Our commands: stricli's, with an EXIT STATUS list at the end of their help. */

import { buildCommand, type BaseArgs, type Command, type CommandBuilderArguments } from '@stricli/core';
import type { Context } from './context.ts';
import { exit, exitMeanings, type ExitName } from './exit.ts';

/** `statuses` are those that this command can end with besides 0, 1 and 2, which all can. */
export function command<const FLAGS extends Readonly<Partial<Record<keyof FLAGS, unknown>>>, const ARGS extends BaseArgs = []>(
  definition: CommandBuilderArguments<FLAGS, ARGS, Context>,
  statuses: readonly ExitName[] = [],
): Command<Context> {
  const built = buildCommand<FLAGS, ARGS, Context>(definition);
  const names = (Object.keys(exit) as ExitName[]).filter(
    (name) => ['ok', 'error', 'usage'].includes(name) || statuses.includes(name),
  );
  const list = names.map((name) => `  ${String(exit[name]).padStart(3)}  ${exitMeanings[name]}\n`).join('');
  return { ...built, formatHelp: (args) => `${built.formatHelp(args).trimEnd()}\n\nEXIT STATUS\n${list}` };
}
