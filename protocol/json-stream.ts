/** Bytes to messages, one at a time as they complete: newlines mean nothing, brackets that balance do. Bounded in every direction. */

import type { Json } from './json.ts';
import { createJsonLexer, plainBytes, type ByteTools, type Token } from './json-lexer.ts';
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

  /** Whether these bytes, a line or the end of a chunk, could be read the short way. */
  function takeLine(chunk: Uint8Array, from: number, to: number): boolean {
    if (chunk[from] !== brace || to - from > shortBytes || tokens.length > 0 || !lexer.isIdle()) return false;
    const value = tools.parseCanonical(chunk, from, to, Math.min(limits.maxDepth, deepest));
    if (value !== undefined) events.push({ kind: 'value', value });
    return value !== undefined;
  }

  return {
    push(chunk) {
      for (let from = 0; from < chunk.length;) {
        const found = chunk.indexOf(newline, from);
        const to = found < 0 ? chunk.length : found;
        if (!takeLine(chunk, from, to)) lexer.push(chunk.subarray(from, to + 1));
        from = to + 1;
      }
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

const [newline, brace] = [0x0a, 0x7b];

/** Deeper texts are rare: they go the long way, which counts. */
const deepest = 32;

/** Enough to see what it was; a string that a control character ends may be as long as a message. */
const strayShown = 20;

/** Whatever a message does to an engine short of memory or stack, its sender is answered and the next one is read. */
function parse(tokens: Token[]): JsonEvent {
  try {
    return { kind: 'value', value: parseTokens(tokens) };
  } catch (error) {
    const why = error instanceof JsonTextError ? error.message : 'it takes more memory than there is';
    return { kind: 'error', message: `JSON parse error, ${why}` };
  }
}
