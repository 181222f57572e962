/**
 * The promise, tried in every order of events that a small world has: two windows of one guest, a worker, those who end what it
 * leaves, and each fault once. What the parties send and conclude is not written again here: it is asked of the peers and of the record
 * of an outcome. Each broken rule below must be found.
 */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Peer } from '../../../../host/window/peer.ts';
import { stockAgent } from '../../../../host/window/stock-agent.ts';
import { agentKinds, type AgentKind } from '../../../../model/window/window.ts';
import { fsfreezeThaw } from '../../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { explore, type Counterexample } from './explore.ts';
import { windowModel } from './model.ts';
import { rulesOf, type Rules } from './rules.ts';
import type { Faults } from './state.ts';

/** `settlers`: the warden, and a demand of workflow, guardian or operator that comes late and beside it. */
const worlds: { faults: Partial<Faults>; settlers: 1 | 2 }[] = [
  { faults: { ends: 2 }, settlers: 2 },
  { faults: { ends: 1, resets: 1 }, settlers: 2 },
  { faults: { ends: 1, agents: 1, emptyThaws: 1 }, settlers: 1 },
  { faults: { ends: 1, cuts: 1 }, settlers: 1 },
  { faults: { ends: 1, silences: 2 }, settlers: 1 },
  { faults: { ends: 1, damages: 1 }, settlers: 1 },
];

for (const agent of agentKinds) {
  it(`${agent}: from every state the guest is thawed by what is due, and no outcome says more than was so`, async (t) => {
    const rules = await rulesOf(agent);
    for (const { faults, settlers } of worlds) {
      const { states, refuted } = explore(windowModel(rules, faults, settlers));
      t.diagnostic(`${states} states with ${JSON.stringify(faults)} and ${settlers} who settle`);
      assert.equal(refuted, null, told(refuted));
    }
  });

  it(`${agent}: the same holds where the guest has a second channel`, async (t) => {
    const { states, refuted } = explore(windowModel(await rulesOf(agent, { otherChannel: true }), { ends: 1, silences: 1 }, 1));
    t.diagnostic(`${states} states`);
    assert.equal(refuted, null, told(refuted));
  });
}

/** Ends a window as soon as its thaw is answered. */
const withoutStatus: Peer = {
  ...stockAgent,
  async thaw(channel, _epoch, { onSent, onAnswer }) {
    onAnswer({ count: await channel.execute(fsfreezeThaw, undefined, { onSent }), epoch: null });
    return { thawed: true, bootId: null };
  },
};

const forgotten = /nothing that is due leads to a rest/;
const early = /is closed, and (the guest is frozen by it|its freeze can still run)/;
const falseClaim = /claims a freeze that was not in force/;

interface Broken {
  rule: string;
  agent: AgentKind;
  faults: Partial<Faults>;
  broken?: Partial<Rules>;
  peer?: Peer;
  finds: RegExp;
}

const all: Broken[] = [
  { rule: 'nobody pursues', agent: 'qemu-ga', faults: { ends: 1 }, broken: { pursuit: false }, finds: forgotten },
  { rule: 'intent after the freeze', agent: 'qemu-ga', faults: { ends: 1 }, broken: { intentFirst: false }, finds: forgotten },
  { rule: 'outcome before the thaw', agent: 'qemu-ga', faults: {}, broken: { thawFirst: false }, finds: early },
  {
    rule: 'an end of file closes',
    agent: 'qemu-ga',
    faults: { cuts: 1 },
    broken: { endOfFileIsNoEvidence: false },
    finds: early,
  },
  {
    rule: 'the intent is kept once',
    agent: 'qemu-ga',
    faults: { ends: 1, damages: 1 },
    broken: { copies: 1 },
    finds: forgotten,
  },
  { rule: 'a thaw without status', agent: 'qemu-ga', faults: { emptyThaws: 1 }, peer: withoutStatus, finds: early },
  {
    rule: 'no fence between two channels',
    agent: 'stillframe',
    faults: { ends: 1 },
    broken: { otherChannel: true, fence: false },
    finds: early,
  },
  { rule: 'no sync', agent: 'qemu-ga', faults: { ends: 2, silences: 2 }, broken: { sync: false }, finds: early },
  {
    rule: 'the close of an epoch takes the intent of a later one',
    agent: 'qemu-ga',
    faults: { ends: 1, cuts: 1 },
    broken: { laterIntentStays: false },
    finds: forgotten,
  },
  {
    rule: 'a reset is taken as evidence',
    agent: 'qemu-ga',
    faults: { resets: 1 },
    broken: { resetIsNoEvidence: false },
    finds: early,
  },
  { rule: 'no proof', agent: 'stillframe', faults: {}, broken: { proof: false }, finds: falseClaim },
];

for (const { rule, agent, faults, broken, peer, finds } of all)
  it(`${agent}: ${rule}: a way to the harm is found`, async (t) => {
    const { states, refuted } = explore(windowModel(await rulesOf(agent, broken, peer), faults, 1));
    t.diagnostic(`${states} states: ${refuted?.what}, after ${refuted?.moves.length} moves`);
    assert.match(refuted?.what ?? 'nothing', finds, told(refuted));
  });

function told(refuted: Counterexample | null): string {
  return refuted ? [refuted.what, ...refuted.moves].join('\n  ') : 'every state is as it must be';
}
