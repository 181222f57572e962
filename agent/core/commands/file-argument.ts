/** The argument by which the commands on files name one: a handle. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';

export const takesHandle = { handle: { type: 'integer' } } satisfies Command['takes'];

/** Takes arguments that were checked against it. */
export const handleOf = ({ handle }: JsonObject) => handle as number | bigint;
