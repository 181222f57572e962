/** A virtio port whose host changes, on a fake kernel: no real host makes the kernel report late, or in the wrong order, on demand. */

import assert from 'node:assert/strict';
import { before, it, suite } from 'node:test';
import type { Channel } from '../../../agent/core/platform.ts';
import type * as Port from '../../../agent/platform/native/port.ts';

const port = 3;
const [fileEvent, deadlineEvent] = [0, 2];
const [readable, writable, hungUp] = [1, 4, 0x10];
const [noSuchEntry, badDescriptor, tryAgain, exists] = [-2, -9, -11, -17];

/** The kernel's side of the port. */
const kernel = {
  now: 1_000,
  isOpen: false,
  unread: '',
  written: '',
  isClosed: false,
  /** What epoll knows. */
  watched: new Set<number>(),
  tell: (_kind: number, _which: number, _events: number): void => assert.fail('nobody listens'),
};

/** It takes the kernel's side when it is loaded. */
let createPort: typeof Port.createPort;

suite('a port', () => {
  before(async () => {
    const input = new Uint8Array(4096);
    const encode = (pieces: readonly string[]) => Buffer.from(pieces.join(''), 'latin1');
    const write = (bytes: Buffer) => {
      if (kernel.isOpen) kernel.written += bytes.toString('latin1');
      return kernel.isOpen;
    };
    Object.assign(globalThis, {
      native: {
        onEvent: (listener: typeof kernel.tell) => void (kernel.tell = listener),
        watch(fd: number, _events: number, isWatched: boolean) {
          if (kernel.isClosed) return badDescriptor;
          if (isWatched !== kernel.watched.has(fd)) return isWatched ? noSuchEntry : exists;
          kernel.watched.add(fd);
          return 0;
        },
        unwatch: (fd: number) => void kernel.watched.delete(fd),
        setDeadline: () => 0,
        bootMs: () => kernel.now,
        inputBuffer: () => input,
        receive() {
          const bytes = Buffer.from(kernel.unread, 'latin1');
          kernel.unread = '';
          input.set(bytes);
          return bytes.length > 0 ? bytes.length : tryAgain;
        },
        encode,
        send: (_fd: number, pieces: readonly string[]) => (write(encode(pieces)) ? undefined : encode(pieces)),
        write: (_fd: number, bytes: Uint8Array, from: number) =>
          write(Buffer.from(bytes.subarray(from))) ? bytes.length - from : tryAgain,
        close: () => void (kernel.isClosed = true),
      },
    });
    ({ createPort } = await import('../../../agent/platform/native/port.ts'));
  });

  it('a request that is read before its client is reported is answered when the client is', () => {
    const { clients } = open();
    ask();
    kernel.tell(fileEvent, port, hungUp);
    hostComes();
    assert.equal(kernel.written, 'reply');
    assert.deepEqual(clients, ['may be next']);
  });

  it('the reply to a request from long before the client went is sent to no one', () => {
    const { clients } = open();
    ask();
    kernel.now += 10_000;
    kernel.tell(fileEvent, port, hungUp);
    hostComes();
    assert.equal(kernel.written, '');
    assert.deepEqual(clients, ['gone']);
  });

  it('the reply to the last client’s request is dropped when no other client comes soon', () => {
    const { clients } = open();
    ask();
    kernel.tell(fileEvent, port, hungUp);
    kernel.now += 1_000;
    kernel.tell(deadlineEvent, 0, 0);
    hostComes();
    assert.equal(kernel.written, '');
    assert.deepEqual(clients, ['may be next', 'gone']);
  });

  it('the timer that one hang-up began does not drop the reply to the client after it', () => {
    open();
    hostComes();
    ask();
    hostGoes();
    kernel.now += 295;
    kernel.written = '';
    ask();
    kernel.tell(fileEvent, port, hungUp);
    kernel.now += 10;
    kernel.tell(deadlineEvent, 0, 0);
    hostComes();
    assert.equal(kernel.written, 'reply');
  });

  it('the reply to a request that is read after a hang-up is dropped when no client comes soon', () => {
    open();
    hostComes();
    hostGoes();
    ask();
    kernel.now += 1_000;
    kernel.tell(deadlineEvent, 0, 0);
    hostComes();
    assert.equal(kernel.written, '');
  });

  it('a closed port drops nothing later, and reports no client any more', () => {
    const { clients, channel } = open();
    hostComes();
    ask();
    hostGoes();
    channel.close();
    kernel.now += 1_000;
    kernel.tell(deadlineEvent, 0, 0);
    assert.deepEqual(clients, ['may be next']);
  });

  it('a port that fails while it is paused can be opened again', () => {
    const { channel } = open();
    channel.pause();
    channel.close();
    channel.resume();
    open();
    hostComes();
    ask();
    assert.equal(kernel.written, 'reply');
  });
});

function open(): { clients: string[]; channel: Channel } {
  const clients: string[] = [];
  Object.assign(kernel, { isClosed: false, isOpen: false, unread: '', written: '' });
  const channel: Channel = createPort(port, {
    data: () => channel.send(['reply']),
    clientChanged: (mayBeNext) => clients.push(mayBeNext ? 'may be next' : 'gone'),
    drained() {},
    failed: (error) => assert.fail(error.message),
  });
  return { clients, channel };
}

/** The port is not open for writing yet: the kernel reports the request by one queue and the client by another. */
function ask(): void {
  kernel.unread = 'request';
  kernel.tell(fileEvent, port, kernel.isOpen ? readable : readable | hungUp);
}

function hostComes(): void {
  kernel.isOpen = true;
  kernel.tell(fileEvent, port, readable | writable);
}

function hostGoes(): void {
  kernel.isOpen = false;
  kernel.tell(fileEvent, port, hungUp);
}
