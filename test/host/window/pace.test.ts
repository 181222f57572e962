/** The pace of a pursuit: guests that answer as they should are tried quickly, others cost less and less; the log stays short. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connectAgent } from '../../../host/channel/agent-channel.ts';
import { discharge } from '../../../host/window/discharge.ts';
import { createPace } from '../../../host/window/pace.ts';
import { StillframeError, type ErrorCode } from '../../../model/errors.ts';
import { refusing, startFakeAgent } from '../../fakes/fake-agent.ts';

const failure = (code: ErrorCode, text = 'x') => new StillframeError(code, text, {});

function watchedPace() {
  const lines: string[] = [];
  const pace = createPace((level, message, facts) => lines.push(`${level} ${message} ${facts!.times}`));
  return { pace, lines };
}

const pauses = (tries: number, error: unknown) => {
  const { pace } = watchedPace();
  return Array.from({ length: tries }, () => pace.pauseMs(error));
};

const minuteMs = 60_000;

for (const code of ['agent-too-large', 'agent-garbled'] as const)
  it(`a guest whose replies fail with ${code} is tried again at once, and in the long run once a minute for ever`, () => {
    const taken = pauses(40, failure(code));
    assert.equal(taken[0], 0);
    assert.deepEqual(
      taken,
      taken.toSorted((one, other) => one - other),
    );
    assert.deepEqual(new Set(taken.slice(-20)), new Set([minuteMs]));
  });

it('a guest that answers as it should, frozen or with a refusal, is tried again within half a second for ever', () => {
  for (const error of [undefined, failure('agent-refused')]) assert.ok(pauses(1_000, error).every((pause) => pause <= 500));
});

it('a guest that is silent is tried again within half a second for ever', () => {
  for (const code of ['agent-absent', 'agent-timed-out', 'channel-unreachable', 'channel-closed'] as const)
    assert.ok(pauses(1_000, failure(code)).every((pause) => pause <= 500));
});

it('after floods, a good answer makes the next try quick, and the flood after it is as expensive for the guest as before', () => {
  const { pace } = watchedPace();
  for (let n = 0; n < 40; n++) pace.pauseMs(failure('agent-too-large'));
  assert.equal(pace.pauseMs(undefined), 0);
  assert.equal(pace.pauseMs(failure('agent-garbled')), minuteMs);
});

it('an error that comes again and again is logged when it is new, then at doubling counts, however its text varies', () => {
  const { pace, lines } = watchedPace();
  for (let n = 1; n <= 1_000; n++) pace.report(failure('agent-refused', `reason ${n}`));
  const times = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
  assert.deepEqual(
    lines,
    times.map((n) => `${n <= 3 ? 'warn' : 'error'} thaw not confirmed yet (attempt ${n}): reason ${n} ${n}`),
  );
  pace.report(failure('agent-garbled', 'another one'));
  assert.equal(lines.at(-1), 'error thaw not confirmed yet (attempt 1001): another one 1');
});

it('a guest that refuses the thaw five times is thawed by the sixth, and leaves three lines in the log', async (t) => {
  const agent = await startFakeAgent();
  t.after(() => agent.stop());
  agent.frozen = true;
  let left = 5;
  agent.behave('guest-fsfreeze-thaw', (answer, send) => {
    agent.frozen = left > 0;
    if (left-- > 0) return refusing('not yet')(answer, send);
    send(answer);
  });
  const lines: string[] = [];
  const { closing, closeChannel } = await discharge({
    intent: { epoch: 1, claim: { agent: 'qemu-ga' } as never },
    connect: async () => ({ channel: await connectAgent(agent.address), fenced: true }),
    log: (_, message) => lines.push(message),
  });
  closeChannel();
  assert.equal(closing, 'status-thawed');
  assert.deepEqual(
    lines.map((line) => /attempt (\d+)/.exec(line)?.[1]),
    ['1', '2', '4'],
  );
});
