/** The server's half of the transmission phase: takes the requests of one client and answers several at a time. */

import { messageOf } from '../model/errors.ts';
import {
  allocationFlags,
  commandFlags,
  commands,
  errors,
  mostRequestBytes,
  mostStringBytes,
  type NbdErrorName,
} from '../protocol/nbd/numbers.ts';
import {
  decodeRequest,
  encodeBlockStatus,
  encodeDataHead,
  encodeErrorChunk,
  encodeSimpleReply,
  requestBytes,
  type NbdRequest,
} from '../protocol/nbd/transmission.ts';
import type { NbdArea } from './area.ts';
import { allocationId, type Agreement } from './greet.ts';
import { PeerGone, type NbdPeer } from './peer.ts';

/** Reads are sent, and writes are taken, in pieces of this length: it bounds the memory of each request. */
const pieceBytes = 2 ** 20;

/** With `pieceBytes`, a client that does not receive holds 8 MiB of this process. */
const mostAtOnce = 8;

/** Extents in one reply: the client asks again for the rest. */
const mostExtentsSent = 8192;

/** Returns when the client ended in good order. @throws PeerGone */
export async function answerRequests(peer: NbdPeer, area: NbdArea, agreed: Agreement): Promise<void> {
  const running = new Set<Promise<void>>();
  // A simple reply cannot be cut in pieces or take back its success: one at a time, read whole before it is sent.
  const most = agreed.structured ? mostAtOnce : 1;
  try {
    for (;;) {
      const request = decodeRequest(await peer.take(requestBytes));
      if (request === undefined) throw new PeerGone('bytes that are no request');
      if (request.command === commands.disconnect) break;
      if (request.command === commands.write) {
        await takeWrite(peer, area, agreed, request);
        continue;
      }
      // A failure to send ends the connection, which the next `take` reports.
      const answering = answerOne(peer, area, agreed, request).catch(() => peer.destroy());
      running.add(answering);
      void answering.then(() => running.delete(answering));
      if (running.size >= most) await Promise.race(running);
    }
  } catch (error) {
    // A client that does not receive would keep the answers waiting.
    peer.destroy();
    throw error;
  } finally {
    await Promise.all(running);
  }
}

async function answerOne(peer: NbdPeer, area: NbdArea, agreed: Agreement, request: NbdRequest): Promise<void> {
  const problem = problemOf(area, agreed, request);
  if (problem) return refuse(peer, agreed, request, problem);
  try {
    if (request.command === commands.read) return await sendRead(peer, area, agreed, request);
    if (request.command === commands.blockStatus) return await sendStatus(peer, area, request);
    await change(area, request);
  } catch (error) {
    if (error instanceof PeerGone) throw error;
    return refuse(peer, agreed, request, { name: nameOf(error), why: messageOf(error) });
  }
  return peer.send(encodeSimpleReply(request.cookie, 0));
}

async function sendRead(peer: NbdPeer, area: NbdArea, agreed: Agreement, { cookie, offset, length }: NbdRequest): Promise<void> {
  if (!agreed.structured) {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < length; at += pieceBytes)
      parts.push(await readWhole(area, Number(offset) + at, Math.min(pieceBytes, length - at)));
    return peer.send(encodeSimpleReply(cookie, 0), ...parts);
  }
  for (let at = 0; at < length; at += pieceBytes) {
    const bytes = await readWhole(area, Number(offset) + at, Math.min(pieceBytes, length - at));
    await peer.send(encodeDataHead(cookie, offset + BigInt(at), bytes.length, at + pieceBytes >= length), bytes);
  }
}

/** The head of the reply announces the length: an area that gives another one must not shift all that follows. */
async function readWhole(area: NbdArea, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await area.read(offset, length);
  if (bytes.length !== length) throw new Error(`the area gave ${bytes.length} bytes instead of ${length}`);
  return bytes;
}

async function sendStatus(peer: NbdPeer, area: NbdArea, { cookie, offset, length, flags }: NbdRequest): Promise<void> {
  const known = await area.allocation!(Number(offset), length);
  const kept = known.slice(0, (flags & commandFlags.requestOne) === 0 ? mostExtentsSent : 1);
  const extents = [];
  let left = length;
  for (const each of kept) {
    if (left === 0) break;
    const bytes = Math.min(left, each.length);
    extents.push({ length: bytes, flags: each.hole ? allocationFlags.hole | allocationFlags.zero : 0 });
    left -= bytes;
  }
  if (extents.length === 0 || extents.some((each) => each.length === 0)) throw new Error('the area gave no extent');
  return peer.send(encodeBlockStatus(cookie, allocationId, extents, true));
}

