/** What the real peers of a window send and conclude, for every sequence of replies, as tables that a model can step through. */

import { setImmediate as turn } from 'node:timers/promises';
import type { AgentChannel } from '../../../../host/channel/types.ts';
import type { Peer } from '../../../../host/window/peer.ts';
import { StillframeError } from '../../../../model/errors.ts';
import type { GuestClaim } from '../../../../model/window/window.ts';
import type { AgentCommand } from '../../../../protocol/agent/command.ts';

export const epochs = [1, 2] as const;
export type Epoch = (typeof epochs)[number];
/** A reply as the model names it: `refused`, or one of those below. */
export type ReplyName = string;

/** What a program does after some replies: it sends its next command, or it has ended. */
export type Step<Result> = { send: string } | { result: Result } | { refused: true };
/** By the replies so far, joined by spaces. */
export type Program<Result> = ReadonlyMap<string, Step<Result>>;

export interface Thaw {
  thawed: boolean;
  /** Filesystems that the answered thaw thawed, null when none was answered. */
  count: number | null;
  /** Whether the agent reported how the epoch ended, and by its own lease. */
  endOfEpoch: 'none' | 'thaw' | 'lease';
  bootId: string | null;
}

export interface Proof {
  /** Joined. */
  doubts: string;
}

export interface Programs {
  look: Program<{ frozen: boolean }>;
  freeze: Record<Epoch, Program<{ count: number }>>;
  prove: Record<Epoch, Program<Proof>>;
  thaw: Record<Epoch, Program<Thaw>>;
}

/** One filesystem: it is frozen or not. */
const filesystem = { mountpoint: '/', type: 'ext4', device: 'vda' };

/** The guest's claim after a freeze, which the model's guest made in its first boot. */
export function frozenClaim(agent: GuestClaim['agent']): GuestClaim {
  const own = agent === 'stillframe';
  return {
    agent,
    version: '1',
    filesystems: [own ? { ...filesystem, outcome: 'frozen' } : filesystem],
    frozenCount: 1,
    thawedCount: null,
    frozenAfterPointInTime: false,
    ...(own && { lease: { bootId: 'boot0', epochAtProof: null, hooks: [], thawHooks: null, heldMs: null, leaseFired: null } }),
  };
}

export async function programsOf(peer: Peer, agent: GuestClaim['agent']): Promise<Programs> {
  const forEach = async <Result>(run: (channel: AgentChannel, epoch: Epoch) => Promise<Result>) => ({
    1: await programOf((channel) => run(channel, 1)),
    2: await programOf((channel) => run(channel, 2)),
  });
  return {
    look: await programOf(async (channel) => ({ frozen: (await peer.look(channel)).frozen })),
    freeze: await forEach(async (channel, epoch) => {
      const order = { epoch, remainingMs: 1_000, timeoutMs: 1_000, onSent: () => {} };
      return { count: (await peer.freeze(channel, order)).frozenCount };
    }),
    prove: await forEach(async (channel, epoch) => ({
      doubts: (await peer.prove(channel, epoch, frozenClaim(agent))).doubts.join(', '),
    })),
    thaw: await forEach(async (channel, epoch) => {
      let answer: Pick<Thaw, 'count' | 'endOfEpoch'> = { count: null, endOfEpoch: 'none' };
      const { thawed, bootId } = await peer.thaw(channel, epoch, {
        onSent: () => {},
        onAnswer: ({ count, epoch: end }) => {
          answer = { count, endOfEpoch: end === null ? 'none' : end.leaseFired ? 'lease' : 'thaw' };
        },
      });
      return { thawed, bootId, ...answer };
    }),
  };
}

async function programOf<Result>(run: (channel: AgentChannel) => Promise<Result>): Promise<Program<Result>> {
  const program = new Map<string, Step<Result>>();
  const follow = async (replies: ReplyName[]): Promise<void> => {
    const step = await stepAfter(run, replies);
    program.set(replies.join(' '), 'send' in step ? { send: nameOf(step.send) } : step);
    if ('send' in step) for (const reply of Object.keys(repliesTo(step.send))) await follow([...replies, reply]);
  };
  await follow([]);
  return program;
}

