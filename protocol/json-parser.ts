/** Tokens of one message to its value. */

import { JsonFloat, type Json, type JsonObject } from './json.ts';
import { decodeString, JsonTextError } from './json-string.ts';
import type { Token } from './json-lexer.ts';

interface Reader {
  tokens: readonly Token[];
  at: number;
}

/** @throws JsonTextError */
export function parseTokens(tokens: readonly Token[]): Json {
  // Functions inside this one that call each other would be a circle, which quickjs frees late, and the tokens with it.
  const reader: Reader = { tokens, at: 0 };
  const parsed = readValue(reader);
  if (reader.at < tokens.length) throw new JsonTextError('text after the value');
  return parsed;
}

function isPunctuation({ tokens, at }: Reader, text: string): boolean {
  const token = tokens[at];
  return token?.kind === 'punctuation' && token.text === text;
}

function readValue(reader: Reader): Json {
  const token = reader.tokens[reader.at];
  if (!token) throw new JsonTextError('expecting value');
  if (isPunctuation(reader, '{')) return readObject(reader);
  if (isPunctuation(reader, '[')) return readArray(reader);
  reader.at++;
  if (token.kind === 'string') return stringOf(token);
  if (token.kind === 'integer') return integer(token.text);
  if (token.kind === 'float') return float(token.text);
  if (token.kind === 'keyword') return keyword(token.text);
  throw new JsonTextError(`expecting value, not ${JSON.stringify(token.text)}`);
}

function readObject(reader: Reader): JsonObject {
  // Without a prototype a key like "__proto__" is a key like any other.
  const members = Object.create(null) as JsonObject;
  reader.at++;
  if (isPunctuation(reader, '}')) return (reader.at++, members);
  for (;;) {
    const token = reader.tokens[reader.at++];
    if (token?.kind !== 'string') throw new JsonTextError('expecting key');
    const key = stringOf(token);
    if (key in members) throw new JsonTextError('duplicate key');
    if (!isPunctuation(reader, ':')) throw new JsonTextError("expected ':'");
    reader.at++;
    members[key] = readValue(reader);
    if (isPunctuation(reader, '}')) return (reader.at++, members);
    if (!isPunctuation(reader, ',')) throw new JsonTextError("expected ',' or '}'");
    reader.at++;
  }
}

function readArray(reader: Reader): Json[] {
  const members: Json[] = [];
  reader.at++;
  if (isPunctuation(reader, ']')) return (reader.at++, members);
  for (;;) {
    members.push(readValue(reader));
    if (isPunctuation(reader, ']')) return (reader.at++, members);
    if (!isPunctuation(reader, ',')) throw new JsonTextError("expected ',' or ']'");
    reader.at++;
  }
}

const stringOf = ({ text, plain }: Token) => (plain ? text.slice(1, -1) : decodeString(text));

const largest = 2n ** 64n - 1n;
const smallest = -(2n ** 63n);

function integer(text: string): Json {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  // Beyond 64 bits the wire has doubles. Digits are counted first: a BigInt of a million of them takes an engine minutes.
  const exact = text.length > longestInteger ? largest + 1n : BigInt(text);
  return exact > largest || exact < smallest ? float(text) : exact;
}

/** Of 2^64 and of -2^63. */
const longestInteger = 20;

function float(text: string): JsonFloat {
  const value = Number(text);
  // Infinity would leave again as a word that no JSON reader takes.
  if (!Number.isFinite(value)) throw new JsonTextError('number out of range');
  return new JsonFloat(value);
}

function keyword(text: string): Json {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === 'null') return null;
  throw new JsonTextError('invalid keyword');
}
