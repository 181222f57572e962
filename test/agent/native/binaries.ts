/** The builds that every test of the binary runs: the one that ships, and the one that reports what C does wrong. */

import assert from 'node:assert/strict';
import { before, describe } from 'node:test';
import { buildAgent } from '../../../infra/agent/build.ts';
import type { RunningAgent } from './agent-process.ts';

/** On a new machine the compiler is installed and the engine compiled, which does not count as a test's time. */
export const longestBuild = { timeout: 1_200_000 };

export function forEachBinary(tests: (binary: () => Promise<string>) => void): void {
  for (const sanitize of [false, true]) {
    let built: Promise<string> | undefined;
    const binary = () => (built ??= buildAgent({ sanitize }));
    describe(sanitize ? 'with sanitizers' : 'as it ships', () => {
      before(async () => void (await binary()), longestBuild);
      tests(binary);
    });
  }
}

/** It still lives, ends as asked, and neither it nor a sanitizer has complained. */
export async function endsWell(agent: RunningAgent): Promise<void> {
  assert.deepEqual({ ...(await agent.end('SIGTERM')), errors: agent.errors() }, { code: 0, signal: null, errors: '' });
}
