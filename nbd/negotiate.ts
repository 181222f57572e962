/** The client's half of the handshake: picks one export, structured replies and the contexts. */

import { StillframeError } from '../model/errors.ts';
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
  text,
  type MetaContext,
} from '../protocol/nbd/handshake.ts';
import {
  handshakeFlags,
  mostOptionBytes,
  optionErrorBit,
  optionErrors,
  optionReplies,
  options,
  transmissionFlags,
} from '../protocol/nbd/numbers.ts';
import type { NbdLink } from './link.ts';

export interface NbdExport {
  size: number;
  /** Whether the server can send a read in one piece. */
  inOnePiece: boolean;
  /** Each context that was asked for, by its id. */
  contexts: Map<number, string>;
}

/** A server sends one reply for each context or kind of information and the last one: QEMU sends 3 at most. */
const mostReplies = 64;

/** @throws nbd-refused, nbd-context-missing, nbd-garbled, nbd-closed */
export async function negotiate(link: NbdLink, name: string, contexts: readonly string[]): Promise<NbdExport> {
  const flags = decodeGreeting(await received(link, greetingBytes));
  if (flags === undefined) throw link.garbled('no NBD greeting');
  if ((flags & handshakeFlags.fixedNewstyle) === 0) throw link.garbled('a handshake older than fixed newstyle');
  link.send(encodeClientFlags(handshakeFlags.fixedNewstyle | (flags & handshakeFlags.noZeroes)));
  await ask(link, options.structuredReply, new Uint8Array(), 'structured replies');
  const found = contexts.length === 0 ? new Map<number, string>() : await selectContexts(link, name, contexts);
  for (const { type, data } of await ask(link, options.go, encodeGo({ name, infos: [] }), `the export "${name}"`)) {
    if (type !== optionReplies.info) throw link.garbled(`a reply of type ${type} to NBD_OPT_GO`);
    const info = decodeExportInfo(data);
    if (info === undefined) throw link.garbled('a description of its export that is cut short');
    if (info === null) continue;
    if (info.size > BigInt(Number.MAX_SAFE_INTEGER)) throw link.garbled(`an export of ${info.size} bytes, beyond any disk,`);
    return { size: Number(info.size), inOnePiece: (info.flags & transmissionFlags.sendDf) !== 0, contexts: found };
  }
  throw link.garbled('no size for its export');
}

/** A server leaves out a context that it does not have and reports no error: an incremental would read nothing. */
async function selectContexts(link: NbdLink, name: string, contexts: readonly string[]): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const data = encodeMetaQueries({ name, queries: [...contexts] });
  for (const reply of await ask(link, options.setMetaContext, data, `the contexts ${contexts.join(', ')} of "${name}"`)) {
    const context = reply.type === optionReplies.metaContext ? decodeMetaContext(reply.data) : undefined;
    if (context === undefined) throw link.garbled('a context that cannot be read');
    admit(link, found, context);
  }
  for (const context of contexts)
    if (![...found.values()].includes(context))
      throw new StillframeError(
        'nbd-context-missing',
        `the NBD server ${link.place} has no context "${context}" for the export "${name}"; see that the export was added with it`,
        { place: link.place, export: name, context },
      );
  return found;
}

function admit(link: NbdLink, found: Map<number, string>, { id, name }: MetaContext): void {
  if (found.has(id) || [...found.values()].includes(name)) throw link.garbled(`the context "${name}" twice, or two with one id`);
  found.set(id, name);
}

interface OptionReply {
  type: number;
  data: Uint8Array;
}

/** All replies to an option before the last one, which says that it was accepted. @throws nbd-refused with the server's reason */
async function ask(link: NbdLink, option: number, data: Uint8Array, what: string): Promise<OptionReply[]> {
  link.send(encodeOption(option, data));
  const replies: OptionReply[] = [];
  for (;;) {
    const head = decodeOptionReplyHead(await received(link, optionReplyHeadBytes));
    if (head === undefined || head.option !== option) throw link.garbled(`no reply to option ${option}`);
    if (head.length > mostOptionBytes) throw link.garbled(`a reply of ${head.length} bytes to option ${option}`);
    const payload = await received(link, head.length);
    if (head.type === optionReplies.ack) return replies;
    if (head.type >= optionErrorBit) throw refusal(link, what, head.type, text(payload) ?? '');
    if (replies.push({ type: head.type, data: payload }) > mostReplies) throw link.garbled(`endless replies to option ${option}`);
  }
}

function refusal(link: NbdLink, what: string, type: number, said: string): StillframeError {
  const reason = reasons.get(type) ?? `error ${type - optionErrorBit}`;
  return new StillframeError(
    'nbd-refused',
    `the NBD server ${link.place} refused ${what}: ${reason}${said === '' ? '' : ` (${said})`}; see which exports it serves and how`,
    { place: link.place, reason },
  );
}

const reasons = new Map<number, string>([
  [optionErrors.unsupported, 'it does not know the option'],
  [optionErrors.policy, 'its policy forbids it'],
  [optionErrors.invalid, 'it found the option invalid'],
  [optionErrors.platform, 'its platform does not support it'],
  [optionErrors.tlsRequired, 'it requires TLS'],
  [optionErrors.unknownExport, 'it has no such export'],
  [optionErrors.shutdown, 'it is shutting down'],
  [optionErrors.blockSizeRequired, 'it requires block sizes'],
  [optionErrors.tooBig, 'the option is too large for it'],
]);

async function received(link: NbdLink, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await link.fill(bytes);
  return bytes;
}
