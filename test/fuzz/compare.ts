/** The same messages for two agents: the same number of answers, of the same kind; what differs for a known reason is counted. */

import { join } from 'node:path';
import { converse } from './conversation.ts';
import { knownReason } from './known-differences.ts';
import { message } from './messages.ts';
import { createRandom } from './random.ts';
import { startSandboxed, type Program } from './sandbox.ts';

export interface CompareOptions {
  program: Program;
  peer: Program;
  directory: string;
  seed: number;
  messages: number;
  signal: AbortSignal;
}

export interface Comparison {
  compared: number;
  /** Reason → how often. */
  known: Map<string, number>;
  differences: { sent: string; ours: string; theirs: string }[];
}

/** More would only be more of the same. */
const mostDifferences = 20;

export async function compareAgents(options: CompareOptions): Promise<Comparison> {
  const { program, peer, directory, seed, messages, signal } = options;
  const random = createRandom(seed);
  const agents = [
    await startSandboxed(program, join(directory, 'ours')),
    await startSandboxed(peer, join(directory, 'peer')),
  ] as const;
  const result: Comparison = { compared: 0, known: new Map(), differences: [] };
  try {
    const sockets = await Promise.all(agents.map((agent) => agent.connect()));
    const [ours, theirs] = [converse(sockets[0]!), converse(sockets[1]!, () => {})];
    for (; result.compared < messages && !signal.aborted && result.differences.length < mostDifferences; result.compared++) {
      const text = message(random, { comparable: true });
      const batch = Buffer.from(text, 'latin1');
      const answers = await Promise.all([ours.send(batch, createRandom(seed)), theirs.send(batch, createRandom(seed))]);
      const [one, other] = answers.map((lines) => lines.map(kindOf).join(' | '));
      if (one === other) continue;
      const reason = knownReason(text, one!, other!);
      if (reason) result.known.set(reason, (result.known.get(reason) ?? 0) + 1);
      else
        result.differences.push({
          sent: JSON.stringify(text.slice(0, 300)),
          ours: one!.slice(0, 300),
          theirs: other!.slice(0, 300),
        });
    }
    sockets.forEach((socket) => socket.destroy());
  } finally {
    for (const agent of agents) await agent.stop();
  }
  return result;
}

/** A return as it is, whatever the order of its members; an error by class and text, but parse errors only as what they are. */
function kindOf(line: string): string {
  const flushed = line.startsWith('\xff') ? '0xFF ' : '';
  // qemu-ga echoes a number that is too large as what no JSON parser takes.
  const text = line.replace('\xff', '').replaceAll(/(?<=[ [])-?inf(?=[,\]}])/g, '"inf"');
  const answer = JSON.parse(text) as { error?: { class: string; desc: string }; id?: unknown };
  const { error, ...rest } = answer;
  if (!error) return flushed + sorted(rest);
  if (/JSON (parse error|token|nesting)/.test(error.desc)) return `${flushed}${error.class}: parse error`;
  return `${flushed}${error.class}: ${error.desc} ${sorted(rest)}`;
}

/** The order of members means nothing. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : each,
  );
}
