/** What a round of the campaign does to each guest, by seed and number alone: the same seed gives the same faults again. */

export const forms = ['backup', 'held'] as const;
export type Form = (typeof forms)[number];

/** Where a fault falls, and for a backup the command on the monitor at which it does. */
export const phases = {
  prepare: { form: 'backup', command: 'blockdev-add' },
  window: { form: 'backup', command: 'transaction' },
  export: { form: 'backup', command: 'block-export-add' },
  copy: { form: 'backup', command: 'block-export-add' },
  commit: { form: 'backup', command: 'query-jobs' },
  release: { form: 'backup', command: 'block-export-del' },
  held: { form: 'held', command: null },
} as const satisfies Record<string, { form: Form; command: string | null }>;
export type Phase = keyof typeof phases;

export const targets = [
  'worker',
  'warden',
  'copy child',
  'agent',
  'temporal',
  'control',
  'guardian',
  'up',
  'monitor',
  'channel',
  'server connections',
  'workflow',
] as const;
export type Target = (typeof targets)[number];

export type Blow = 'kill' | 'terminate' | 'stop' | 'cut';

export interface Fault extends Strike {
  phase: Phase;
  /** Further blows while the first one is recovered from, each so long after the one before. */
  more: { afterMs: number; blow: Strike }[];
}

/** One blow at one part. */
export interface Strike {
  target: Target;
  blow: Blow;
  /** How long a stopped process stays stopped. */
  stopMs: number;
  /** Which of several processes of the target, counted modulo their number. */
  which: number;
}

/** How often each target is struck, beside the others. The parts that hold a window come first. */
const weights: Record<Target, number> = {
  worker: 8,
  warden: 7,
  'copy child': 4,
  agent: 8,
  temporal: 5,
  control: 3,
  guardian: 2,
  up: 1,
  monitor: 3,
  channel: 3,
  'server connections': 3,
  workflow: 2,
};

const blows: Record<Target, readonly Blow[]> = {
  worker: ['kill', 'kill', 'terminate', 'stop'],
  warden: ['kill', 'kill', 'terminate', 'stop'],
  'copy child': ['kill', 'terminate', 'stop'],
  agent: ['kill', 'kill', 'stop'],
  temporal: ['kill', 'kill', 'terminate', 'stop'],
  control: ['kill', 'terminate', 'stop'],
  guardian: ['kill', 'terminate', 'stop'],
  up: ['kill', 'terminate', 'stop'],
  monitor: ['cut'],
  channel: ['cut'],
  // Stopped: nothing arrives and nothing is refused, as in a network that loses everything.
  'server connections': ['cut', 'cut', 'stop'],
  workflow: ['terminate'],
};

const phaseWeights: Record<Phase, number> = { prepare: 3, window: 6, export: 2, copy: 3, commit: 3, release: 2, held: 6 };

const nowhere = { prepare: 0, window: 0, export: 0, copy: 0, commit: 0, release: 0, held: 0 };
/** What is there to be struck in some phases only: a copy has a process while it runs, and a channel is open in a window. */
const onlyThere: Partial<Record<Target, Record<Phase, number>>> = {
  'copy child': { ...nowhere, copy: 1 },
  channel: { ...nowhere, window: 1, held: 1 },
};

/** Longer than the lease of the campaign's site, so that some stops outlast it. */
const longestStopMs = 4_000;
/** From at once to when what was killed serves again. */
const longestAfterMs = 4_000;
const mostFurtherBlows = 3;

/** One fault for each of `guests`. */
export function planRound(seed: number, round: number, guests: number): Fault[] {
  const random = generator(seed * 1_000_003 + round);
  return Array.from({ length: guests }, () => planFault(random));
}

function planFault(random: () => number): Fault {
  const first = planStrike(random);
  const phase = weighted(random, { ...phaseWeights, ...onlyThere[first.target] });
  const further = Math.floor(random() * (mostFurtherBlows + 1));
  const more = Array.from({ length: further }, () => ({
    afterMs: Math.floor(random() * longestAfterMs),
    blow: planStrike(random),
  }));
  return { phase, ...first, more };
}

function planStrike(random: () => number): Strike {
  const target = weighted(random, weights);
  return {
    target,
    blow: blows[target][Math.floor(random() * blows[target].length)]!,
    stopMs: 200 + Math.floor(random() * (longestStopMs - 200)),
    which: Math.floor(random() * 64),
  };
}

function weighted<Name extends string>(random: () => number, of: Readonly<Record<Name, number>>): Name {
  const names = Object.keys(of) as Name[];
  let left = random() * names.reduce((sum, name) => sum + of[name], 0);
  return names.find((name) => (left -= of[name]) < 0) ?? names[0]!;
}

/** mulberry32 (public domain, bryc/code): 32 bits of state are enough to choose faults by. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function describe({ phase, more, ...first }: Fault): string {
  const then = more.map(({ afterMs, blow }) => `, then after ${afterMs} ms ${describeStrike(blow)}`);
  return `${describeStrike(first)} in ${phase}${then.join('')}`;
}

function describeStrike({ target, blow, stopMs }: Strike): string {
  return `${blow === 'stop' ? `stop for ${stopMs} ms` : blow} ${target}`;
}
