/** Bytes to tokens of the JSON dialect that QEMU and its agent speak: streaming, with their way of recovering from rubbish. */

import type { Json } from './json.ts';
import { parseCanonical } from './json-canonical.ts';

export type TokenKind = 'punctuation' | 'string' | 'integer' | 'float' | 'keyword' | 'error' | 'too-long';

export interface Token {
  /** `too-long` is reported as soon as it is known; the token itself follows without its text when it ends. */
  kind: TokenKind;
  /** Bytes as Latin-1: punctuation, number or keyword as written; a string with its quotes and escapes. */
  text: string;
  /** A string of nothing but printable ASCII without escapes: its inside is its value. */
  plain?: boolean;
  /** An error by a byte 0xFF. */
  flush?: boolean;
}

/** What an engine may have a faster way for. */
export interface ByteTools {
  /** One character a byte. */
  latin1(bytes: Uint8Array, from: number, to: number): string;
  /** Index of the first byte from `from` on that is `quote`, a backslash, below 0x20 or above 0x7e; the length when there is none. */
  plainStringEnd(bytes: Uint8Array, from: number, quote: number): number;
  /** The value of a JSON text of at most so many levels, or undefined where only our own parser can decide (json-canonical.ts). */
  parseCanonical(bytes: Uint8Array, from: number, to: number, deepest: number): Json | undefined;
}

export interface JsonLexer {
  /** Calls back for every token that is complete; the rest waits for more bytes. */
  push(bytes: Uint8Array): void;
  /** Whether nothing waits for more bytes. */
  isIdle(): boolean;
  reset(): void;
}

type State =
  | 'start'
  | 'recovery'
  | 'string'
  | 'escape'
  | 'keyword'
  | 'sign'
  | 'zero'
  | 'digits'
  | 'point'
  | 'fraction'
  | 'e'
  | 'exponent-sign'
  | 'exponent';

/**
 * A string may be in single or double quotes. A byte that fits nowhere is an error token; then everything is skipped up to
 * the next structural character, control character, or byte 0xFE or 0xFF, which are looked at again. So a 0xFF, which no
 * JSON text can contain, always brings the lexer back to a known state.
 */
export function createJsonLexer(emit: (token: Token) => void, maxTokenBytes: number, tools: ByteTools): JsonLexer {
  let state: State = 'start';
  let quote = 0;
  let plain = true;
  let held: string[] = [];
  let heldBytes = 0;

  function finish(kind: TokenKind, text = '', flush = false): void {
    const whole = held.join('') + text;
    held = [];
    heldBytes = 0;
    state = kind === 'error' ? 'recovery' : 'start';
    emit({ kind, text: whole, plain: kind === 'string' && plain, flush });
  }

  /** The end of the token that began before `from`; the index of the first byte that is not part of it. */
  function scan(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      if (state === 'string') {
        at = tools.plainStringEnd(bytes, at, quote);
        if (at === bytes.length) break;
      }
      const byte = bytes[at]!;
      const next = step(state, byte, quote);
      if (next === undefined) break;
      if (next === 'closed') return (keep(bytes, from, at + 1), finish('string'), at + 1);
      if (next === 'error') return (keep(bytes, from, at + 1), finish('error', '', byte === flushByte), at + 1);
      // A string continues past a byte that is not plain.
      if (state === 'string') plain = false;
      state = next;
    }
    keep(bytes, from, at);
    if (at < bytes.length) finish(kindOf(state));
    return at;
  }

  function keep(bytes: Uint8Array, from: number, to: number): void {
    const fitted = heldBytes <= maxTokenBytes;
    heldBytes += to - from;
    if (heldBytes > maxTokenBytes) {
      held = [];
      if (fitted) emit({ kind: 'too-long', text: '' });
      return;
    }
    if (to > from) held.push(tools.latin1(bytes, from, to));
  }

  function push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (state === 'recovery') {
        if (endsRecovery(byte)) state = 'start';
        else at++;
      } else if (state !== 'start') {
        at = scan(bytes, at);
      } else if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) {
        at++;
      } else if (structural.has(byte)) {
        finish('punctuation', String.fromCharCode(byte));
        at++;
      } else {
        const next = begin(byte);
        if (next === undefined) {
          finish('error', String.fromCharCode(byte), byte === flushByte);
          at++;
        } else {
          state = next;
          quote = byte;
          plain = true;
          keep(bytes, at, at + 1);
          at++;
        }
      }
    }
  }

  return {
    push,
    isIdle: () => state === 'start',
    reset() {
      state = 'start';
      held = [];
      heldBytes = 0;
    },
  };
}

