/** The one table from what went wrong to the exit status. docs/070-exit-statuses.md is its text for people. */

import { errorCodes, StillframeError, type ErrorCode, type ErrorKind } from '../model/errors.ts';

export const exit = {
  ok: 0,
  error: 1,
  usage: 2,
  short: 3,
  refused: 4,
  unknown: 5,
  notRunning: 6,
  temporal: 7,
  interrupted: 130,
} as const;
export type ExitName = keyof typeof exit;

/** One line each, as every command's help shows those that apply to it. */
export const exitMeanings: Record<ExitName, string> = {
  ok: 'done',
  error: 'an error that has no status of its own, or a peer that is broken',
  usage: 'wrong usage or invalid input; nothing was done',
  short: 'done and kept, but worth less than was wanted',
  refused: 'refused by the guest, a rule or a limit',
  unknown: 'the outcome is unknown: interrupted or timed out on the way',
  notRunning: 'the guest, its agent, its host or a worker is not running or not reachable',
  temporal: 'the Temporal server is not reachable, or does not let this client in',
  interrupted: 'interrupted by Ctrl-C',
};

const byKind: Record<ErrorKind, ExitName> = {
  refused: 'refused',
  interrupted: 'unknown',
  protocol: 'error',
  'timed-out': 'unknown',
  'wrong-host': 'usage',
  'not-running': 'notRunning',
  invalid: 'usage',
};

/** Codes whose caller can do something else than their kind says: a name was wrong, or the server is away. */
const byCode: Partial<Record<ErrorCode, ExitName>> = {
  'temporal-unreachable': 'temporal',
  'temporal-denied': 'temporal',
  'guest-ambiguous': 'usage',
  'repository-unknown': 'usage',
  'snapshot-unknown': 'usage',
};

/** Temporal's own endings of a workflow, by the name of the failure's class: what its last step did is unknown. */
const byFailure: Record<string, ExitName> = { TerminatedFailure: 'unknown', TimeoutFailure: 'unknown' };

export function exitOfCode(code: ErrorCode): number {
  return exit[byCode[code] ?? byKind[errorCodes[code]]];
}

/** The status for a thrown value: the first of our codes in its chain of causes, else how Temporal ended it, else 1. */
export function exitOf(error: unknown): number {
  const chain = causesOf(error);
  const code = chain.map(codeOf).find((each) => each !== undefined);
  if (code !== undefined) return exitOfCode(code);
  const failure = chain.map((each) => byFailure[each.name]).find((each) => each !== undefined);
  return exit[failure ?? 'error'];
}

/** Stricli's own codes are negative: an unknown command and wrong arguments are usage errors, the rest are failures. */
export function exitOfFramework(code: number | undefined): number {
  if (code === undefined || code >= 0) return code ?? exit.ok;
  return code === -4 || code === -5 ? exit.usage : exit.error;
}

/** `error` and its causes, outermost first. */
export function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && !chain.includes(cause); cause = cause.cause) chain.push(cause);
  return chain;
}

/** Our code of an error, also after it has crossed the server as the type of an ApplicationFailure. */
export function codeOf(error: Error): ErrorCode | undefined {
  if (error instanceof StillframeError) return error.code;
  const type: unknown = error.name === 'ApplicationFailure' && 'type' in error ? error.type : undefined;
  return typeof type === 'string' && Object.hasOwn(errorCodes, type) ? (type as ErrorCode) : undefined;
}
