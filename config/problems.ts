/** Turns what zod found wrong into sentences with file, line, column, key, value and what is expected. */

import { isMap, isNode, isPair, isScalar, type Document, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';
import { StillframeError } from '../model/errors.ts';
import { didYouMean } from '../model/near.ts';

export interface Source {
  path: string;
  document: Document;
  lines: LineCounter;
}

export interface Problem {
  /** Both count from 1. */
  line: number;
  column: number;
  /** As people write it, `guests[0].channel`; empty for the file as a whole. */
  key: string;
  text: string;
}

/** A value longer than this says nothing more about what is wrong with it. */
const longestValue = 60;

/** @throws config-invalid with all problems, one a line, in the order of the file. */
export function reportProblems(source: Source, problems: Problem[]): never {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const message = sorted
    .map(({ line, column, key, text }) => `${source.path}:${line}:${column}: ${key === '' ? '' : `${key}: `}${text}`)
    .join('\n');
  const { line, column, key } = sorted[0]!;
  throw new StillframeError('config-invalid', message, { file: source.path, line, column, key });
}

/** Where the value at `path` begins; where it is missing, the nearest mapping around it. */
export function placeOf(source: Source, path: readonly PropertyKey[]): { line: number; column: number } {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = nodeAt(source, path.slice(0, depth));
    if (node?.range) return positionOf(source, node);
  }
  return { line: 1, column: 1 };
}

export function problemsOf(source: Source, issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap((issue) => problemOf(source, issue, []));
}

function problemOf(source: Source, issue: z.core.$ZodIssue, parent: readonly PropertyKey[]): Problem[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      ...placeOfKey(source, path, key),
      key: formatPath([...path, key]),
      text: `unknown key.${didYouMean(key, issue.message.split(', '))} Known here: ${issue.message}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => problemOf(source, inner, path));
  }
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1));
    const expected = issue.issues[0]?.message ?? issue.message;
    return [
      { ...placeOfKey(source, path.slice(0, -1), key), key: formatPath(path), text: `the key "${key}" is not ${expected}` },
    ];
  }
  const node = nodeAt(source, path);
  const text = node === undefined ? `missing; expected ${issue.message}` : `${shown(node)} is not ${issue.message}`;
  return [{ ...placeOf(source, path), key: formatPath(path), text }];
}

/**
 * Of the shapes that an entry may have, the one its author meant: fewest unknown keys, then fewest problems.
 * None when the shapes are plain values: then the union's own message says it better.
 */
function bestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const rank = (branch: readonly z.core.$ZodIssue[]) => {
    const unknown = branch.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])).length;
    return unknown * 1_000 + branch.length;
  };
  const mappings = branches.filter((branch) =>
    branch.some((issue) => issue.code === 'unrecognized_keys' || issue.path.length > 0),
  );
  return mappings.toSorted((a, b) => rank(a) - rank(b))[0];
}

function nodeAt(source: Source, path: readonly PropertyKey[]): Node | undefined {
  const node = path.length === 0 ? source.document.contents : source.document.getIn(path, true);
  return isNode(node) ? node : undefined;
}

function placeOfKey(source: Source, path: readonly PropertyKey[], key: string): { line: number; column: number } {
  const parent = nodeAt(source, path);
  const pair = isMap(parent)
    ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key)
    : undefined;
  return pair && isNode(pair.key) ? positionOf(source, pair.key) : placeOf(source, path);
}

function positionOf(source: Source, node: Node): { line: number; column: number } {
  const { line, col } = source.lines.linePos(node.range?.[0] ?? 0);
  return { line, column: col };
}

/** `guests[0].find.channel` */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

function shown(node: Node): string {
  const value = JSON.stringify(node.toJSON()) ?? 'nothing';
  return value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
}