/** TRIM, WRITE_ZEROES and FLUSH. */
async function change(area: NbdArea, { command, flags, offset, length }: NbdRequest): Promise<void> {
  if (command === commands.flush) return area.flush?.();
  // TRIM may do nothing, WRITE_ZEROES may not.
  if (area.zero !== undefined) await area.zero(Number(offset), length);
  else if (command === commands.writeZeroes) {
    const zeros = new Uint8Array(Math.min(length, pieceBytes));
    for (let at = 0; at < length; at += pieceBytes)
      await area.write!(Number(offset) + at, zeros.subarray(0, Math.min(pieceBytes, length - at)));
  }
  if ((flags & commandFlags.fua) !== 0) await area.flush?.();
}

/** Takes the data in any case: the next request stands behind it. */
async function takeWrite(peer: NbdPeer, area: NbdArea, agreed: Agreement, request: NbdRequest): Promise<void> {
  const { cookie, offset, length, flags } = request;
  if (length > mostRequestBytes) throw new PeerGone('a write that is too long to take');
  let problem = problemOf(area, agreed, request);
  for (let at = 0; at < length; at += pieceBytes) {
    const bytes = await peer.take(Math.min(pieceBytes, length - at));
    if (!problem) problem = await failureOf(() => area.write!(Number(offset) + at, bytes));
  }
  if (!problem && (flags & commandFlags.fua) !== 0) problem = await failureOf(async () => area.flush?.());
  return problem ? refuse(peer, agreed, request, problem) : peer.send(encodeSimpleReply(cookie, 0));
}

interface Problem {
  name: NbdErrorName;
  why: string;
}

async function failureOf(work: () => Promise<void>): Promise<Problem | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return { name: nameOf(error), why: messageOf(error) };
  }
}

/** Why a request is not even tried; null when it is. */
function problemOf(area: NbdArea, agreed: Agreement, { command, flags, offset, length }: NbdRequest): Problem | null {
  const allowed = allowedFlags.get(command);
  if (allowed === undefined) return { name: 'EINVAL', why: 'the command is unknown' };
  if ((flags & ~allowed) !== 0) return { name: 'EINVAL', why: 'a flag of the command is unknown' };
  const changes = command !== commands.read && command !== commands.blockStatus;
  if (changes && area.write === undefined) return { name: 'EPERM', why: 'the export is read-only' };
  if (command === commands.flush) return null;
  if (command === commands.blockStatus && !agreed.allocation) return { name: 'EINVAL', why: 'no context was agreed on' };
  if (length === 0) return { name: 'EINVAL', why: 'the length is 0' };
  if (command === commands.read && length > mostRequestBytes)
    return { name: 'EINVAL', why: `more than ${mostRequestBytes} bytes` };
  if (offset + BigInt(length) > BigInt(area.bytes))
    return { name: changes ? 'ENOSPC' : 'EINVAL', why: `the range ends behind the ${area.bytes} bytes of the export` };
  return null;
}

/** FUA is accepted wherever it makes sense or not: clients are known to set it on any command (doc/proto.md). */
const allowedFlags = new Map<number, number>([
  [commands.read, commandFlags.fua],
  [commands.write, commandFlags.fua],
  [commands.flush, commandFlags.fua],
  [commands.trim, commandFlags.fua],
  [commands.writeZeroes, commandFlags.fua | commandFlags.noHole],
  [commands.blockStatus, commandFlags.fua | commandFlags.requestOne],
]);

function refuse(peer: NbdPeer, agreed: Agreement, { cookie }: NbdRequest, { name, why }: Problem): Promise<void> {
  if (!agreed.structured) return peer.send(encodeSimpleReply(cookie, errors[name]));
  return peer.send(encodeErrorChunk(cookie, errors[name], why.slice(0, mostStringBytes / 4)));
}

/** The kernel's own reason where the protocol has it (doc/proto.md: EDQUOT and EFBIG are ENOSPC). */
function nameOf(error: unknown): NbdErrorName {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return 'ENOSPC';
  return code === 'EPERM' || code === 'EACCES' ? 'EPERM' : 'EIO';
}
