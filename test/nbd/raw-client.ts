/** An NBD client that sends whatever the test wants: one request at a time by the codec, or any bytes. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { createPeer, type NbdPeer } from '../../nbd/peer.ts';
import {
  decodeExportInfo,
  decodeGreeting,
  decodeMetaContext,
  decodeOptionReplyHead,
  encodeClientFlags,
  encodeGo,
  encodeMetaQueries,
  encodeOption,
  greetingBytes,
  optionReplyHeadBytes,
  type MetaContext,
} from '../../protocol/nbd/handshake.ts';
import { optionErrorBit, optionReplies, options } from '../../protocol/nbd/numbers.ts';
import {
  chunkLengthBytes,
  decodeChunkLength,
  decodeReplyHead,
  encodeRequest,
  replyHeadBytes,
  type NbdRequest,
  type ReplyHead,
} from '../../protocol/nbd/transmission.ts';

export interface RawClient extends NbdPeer {
  size: number;
  flags: number;
  contexts: MetaContext[];
  request(request: Partial<NbdRequest>, data?: Uint8Array): Promise<void>;
  /** The next reply or chunk, and what a chunk holds. */
  reply(): Promise<ReplyHead & { payload: Buffer }>;
}

/** Connected, and nothing sent or received. */
export async function rawPeer(context: TestContext, path: string): Promise<NbdPeer> {
  const socket = connect(path);
  context.after(() => socket.destroy());
  await once(socket, 'connect');
  return createPeer(socket);
}

export async function ask(peer: NbdPeer, option: number, data?: Uint8Array): Promise<{ type: number; data: Buffer }[]> {
  await peer.send(encodeOption(option, data));
  const replies: { type: number; data: Buffer }[] = [];
  for (;;) {
    const head = decodeOptionReplyHead(await peer.take(optionReplyHeadBytes))!;
    replies.push({ type: head.type, data: await peer.take(head.length) });
    if (head.type === optionReplies.ack || head.type >= optionErrorBit) return replies;
  }
}

export async function greetServer(peer: NbdPeer, flags = 3): Promise<number> {
  const offered = decodeGreeting(await peer.take(greetingBytes))!;
  await peer.send(encodeClientFlags(flags));
  return offered;
}

export async function rawClient(
  context: TestContext,
  path: string,
  name: string,
  { contexts = [] as string[], structured = true } = {},
): Promise<RawClient> {
  const peer = await rawPeer(context, path);
  await greetServer(peer);
  if (structured) await ask(peer, options.structuredReply);
  const selected =
    contexts.length === 0 ? [] : await ask(peer, options.setMetaContext, encodeMetaQueries({ name, queries: contexts }));
  const infos = await ask(peer, options.go, encodeGo({ name, infos: [] }));
  const { size, flags } = infos.map(({ data }) => decodeExportInfo(data)).find((each) => each)!;
  return {
    ...peer,
    size: Number(size),
    flags,
    contexts: selected.filter(({ type }) => type === optionReplies.metaContext).map(({ data }) => decodeMetaContext(data)!),
    request: ({ flags: with_ = 0, command = 0, cookie = 1n, offset = 0n, length = 0 }, data = new Uint8Array()) =>
      peer.send(encodeRequest({ flags: with_, command, cookie, offset, length }), data),
    async reply() {
      const head = decodeReplyHead(await peer.take(replyHeadBytes))!;
      if (head.kind === 'simple') return { ...head, payload: Buffer.alloc(0) };
      return { ...head, payload: await peer.take(decodeChunkLength(await peer.take(chunkLengthBytes))) };
    },
  };
}