interface Sent {
  name: string;
  args: Record<string, unknown> | undefined;
}

/** Runs it anew with the replies so far, until it asks for one more or ends. */
async function stepAfter<Result>(
  run: (channel: AgentChannel) => Promise<Result>,
  replies: readonly ReplyName[],
): Promise<{ send: Sent } | { result: Result } | { refused: true }> {
  const left = [...replies];
  let send: Sent | undefined;
  const channel: AgentChannel = {
    close: () => {},
    async execute<Arguments, Reply>(command: AgentCommand<Arguments, Reply>, args: Arguments): Promise<Reply> {
      const sent = { name: command.name, args: args as Record<string, unknown> | undefined };
      const reply = left.shift();
      if (reply === undefined) {
        send = sent;
        return new Promise<never>(() => {});
      }
      if (reply === 'refused') throw new StillframeError('agent-refused', `the agent refused ${command.name}`);
      return command.reply(repliesTo(sent)[reply] as Parameters<typeof command.reply>[0]);
    },
  };
  const ended = run(channel).then(
    (result) => ({ result }),
    () => ({ refused: true as const }),
  );
  const step = await Promise.race([ended, turn(undefined)]);
  if (step) return step;
  if (!send) throw new Error('a peer waits for something else than a reply');
  return { send };
}

const commands: Record<string, string> = {
  'guest-fsfreeze-freeze': 'freeze',
  'guest-fsfreeze-status': 'status',
  'guest-fsfreeze-thaw': 'thaw',
  'guest-get-fsinfo': 'list',
  '__org.stillframe_freeze': 'freeze epoch',
  '__org.stillframe_status': 'status of epoch',
  '__org.stillframe_thaw': 'thaw epoch',
};

/** `thaw epoch 1`. */
function nameOf({ name, args }: Sent): string {
  const epoch = typeof args?.epoch === 'number' ? ` ${args.epoch}` : '';
  return `${commands[name]}${epoch}`;
}

/** Every reply that the model's agent may give, by its name. */
function repliesTo({ name, args }: Sent): Record<ReplyName, unknown> {
  const epoch = args?.epoch;
  switch (name) {
    case 'guest-fsfreeze-freeze':
      return { 1: 1, refused: null };
    case 'guest-fsfreeze-thaw':
      return { 0: 0, 1: 1, refused: null };
    case 'guest-fsfreeze-status':
      return { frozen: 'frozen', thawed: 'thawed' };
    case 'guest-get-fsinfo':
      return { none: [] };
    case '__org.stillframe_freeze':
      return {
        1: {
          'boot-id': 'boot0',
          epoch,
          remaining: 1,
          filesystems: [{ ...filesystem, outcome: 'frozen' }],
          hooks: [],
        },
        refused: null,
      };
    case '__org.stillframe_thaw': {
      const ended = (fired: boolean) => ({
        'boot-id': 'boot0',
        epoch,
        filesystems: [{ mountpoint: '/', outcome: 'thawed' }],
        held: 1,
        'lease-fired': fired,
        hooks: [],
      });
      return { ended: ended(false), fired: ended(true), refused: null };
    }
    case '__org.stillframe_status': {
      const status = (boot: number, held: Epoch | null) => ({
        'boot-id': `boot${boot}`,
        state: held === null ? 'thawed' : 'frozen',
        ...(held !== null && { epoch: held, remaining: 1 }),
        held: held === null ? [] : ['/'],
        foreign: [],
      });
      const all = [0, 1].flatMap((boot) =>
        [null, ...epochs].map((held) => [statusName(boot, held), status(boot, held)] as const),
      );
      return Object.fromEntries(all);
    }
    default:
      throw new Error(`the model's agent has no ${name}`);
  }
}

export const statusName = (boot: number, held: Epoch | null) => `boot${boot}:${held ?? 'thawed'}`;
