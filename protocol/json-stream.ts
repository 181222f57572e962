/** Bytes to messages, one at a time as they complete: newlines mean nothing, brackets that balance do. Bounded in every direction. */

import type { Json } from './json.ts';
import { createJsonLexer, type Token } from './json-lexer.ts';
import { parseTokens } from './json-parser.ts';
import { JsonTextError } from './json-string.ts';

export type JsonEvent = { kind: 'value'; value: Json } | { kind: 'error'; message: string };

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

export function createJsonStream(limits: JsonLimits): JsonStream {
  let events: JsonEvent[] = [];
  let tokens: Token[] = [];
  let bytes = 0;
  let braces = 0;
  let brackets = 0;
  let overLimit = false;
  const lexer = createJsonLexer(take, limits.maxBytes);

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
      if (!overLimit) fail(`JSON parse error, stray ${JSON.stringify(token.text)}`);
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

  return {
    push(chunk) {
      lexer.push(chunk);
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

function parse(tokens: Token[]): JsonEvent {
  try {
    return { kind: 'value', value: parseTokens(tokens) };
  } catch (error) {
    if (error instanceof JsonTextError) return { kind: 'error', message: `JSON parse error, ${error.message}` };
    throw error;
  }
}
