/** Bytes to messages, one at a time as they complete: newlines mean nothing, brackets that balance do. Bounded in every direction. */

import type { Json } from './json.ts';
import { createJsonLexer, plainBytes, type ByteTools, type Token } from './json-lexer.ts';
import { parseCanonical } from './json-canonical.ts';
import { parseTokens } from './json-parser.ts';
import { JsonTextError } from './json-string.ts';

export type JsonEvent =
  | { kind: 'value'; value: Json }
  /** `flushes`: it was a byte 0xFF, by which a client has everything before it forgotten. */
  | { kind: 'error'; message: string; flushes?: true };

export interface JsonLimits {
  /** Bytes of all tokens of one message. */
  maxBytes: number;
  /** Braces and brackets together. */
  maxDepth: number;
  maxTokens: number;
}

/** What the guest agent of QEMU itself accepts (json-streamer.c). */
export const qemuLimits: JsonLimits = { maxBytes: 64 * 2 ** 20, maxDepth: 1024, maxTokens: 2 * 2 ** 20 };

export interface JsonStream {
  /** What these bytes completed, in order. */
  push(bytes: Uint8Array): JsonEvent[];
  /** Forgets a message that is not complete. */
  reset(): void;
}

export function createJsonStream(limits: JsonLimits, tools: ByteTools = plainBytes): JsonStream {
  let events: JsonEvent[] = [];
  let tokens: Token[] = [];
  let bytes = 0;
  let braces = 0;
  let brackets = 0;
  let overLimit = false;
  const lexer = createJsonLexer(take, limits.maxBytes, tools);

  function clear(): void {
    tokens = [];
    bytes = 0;
    braces = 0;
    brackets = 0;
    overLimit = false;
  }

  function fail(message: string): void {
    events.push({ kind: 'error', message });
  }

  function take(token: Token): void {
    if (token.kind === 'too-long') {
      if (!overLimit) refuse('JSON token size limit exceeded');
      return;
    }
    if (token.kind === 'error') {
      const message = `JSON parse error, stray ${JSON.stringify(token.text.slice(-strayShown))}`;
      if (token.flush) events.push({ kind: 'error', message, flushes: true });
      else if (!overLimit) fail(message);
      return clear();
    }
    if (token.kind === 'punctuation') count(token.text);
    if (!overLimit) hold(token);
    if (braces >= 0 && brackets >= 0 && braces + brackets > 0) return;
    if (!overLimit) events.push(parse(tokens));
    clear();
  }

  function count(text: string): void {
    if (text === '{') braces++;
    else if (text === '}') braces--;
    else if (text === '[') brackets++;
    else if (text === ']') brackets--;
  }

  /** The rest of a message that broke a limit is dropped up to its balanced end, so that it is answered once. */
  function hold(token: Token): void {
    bytes += token.text.length;
    if (bytes > limits.maxBytes) refuse('JSON token size limit exceeded');
    else if (tokens.length >= limits.maxTokens) refuse('JSON token count limit exceeded');
    else if (braces + brackets > limits.maxDepth) refuse('JSON nesting depth limit exceeded');
    else tokens.push(token);
  }

  function refuse(message: string): void {
    fail(message);
    tokens = [];
    overLimit = true;
  }

  /** A text of so many bytes keeps both limits. */
  const shortBytes = Math.min(limits.maxBytes, limits.maxTokens);

  /** The lines in front that the short way can read; where the rest begins. */
  function takeLines(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length) {
      const newline = chunk.indexOf(0x0a, at);
      const end = newline < 0 ? chunk.length : newline;
      if (end > at) {
        const isPlain = chunk[at] === 0x7b && end - at <= shortBytes && tools.plainStringEnd(chunk, at, 0x5c) >= end;
        const value = isPlain ? parseCanonical(tools.latin1(chunk, at, end), Math.min(limits.maxDepth, deepest)) : undefined;
        if (value === undefined) return at;
        events.push({ kind: 'value', value });
      }
      at = end + 1;
    }
    return at;
  }

  return {
    push(chunk) {
      const at = lexer.isIdle() && tokens.length === 0 ? takeLines(chunk) : 0;
      if (at < chunk.length) lexer.push(at === 0 ? chunk : chunk.subarray(at));
      const done = events;
      events = [];
      return done;
    },
    reset() {
      lexer.reset();
      clear();
    },
  };
}

/** Deeper texts are rare: they go the long way, which counts. */
const deepest = 32;

/** Enough to see what it was; a string that a control character ends may be as long as a message. */
const strayShown = 20;

function parse(tokens: Token[]): JsonEvent {
  try {
    return { kind: 'value', value: parseTokens(tokens) };
  } catch (error) {
    if (error instanceof JsonTextError) return { kind: 'error', message: `JSON parse error, ${error.message}` };
    throw error;
  }
}