/** For an engine that compiles what runs often. */
export const plainBytes: ByteTools = {
  latin1(bytes, from, to) {
    const pieces: string[] = [];
    for (let at = from; at < to; at += pieceBytes)
      pieces.push(String.fromCharCode(...bytes.subarray(at, Math.min(at + pieceBytes, to))));
    return pieces.join('');
  },
  plainStringEnd(bytes, from, quote) {
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === quote || byte === 0x5c || byte < 0x20 || byte > 0x7e) break;
    }
    return at;
  },
  parseCanonical(bytes, from, to, deepest) {
    const isPlain = plainBytes.plainStringEnd(bytes, from, backslash) >= to;
    return isPlain ? parseCanonical(plainBytes.latin1(bytes, from, to), deepest) : undefined;
  },
};

const backslash = 0x5c;

/** String.fromCharCode takes its characters as arguments; engines bound their number. */
const pieceBytes = 4096;

/** No JSON text contains it; clients send it to have what was before it forgotten. */
const flushByte = 0xff;

const structural = new Set([...'{}[],:'].map((character) => character.charCodeAt(0)));

/** A tab does not (json-lexer.c): it may stand within what is skipped. */
function endsRecovery(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09) || byte > 0xfd || structural.has(byte);
}

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;
const isLetter = (byte: number) => byte >= 0x61 && byte <= 0x7a;
const isE = (byte: number) => byte === 0x45 || byte === 0x65;

function begin(byte: number): State | undefined {
  if (byte === 0x22 || byte === 0x27) return 'string';
  if (byte === 0x2d) return 'sign';
  if (byte === 0x30) return 'zero';
  if (isDigit(byte)) return 'digits';
  return isLetter(byte) ? 'keyword' : undefined;
}

/** The next state; undefined when the token ended before this byte. */
function step(state: State, byte: number, quote: number): State | 'closed' | 'error' | undefined {
  switch (state) {
    case 'string':
      if (byte === quote) return 'closed';
      if (byte < 0x20 || byte > 0xfd) return 'error';
      return byte === 0x5c ? 'escape' : 'string';
    case 'escape':
      return byte < 0x20 || byte > 0xfd ? 'error' : 'string';
    case 'keyword':
      return isLetter(byte) ? 'keyword' : undefined;
    case 'sign':
      return byte === 0x30 ? 'zero' : isDigit(byte) ? 'digits' : 'error';
    case 'zero':
      // As QEMU has it (json-lexer.c): no exponent directly behind a zero.
      return isDigit(byte) ? 'error' : byte === 0x2e ? 'point' : undefined;
    case 'digits':
      return isDigit(byte) ? 'digits' : byte === 0x2e ? 'point' : isE(byte) ? 'e' : undefined;
    case 'point':
      return isDigit(byte) ? 'fraction' : 'error';
    case 'fraction':
      return isDigit(byte) ? 'fraction' : isE(byte) ? 'e' : undefined;
    case 'e':
      return isDigit(byte) ? 'exponent' : byte === 0x2b || byte === 0x2d ? 'exponent-sign' : 'error';
    case 'exponent-sign':
      return isDigit(byte) ? 'exponent' : 'error';
    case 'exponent':
      return isDigit(byte) ? 'exponent' : undefined;
    case 'start':
    case 'recovery':
      return undefined;
  }
}

function kindOf(state: State): TokenKind {
  if (state === 'keyword') return 'keyword';
  return state === 'zero' || state === 'digits' ? 'integer' : 'float';
}
