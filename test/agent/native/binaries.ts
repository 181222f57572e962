/** The builds that every test of the binary runs: the one that ships, and the one that reports what C does wrong. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { buildAgent } from '../../../infra/agent/build.ts';
import type { RunningAgent } from './agent-process.ts';

/** `tests` get a function that builds, so that the first test waits for it and not the loading of the file. */
export function forEachBinary(tests: (binary: () => Promise<string>) => void): void {
  for (const sanitize of [false, true]) {
    let built: Promise<string> | undefined;
    describe(sanitize ? 'with sanitizers' : 'as it ships', () => tests(() => (built ??= buildAgent({ sanitize }))));
  }
}

/** It still lives, ends as asked, and neither it nor a sanitizer has complained. */
export async function endsWell(agent: RunningAgent): Promise<void> {
  assert.deepEqual({ ...(await agent.end('SIGTERM')), errors: agent.errors() }, { code: 0, signal: null, errors: '' });
}
