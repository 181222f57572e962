/** What is kept of processes whose end no client has read. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import type { ChildEvents, Children } from '../../../../agent/core/platform.ts';
import { createProcesses } from '../../../../agent/core/system/processes.ts';

const request = { programs: ['x'], argv: ['x'], capture: 'separated' } as const;

function createFakeChildren() {
  const running = new Map<number, ChildEvents>();
  let next = 0;
  const children: Children = {
    spawn(_, events) {
      running.set(++next, events);
      return { pid: next, kill() {}, release() {} };
    },
  };
  return {
    children,
    /** The kernel gives out this pid next. */
    rewind: (pid: number) => void (next = pid - 1),
    write: (pid: number, bytes: number) => running.get(pid)!.output!('out', new Uint8Array(bytes)),
    end: (pid: number) => running.get(pid)!.closed!({ code: 0 }),
  };
}

suite('processes', () => {
  it('the last 256 processes that have ended are kept, and all that run', () => {
    const fake = createFakeChildren();
    const processes = createProcesses(fake.children);
    const pids = Array.from({ length: 300 }, () => processes.start(request));
    pids.slice(1).forEach(fake.end);
    assert.equal(processes.find(1)?.end, undefined);
    assert.ok(processes.find(1));
    assert.deepEqual(
      pids.filter((pid) => processes.find(pid)?.end),
      pids.slice(-256),
    );
  });

  it('the output of the oldest is dropped when there is too much of it', () => {
    const fake = createFakeChildren();
    const processes = createProcesses(fake.children);
    const pids = Array.from({ length: 5 }, () => processes.start(request));
    for (const pid of pids) {
      fake.write(pid, 16 * 2 ** 20);
      fake.end(pid);
    }
    assert.deepEqual(
      pids.map((pid) => processes.find(pid)?.out.length()),
      [undefined, ...Array<number>(4).fill(16 * 2 ** 20)],
    );
  });

  it('only kept output counts', () => {
    const fake = createFakeChildren();
    const processes = createProcesses(fake.children);
    for (let round = 0; round < 20; round++) {
      const pid = processes.start(request);
      fake.write(pid, 16 * 2 ** 20);
      fake.end(pid);
      assert.equal(processes.find(pid)?.out.join().length, 16 * 2 ** 20);
      processes.forget(pid);
    }
    const kept = processes.start(request);
    fake.end(kept);
    assert.ok(processes.find(kept));
  });

  it('a pid names the process that had it last', () => {
    const fake = createFakeChildren();
    const processes = createProcesses(fake.children);
    const pid = processes.start(request);
    fake.write(pid, 3);
    fake.end(pid);
    fake.rewind(pid);
    assert.equal(processes.start(request), pid);
    assert.equal(processes.find(pid)?.end, undefined);
    assert.equal(processes.find(pid)?.out.length(), 0);
    fake.end(pid);
    assert.deepEqual(processes.find(pid)?.end, { code: 0 });
  });

  it('output of an earlier process with the same pid does not count', () => {
    const fake = createFakeChildren();
    const processes = createProcesses(fake.children);
    const kept = processes.start(request);
    fake.end(kept);
    for (let round = 0; round < 5; round++) {
      fake.rewind(kept + 1);
      const pid = processes.start(request);
      fake.write(pid, 16 * 2 ** 20);
      fake.end(pid);
    }
    assert.ok(processes.find(kept));
  });
});
