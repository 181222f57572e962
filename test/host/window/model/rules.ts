/** The rules that the model follows, each of which a test can break: those of the code, and what the code itself concludes. */

import { recordOutcome } from '../../../../host/window/outcome.ts';
import { peers } from '../../../../host/window/peers.ts';
import type { Peer } from '../../../../host/window/peer.ts';
import type { Intent } from '../../../../host/journal/intent.ts';
import { backupId, guestId } from '../../../../model/ids.ts';
import { gradePoint } from '../../../../model/window/grading.ts';
import type { AgentKind } from '../../../../model/window/window.ts';
import { frozenClaim, programsOf, type Programs, type Thaw } from './peer-programs.ts';
import type { Party } from './state.ts';

export interface Rules {
  agent: AgentKind;
  programs: Programs;
  /** The guest has a second channel, on which a thaw is tried when none is answered on the first. */
  otherChannel: boolean;
  /** Copies of an intent. */
  copies: 1 | 2;
  /** The intent is in the journal before the freeze is sent. */
  intentFirst: boolean;
  /** The outcome is in the journal only when the thaw is confirmed. */
  thawFirst: boolean;
  /** The end of a connection closes no window. */
  endOfFileIsNoEvidence: boolean;
  /** What the other channel says closes a window only with the end of its epoch. */
  fence: boolean;
  /** A new connection is synced before any reply on it is believed. */
  sync: boolean;
  /** A reset closes no window: a freeze that was sent may run after the boot. */
  resetIsNoEvidence: boolean;
  /** The intent of a later window stays when an earlier one is closed. */
  laterIntentStays: boolean;
  /** Who settles ends the worker first that holds the window. */
  endsHolder: boolean;
  /** After an interrupted window somebody pursues its thaw. */
  pursuit: boolean;
  /** After a point in time it is asked whether the freeze still holds. */
  proof: boolean;
}

export async function rulesOf(agent: AgentKind, broken: Partial<Rules> = {}, peer: Peer = peers[agent]): Promise<Rules> {
  return {
    agent,
    programs: await programsOf(peer, agent),
    otherChannel: false,
    copies: 2,
    intentFirst: true,
    thawFirst: true,
    endOfFileIsNoEvidence: true,
    fence: true,
    sync: true,
    resetIsNoEvidence: true,
    laterIntentStays: true,
    endsHolder: true,
    pursuit: true,
    proof: true,
    ...broken,
  };
}

/** As in `thawOnce` of host/window/discharge.ts. */
export function confirms({ fence }: Rules, { thawed, endOfEpoch }: Thaw, port: number): boolean {
  return thawed && (port === 0 || !fence || endOfEpoch !== 'none');
}

const claims = new Map<string, boolean>();

/** Whether the outcome that the code makes of this window is worth more than a point without a freeze. */
export function claimsHeld({ agent, proof }: Rules, { captured, doubts, answer, thawBoot, boot }: Party): boolean {
  if (!captured) return false;
  const proven = doubts === '' || !proof;
  const key = [agent, proven, doubts, answer, thawBoot === boot].join('|');
  const known = claims.get(key);
  if (known !== undefined) return known;
  const [count, endOfEpoch] = answer?.split('/') ?? [];
  const outcome = recordOutcome(
    intent,
    {
      claim: { ...frozenClaim(agent), frozenAfterPointInTime: proven },
      disks: [],
      skipped: [],
      places: null,
      freezeSentMs: 0,
      freezeRepliedMs: 1,
      captureMs: 1,
      proofMs: 1,
      proofDoubts: [],
      capturedAt: new Date(0).toISOString(),
      reference: null,
    },
    {
      closing: 'status-thawed',
      answer:
        answer === null
          ? null
          : {
              count: Number(count),
              epoch: endOfEpoch === 'none' ? null : { heldMs: 1, leaseFired: endOfEpoch === 'lease', hooks: [] },
            },
      bootId: thawBoot === null ? null : `boot${thawBoot === boot ? 0 : 1}`,
      thawSentMs: 2,
      thawRepliedMs: 3,
      closeChannel: () => {},
    },
    'window',
    undefined,
  );
  const held = gradePoint(outcome, []).grade === 'filesystem';
  claims.set(key, held);
  return held;
}

const intent: Intent = {
  guest: guestId('db1'),
  backup: backupId('b-1'),
  attempt: 1,
  epoch: 1,
  leaseMs: 1_000,
  openedAt: new Date(0).toISOString(),
  guestName: 'db1',
  channel: { kind: 'socket', path: '/channel' },
  claim: frozenClaim('qemu-ga'),
  pid: 1,
  startedMs: 0,
  hostBoot: 'host',
};
