/** Turns one request into its reply: checks that the command exists, that it may run now, and its arguments; then runs it. */

import { parseRequest, type AgentErrorBody } from '../../protocol/agent/request.ts';
import type { Json } from '../../protocol/json.ts';
import { checkArguments } from './arguments.ts';
import type { Agent, Command, CommandEntry, Result } from './command.ts';
import { CommandError } from './command-error.ts';
import { SystemError, type Piece } from './platform.ts';
import { errorReply, successReply } from './reply.ts';

type Answer = readonly Piece[];

/** Empty: the command has no reply on success. A promise only where the command is slow. */
export function dispatch(agent: Agent, message: Json): Answer | Promise<Answer> {
  const request = parseRequest(message);
  if ('error' in request) return refuse(request.error, request.id);
  const { execute, id } = request;
  const entry = agent.commands.get(execute);
  if (!entry) return refuse({ class: 'CommandNotFound', desc: `The command ${execute} has not been found` }, id);
  if (!agent.isEnabled(execute)) {
    const desc = `Command ${execute} has been disabled: the command is not allowed`;
    return refuse({ class: 'CommandNotFound', desc }, id);
  }
  const command = entry.load();
  // Dispatches again, on purpose: loading was asynchronous, so the command may have been disabled since.
  if (command instanceof Promise) return whenSettled(agent, id, command, () => dispatch(agent, message));
  try {
    checkArguments(command.takes, request.arguments);
    const result = command.run(agent, request.arguments);
    if (!(result instanceof Promise)) return answer(entry, command, result, id);
    return whenSettled(agent, id, result, (value) => answer(entry, command, value, id));
  } catch (error) {
    return refuse(describe(agent, error), id);
  }
}

function answer(entry: CommandEntry, command: Command, result: Result, id: Json | undefined): Answer {
  return entry.answersSuccess === false ? [] : successReply(result, id, command.delimited === true);
}

function whenSettled<T>(
  agent: Agent,
  id: Json | undefined,
  awaited: Promise<T>,
  then: (value: T) => Answer | Promise<Answer>,
): Promise<Answer> {
  return awaited.then(then).catch((error: unknown) => refuse(describe(agent, error), id));
}

/** An id that is too deep or too large to be written again must not prevent the reply. */
function refuse(error: AgentErrorBody, id: Json | undefined): Answer {
  try {
    return [errorReply(error, id)];
  } catch {
    return [errorReply(error, undefined)];
  }
}

/** A failure inside one command is that command's error, and the agent continues. In quickjs a thrown value can be null (memory). */
function describe(agent: Agent, error: unknown): AgentErrorBody {
  if (error instanceof CommandError) return { class: error.class, desc: error.message };
  if (error instanceof SystemError) return { class: 'GenericError', desc: error.message };
  const desc = error instanceof Error ? `${error.name}: ${error.message}` : 'not enough memory for this command';
  agent.log.note('critical', `a command failed unexpectedly: ${desc}`);
  return { class: 'GenericError', desc };
}
