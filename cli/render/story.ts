/** An error as a story for people: what failed, and because of what; never a stack. */

import { StillframeError, messageOf } from '../../model/errors.ts';
import { causesOf, codeOf, exitOf } from '../exit.ts';
import { escapeText } from '../../lib/escape.ts';

/** Wrappers of Temporal's that only say that something inside them failed. */
const wrappers = new Set(['WorkflowFailedError', 'ActivityFailure', 'ChildWorkflowFailure', 'WorkflowUpdateFailedError']);

/** One line for what failed, one for each cause that adds something. */
export function renderStory(error: unknown): string {
  const [what, ...because] = sentencesOf(error);
  return [`stillframe: ${what}`, ...because.map((sentence) => `  because ${sentence}`)].join('\n');
}

/** The same for programs: one JSON line. */
export function renderJsonStory(error: unknown): string {
  const [message, ...causes] = sentencesOf(error);
  const code =
    causesOf(error)
      .map(codeOf)
      .find((each) => each !== undefined) ?? null;
  return JSON.stringify({ message_type: 'error', code, status: exitOf(error), message, causes });
}

function sentencesOf(error: unknown): string[] {
  const chain = causesOf(error);
  const telling = chain.filter((each) => !wrappers.has(each.name));
  const sentences: string[] = [];
  for (const each of telling.length > 0 ? telling : chain) {
    const sentence = sentenceOf(each);
    // Many of our sentences quote their cause already.
    if (sentence !== '' && !sentences.some((before) => before.includes(sentence))) sentences.push(sentence);
  }
  return sentences.length > 0 ? sentences : [escapeText(messageOf(error))];
}

/** Lines of our own making stay lines (all problems of a file); what came from a guest or the server becomes one. */
function sentenceOf(error: Error): string {
  if (error.name === 'CancelledFailure') return 'cancelled on request';
  if (error.name === 'TerminatedFailure') return 'it was terminated on the server; the host ends its window by itself';
  if (error.name === 'TimeoutFailure') return `it ran out of time (${escapeText(error.message)})`;
  return error instanceof StillframeError ? error.message.split('\n').map(escapeText).join('\n') : escapeText(error.message);
}
