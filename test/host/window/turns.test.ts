/** Turns at a guest: in the order of asking, and for those who cannot wait no longer than they said. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns } from '../../../host/window/turns.ts';

test('turns come in the order of asking', async () => {
  const turns = createTurns();
  const first = await turns.take('g');
  const order: number[] = [];
  const others = [2, 3].map((n) =>
    turns.take('g').then((end) => {
      order.push(n);
      end();
    }),
  );
  assert.equal(turns.isFree('g'), false);
  first();
  await Promise.all(others);
  assert.deepEqual([order, turns.isFree('g')], [[2, 3], true]);
});

test('one that has waited long enough gives up, and the one behind it still waits for the one before', async () => {
  const turns = createTurns();
  const first = await turns.take('g');
  const impatient = turns.take('g', 1);
  let isGiven = false;
  const last = turns.take('g').then((end) => {
    isGiven = true;
    end();
  });
  assert.equal(await impatient, null);
  assert.equal(isGiven, false);
  first();
  await last;
  assert.ok(turns.isFree('g'));
  assert.notEqual(await turns.take('g', 1), null, 'a turn that is free needs no wait');
});
