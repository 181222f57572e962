/** Fires messages at an agent until their number or the time is reached, or it breaks: then the bytes are kept that broke it. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Broken, converse } from './conversation.ts';
import { message } from './messages.ts';
import { createRandom } from './random.ts';
import { startSandboxed, type Program } from './sandbox.ts';

export interface FuzzOptions {
  program: Program;
  /** For the sandbox; short. */
  directory: string;
  /** For what is found. */
  findings: string;
  seed: number;
  messages: number;
  /** By performance.now(). */
  untilMs: number;
  signal: AbortSignal;
}

export interface FuzzResult {
  messages: number;
  bytes: number;
  /** Resident memory after the first batches, and the most there was. */
  residentKiB: { early: number; most: number };
  /** What broke, and the file with the bytes that were sent on that connection. */
  finding: { why: string; file: string } | undefined;
}

/** Together below what the agent lets wait before it stops reading. */
const messagesInBatch = 300;
/** Caches fill, and the sanitizers' quarantine does. */
const warmUpBatches = 200;
/** What memory may grow by after that; a leak of ten bytes a message shows within ten million. */
const mostGrowthKiB = 96 * 1024;
/** What is kept of the past: a message may break what a later one meets. */
const batchesKept = 50;
/** A new connection now and then, since a client's change is hostile input too. */
const batchesOnConnection = 500;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const random = createRandom(options.seed);
  const agent = await startSandboxed(options.program, options.directory);
  const result: FuzzResult = { messages: 0, bytes: 0, residentKiB: { early: 0, most: 0 }, finding: undefined };
  let kept: Buffer[] = [];
  try {
    let socket = await agent.connect();
    let conversation = converse(socket);
    for (let batches = 1; result.messages < options.messages && performance.now() < options.untilMs; batches++) {
      if (options.signal.aborted) break;
      const count = Math.min(messagesInBatch, options.messages - result.messages);
      const batch = Buffer.from(Array.from({ length: count }, () => message(random)).join(''), 'latin1');
      kept = [...kept.slice(1 - batchesKept), batch];
      await conversation.send(batch, random);
      result.messages += count;
      result.bytes += batch.length;
      if (batches % 50 === 0 || batches === warmUpBatches) checkMemory(result, batches, await agent.residentKiB());
      if (batches % batchesOnConnection === 0) {
        // Half a message is left behind for the next client, which must not meet it.
        socket.end('{"execute":"guest-sync","arguments":{"id":');
        socket = await agent.connect();
        conversation = converse(socket);
      }
    }
    socket.destroy();
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const report = error.message.includes('closed') ? `${error.message}; ${await agent.ended}` : error.message;
    result.finding = { why: report, file: await keep(options, kept, report) };
  } finally {
    await agent.stop();
  }
  return result;
}

function checkMemory({ residentKiB }: FuzzResult, batches: number, now = 0): void {
  if (batches <= warmUpBatches) residentKiB.early = now;
  residentKiB.most = Math.max(residentKiB.most, now);
  if (batches > warmUpBatches && now > residentKiB.early + mostGrowthKiB)
    throw new Broken(`its memory grew from ${residentKiB.early} to ${now} KiB`);
}

async function keep({ findings, seed }: FuzzOptions, kept: Buffer[], report: string): Promise<string> {
  await mkdir(findings, { recursive: true });
  const file = join(findings, `seed-${seed}.bytes`);
  await writeFile(file, Buffer.concat(kept.map((batch) => Buffer.concat([batch, Buffer.from([1])]))));
  await writeFile(`${file}.txt`, `seed ${seed}\n${report}\n`);
  return file;
}
