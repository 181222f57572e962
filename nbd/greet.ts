/** The server's half of the handshake, for one export. */

import {
  clientFlagsBytes,
  decodeClientFlags,
  decodeGo,
  decodeMetaQueries,
  decodeOptionHead,
  encodeBlockSizes,
  encodeExportInfo,
  encodeExportNameReply,
  encodeGreeting,
  encodeListedExport,
  encodeMetaContext,
  encodeOptionReply,
  optionHeadBytes,
  text,
  type ExportInfo,
} from '../protocol/nbd/handshake.ts';
import {
  allocationContext,
  handshakeFlags,
  infos,
  mostOptionBytes,
  mostRequestBytes,
  optionErrors,
  optionReplies,
  options,
  transmissionFlags,
} from '../protocol/nbd/numbers.ts';
import type { NbdArea } from './area.ts';
import { PeerGone, type NbdPeer } from './peer.ts';

export interface Agreement {
  structured: boolean;
  /** Whether the client may ask for the status of `base:allocation`, which has this id. */
  allocation: boolean;
}

export const allocationId = 1;

/** qemu-img and nbdinfo send fewer than ten; a client that goes on and on must not keep its place for ever. */
const mostOptions = 64;

/** In pieces of this length our areas read best; a request may have any. */
const preferredBytes = 64 * 2 ** 10;

/** Null when the client ended in good order. @throws PeerGone also for a client that breaks the protocol */
export async function greet(peer: NbdPeer, name: string, area: NbdArea): Promise<Agreement | null> {
  const known = handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes;
  await peer.send(encodeGreeting(known));
  const flags = decodeClientFlags(await peer.take(clientFlagsBytes));
  if ((flags & handshakeFlags.fixedNewstyle) === 0 || (flags & ~known) !== 0) throw new PeerGone('unknown flags');
  const agreed: Agreement = { structured: false, allocation: false };
  for (let count = 0; count < mostOptions; count += 1) {
    const head = decodeOptionHead(await peer.take(optionHeadBytes));
    if (head === undefined || head.length > mostOptionBytes) throw new PeerGone('an option that cannot be read');
    const data = await peer.take(head.length);
    if (head.option === options.exportName) {
      if (text(data) !== name) throw new PeerGone('another export');
      await peer.send(encodeExportNameReply(infoOf(area), (flags & handshakeFlags.noZeroes) === 0));
      return agreed;
    }
    const replies = answer(head.option, data, name, area, agreed);
    await peer.send(...replies.map(({ type, data: body }) => encodeOptionReply(head.option, type, body)));
    if (head.option === options.abort) return null;
    if (head.option === options.go && replies.at(-1)!.type === optionReplies.ack) return agreed;
  }
  throw new PeerGone('endless options');
}

interface Reply {
  type: number;
  data?: Uint8Array;
}

const ack: Reply = { type: optionReplies.ack };
const invalid: Reply[] = [{ type: optionErrors.invalid }];

function answer(option: number, data: Uint8Array, name: string, area: NbdArea, agreed: Agreement): Reply[] {
  switch (option) {
    case options.abort:
      return [ack];
    case options.list:
      return data.length > 0 ? invalid : [{ type: optionReplies.server, data: encodeListedExport(name) }, ack];
    case options.structuredReply:
      if (data.length > 0) return invalid;
      agreed.structured = true;
      return [ack];
    case options.info:
    case options.go:
      return describe(data, name, area);
    case options.listMetaContext:
    case options.setMetaContext:
      return contexts(option, data, name, area, agreed);
    default:
      return [{ type: optionErrors.unsupported }];
  }
}

function describe(data: Uint8Array, name: string, area: NbdArea): Reply[] {
  const go = decodeGo(data);
  if (go === undefined) return invalid;
  if (go.name !== name) return [{ type: optionErrors.unknownExport }];
  const replies = [{ type: optionReplies.info, data: encodeExportInfo(infoOf(area)) }];
  if (go.infos.includes(infos.blockSize))
    replies.push({ type: optionReplies.info, data: encodeBlockSizes(preferredBytes, mostRequestBytes) });
  return [...replies, ack];
}

function contexts(option: number, data: Uint8Array, name: string, area: NbdArea, agreed: Agreement): Reply[] {
  const asked = decodeMetaQueries(data);
  if (asked === undefined || !agreed.structured) return invalid;
  const listing = option === options.listMetaContext;
  // Each SET_META_CONTEXT replaces the one before it.
  if (!listing) agreed.allocation = false;
  if (asked.name !== name) return [{ type: optionErrors.unknownExport }];
  const wanted =
    asked.queries.includes(allocationContext) || (listing && (asked.queries.length === 0 || asked.queries.includes('base:')));
  if (area.allocation === undefined || !wanted) return [ack];
  if (!listing) agreed.allocation = true;
  return [
    { type: optionReplies.metaContext, data: encodeMetaContext({ id: listing ? 0 : allocationId, name: allocationContext }) },
    ack,
  ];
}

function infoOf(area: NbdArea): ExportInfo {
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, canMultiConn } = transmissionFlags;
  const can = area.write === undefined ? readOnly : sendFlush | sendFua | sendTrim | sendWriteZeroes;
  return { size: BigInt(area.bytes), flags: hasFlags | can | canMultiConn };
}
