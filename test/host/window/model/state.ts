/** The states of the model: one guest, its journal, the worker that holds its windows, and those who end what it leaves. */

import type { Epoch } from './peer-programs.ts';

export interface State {
  guest: {
    boot: number;
    /** Epoch of the freeze that is in force. */
    frozen: Epoch | 0;
    /** What our agent says of the last freeze: its epoch, and whether its lease ended it. */
    last: { epoch: Epoch; fired: boolean } | null;
  };
  /** The window's own channel, then the other one. */
  ports: Port[];
  /** The two copies of the intent: an epoch, 0 for none, or a file that cannot be read. */
  copies: Copy[];
  /** Epochs that have an outcome. */
  closed: Epoch[];
  /** The worker, then those who settle: the warden, and a worker or operator to whom a demand comes late. */
  parties: Party[];
  /** Faults that may still happen. */
  left: Faults;
  /** An outcome that says more than was so. */
  falseClaim: boolean;
}

export type Copy = Epoch | 0 | 'unreadable';

export interface Port {
  /** Index of the party that QEMU serves; it serves one. */
  client: number | null;
  /** In the order in which the agent will read them. `mine`: of the present client, which gets the reply. */
  unread: { command: string; mine: boolean }[];
}

export interface Faults {
  /** Ends of a process, which is started again; one may be of either. */
  ends: number;
  /** The guest starts again. */
  resets: number;
  /** The agent is killed and comes back. */
  agents: number;
  /** QEMU closes a connection. */
  cuts: number;
  /** A reply is lost, or is later than its client waits. */
  silences: number;
  /** A thaw that the agent answers, or refuses, and that thaws nothing. */
  emptyThaws: number;
  /** A copy of the intent is removed, or cannot be read any more. */
  damages: number;
}

export type Stage =
  | 'idle'
  // Of the worker.
  | 'look'
  | 'begin'
  | 'copy'
  | 'freeze'
  | 'frozen'
  | 'capture'
  | 'prove'
  // Of those who settle.
  | 'asks'
  | 'asks again'
  // Of both.
  | 'thaw'
  | 'outcome'
  | 'close'
  | 'close other'
  | 'leave';

export interface Party {
  stage: Stage;
  epoch: Epoch | 0;
  port: number | null;
  /** `syncing` and `waiting`: a command is out. */
  link: 'none' | 'syncing' | 'ready' | 'waiting';
  /** Replies since the stage began, joined by spaces. */
  replies: string;
  /** Boot of the guest in which the freeze was answered. */
  boot: number;
  /** Whether the freeze was in force, without a break, from the beginning of the point in time to its end. */
  held: boolean;
  /** Whether there is a point in time, and what was said at the proof: null when nothing. */
  captured: boolean;
  doubts: string | null;
  /** The first answer to a thaw, and the guest's boot at the last: what an outcome is made of. */
  answer: string | null;
  thawBoot: number | null;
  /** The monitor has reported that the guest was reset. */
  reset: boolean;
}

/** The first of the parties. */
export const worker = 0;

export const nameOf = (index: number) => ['the worker', 'the warden', 'a late demand'][index]!;

/** Adds a move that changes the state so. */
export type Add = (name: string, due: boolean, change: (next: State) => void) => void;

export const idle: Party = {
  stage: 'idle',
  epoch: 0,
  port: null,
  link: 'none',
  replies: '',
  boot: 0,
  held: false,
  captured: false,
  doubts: null,
  answer: null,
  thawBoot: null,
  reset: false,
};

export function copyOf(state: State): State {
  return {
    guest: { ...state.guest },
    ports: state.ports.map(({ client, unread }) => ({ client, unread: [...unread] })),
    copies: [...state.copies],
    closed: state.closed,
    parties: state.parties.map((party) => ({ ...party })),
    left: { ...state.left },
    falseClaim: state.falseClaim,
  };
}

/** By hand, because most of the time goes here. */
export function keyOf({ guest, ports, copies, closed, parties, left, falseClaim }: State): string {
  let key = `${guest.boot}${guest.frozen}${guest.last ? `${guest.last.epoch}${guest.last.fired}` : ''}|${copies.join()}|${closed.join()}`;
  for (const { client, unread } of ports) {
    key += `|${client}`;
    for (const { command, mine } of unread) key += `${mine ? '+' : '-'}${command}`;
  }
  for (const party of parties) {
    key += '|';
    if (party.stage === 'idle') continue;
    const { stage, epoch, port, link, replies, boot, held, captured, doubts, answer, thawBoot, reset } = party;
    key += `${stage},${epoch},${port},${link},${replies},${boot},${held},${captured},${doubts},${answer},${thawBoot},${reset}`;
  }
  const { ends, resets, agents, cuts, silences, emptyThaws, damages } = left;
  return `${key}|${ends}${resets}${agents}${cuts}${silences}${emptyThaws}${damages}${falseClaim}`;
}

/** Of the journal: what the newest readable copy says, unless the outcome of just that window is there. */
export function owedIn({ copies, closed }: State): Epoch | 0 | 'unreadable' {
  const readable = copies.filter((copy) => copy !== 'unreadable');
  const newest = readable.reduce<Epoch | 0>((one, other) => (other > one ? other : one), 0);
  if (newest !== 0 && !closed.includes(newest)) return newest;
  return copies.includes('unreadable') ? 'unreadable' : 0;
}
