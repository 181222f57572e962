/** Timers of the binary's event loop, by a clock that stands still on demand. */

import assert from 'node:assert/strict';
import { beforeEach, it, suite } from 'node:test';
import type * as Listener from '../../../agent/platform/native/listener.ts';
import type * as Loop from '../../../agent/platform/native/loop.ts';

const listening = 3;
const [fileEvent, deadlineEvent] = [0, 2];
const readable = 1;
const tooManyFiles = -24;

/** The kernel's side. */
const kernel = {
  now: 1_000,
  deadline: 0,
  attempts: 0,
  tell: (_kind: number, _which: number, _events: number): void => assert.fail('nobody listens'),
};

Object.assign(globalThis, {
  native: {
    onEvent: (listener: typeof kernel.tell) => void (kernel.tell = listener),
    watch: () => 0,
    unwatch() {},
    setDeadline: (ms: number) => void (kernel.deadline = ms),
    bootMs: () => kernel.now,
    inputBuffer: () => new Uint8Array(4096),
    accept() {
      kernel.attempts++;
      return tooManyFiles;
    },
    close() {},
  },
});

// They take the kernel's side when they are loaded.
const { after }: typeof Loop = await import('../../../agent/platform/native/loop.ts');
const { createListener }: typeof Listener = await import('../../../agent/platform/native/listener.ts');

suite('a timer', () => {
  const ran: string[] = [];
  beforeEach(() => void (ran.length = 0));

  it('a timer that another one cancels in the same moment does not run', () => {
    after(10, () => {
      ran.push('first');
      cancel();
    });
    const cancel = after(20, () => ran.push('second'));
    pass(30);
    assert.deepEqual(ran, ['first']);
  });

  it('a timer that another one sets waits for its own turn', () => {
    after(10, () => {
      ran.push('first');
      after(0, () => ran.push('second'));
    });
    pass(10);
    assert.deepEqual(ran, ['first']);
    assert.equal(kernel.deadline, kernel.now);
    pass(0);
    assert.deepEqual(ran, ['first', 'second']);
  });

  it('a listener has one timer for its next attempt, however many clients connect, and it ends with the listener', () => {
    const listener = createListener(listening, {
      data() {},
      clientChanged() {},
      drained() {},
      failed: ({ message }) => assert.fail(message),
    });
    for (let client = 0; client < 10; client++) kernel.tell(fileEvent, listening, readable);
    kernel.attempts = 0;
    pass(100);
    assert.equal(kernel.attempts, 1);
    listener.close();
    assert.equal(kernel.deadline, 0);
  });
});

function pass(ms: number): void {
  kernel.now += ms;
  kernel.tell(deadlineEvent, 0, 0);
}
