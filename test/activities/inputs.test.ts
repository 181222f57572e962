/** Payloads are requests: what an activity may not be given is refused before anything runs, for good, and by name. */

import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createCopyActivities } from '../../activities/copy.ts';
import { createGuardianActivities } from '../../activities/guardian.ts';
import { createGuestActivities } from '../../activities/guest.ts';
import { createWindowActivities } from '../../activities/window.ts';
import { standIns } from '../workflows/stand-ins.ts';

const key = { guest: 'g1', backup: 'b1', attempt: 1 };
const request = { guest: 'g1', backup: 'b1', repository: 'main' };
const arm = { ...key, host: 'h1', leaseMs: 10_000 };

/** A good input of each activity. */
const good: Record<string, Record<string, unknown>> = {
  freezeWindow: { ...key, leaseMs: 5_000 },
  freeze: key,
  snapshot: { key, name: 'zfs' },
  thaw: key,
  ensureThawed: { guest: 'g1', by: 'workflow' },
  windowOutcome: key,
  release: request,
  guestPing: { guest: 'g1' },
  guestInfo: { guest: 'g1' },
  guestStatus: { guest: 'g1' },
  thawStray: { guest: 'g1' },
  hostsWith: { guest: 'g1', host: 'h1' },
  copy: request,
  commitPoint: request,
  page: { arm, tries: 5 },
};

/** What no activity may be given in the place of one of its fields. */
const bad: Record<string, unknown[]> = {
  guest: [undefined, null, '', '..', '../x', 'a/b', 'x'.repeat(64), 7, {}, ['g1']],
  backup: [undefined, '../victim', 'no/such', 'x; touch y\n-evil', '', 1],
  attempt: [undefined, 0, -1, 1.5, '1', Number.NaN],
  leaseMs: ['1', {}, null],
  repository: [undefined, null, 7, 'x'.repeat(256)],
  name: [undefined, {}, 'x'.repeat(256)],
  by: [undefined, 'nobody', 'constructor'],
  key: [undefined, null, 'b1', { ...key, backup: '../victim' }],
  arm: [undefined, { ...arm, host: '../h' }],
  tries: ['many', -1],
  host: [undefined, '../h', ''],
};

function stage() {
  const parts = standIns();
  const pages: string[] = [];
  const activities = {
    ...createWindowActivities(parts),
    ...createGuestActivities(parts),
    ...createCopyActivities(parts),
    ...createGuardianActivities({
      log: (_level, message) => void pages.push(message),
      findHostsWith: async (guest) => {
        pages.push(`where is ${guest}`);
        return [];
      },
    }),
  } as unknown as Record<string, (input: unknown) => Promise<unknown>>;
  const touched = () => [...parts.calls, ...pages];
  return { activities, touched };
}

async function refusal(run: (input: unknown) => Promise<unknown>, input: unknown): Promise<ApplicationFailure> {
  const error: unknown = await new MockActivityEnvironment().run(run, input).then(
    () => assert.fail(`accepted: ${JSON.stringify(input)}`),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof ApplicationFailure, String(error));
  return error;
}

for (const [name, input] of Object.entries(good)) {
  it(`${name} refuses every wrong field by name, for good, and before anything runs`, async () => {
    const { activities, touched } = stage();
    const wrong: [string, unknown][] = Object.keys(input).flatMap((field) =>
      (bad[field] ?? []).map((value): [string, unknown] => [field, { ...input, [field]: value }]),
    );
    assert.ok(wrong.length > 0);
    for (const [field, given] of wrong) {
      const failure = await refusal(activities[name]!, given);
      assert.equal(failure.type, 'input-invalid', JSON.stringify(given));
      assert.equal(failure.nonRetryable, true);
      assert.match(failure.message, new RegExp(`^the input of ${name} is refused: ${field}`));
    }
    assert.deepEqual(touched(), []);
  });

  it(`${name} refuses what is not an object, and keys that it does not know`, async () => {
    const { activities, touched } = stage();
    for (const given of [undefined, null, 'g1', 7, [], [input], { ...input, grade: 'application' }])
      assert.equal((await refusal(activities[name]!, given)).type, 'input-invalid', JSON.stringify(given));
    assert.deepEqual(touched(), []);
  });
}

it('an input with an inherited field only is refused', async () => {
  const { activities } = stage();
  const inherited = Object.create(request) as unknown;
  assert.equal((await refusal(activities['release']!, inherited)).type, 'input-invalid');
});
