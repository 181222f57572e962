/** The exit table: kinds, the codes that differ from their kind, and what Temporal wraps around them. */

import { ActivityFailure, ApplicationFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitOf, exitOfCode, exitOfFramework } from '../../cli/exit.ts';
import { renderJsonStory, renderStory } from '../../cli/render/story.ts';
import { errorCodes, StillframeError, type ErrorCode } from '../../model/errors.ts';

test('the exit statuses that scripts rely on do not change', () => {
  const expected: Partial<Record<ErrorCode, number>> = {
    'agent-refused': 4,
    'window-too-soon': 4,
    'backup-running': 4,
    'channel-held': 4,
    'agent-timed-out': 5,
    'copy-failed': 5,
    'thaw-unconfirmed': 5,
    'command-unanswered': 5,
    'agent-absent': 6,
    'host-absent': 6,
    'control-absent': 6,
    'temporal-unreachable': 7,
    'config-invalid': 2,
    'guest-unknown': 2,
    'guest-ambiguous': 2,
    'repository-unknown': 2,
    'snapshot-unknown': 2,
    'point-unknown': 2,
    'agent-garbled': 1,
    'point-damaged': 1,
  };
  for (const [code, status] of Object.entries(expected)) assert.equal(exitOfCode(code as ErrorCode), status, code);
});

test('every code has one of the documented statuses, and never that of success', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    assert.ok([1, 2, 4, 5, 6, 7].includes(exitOfCode(code)), code);
  }
});

/** As an activity's failure arrives at a client. */
function throughTheServer(type: string, message: string, cause?: Error): Error {
  const failure = ApplicationFailure.create({ type, message, nonRetryable: true, ...(cause ? { cause } : {}) });
  const activity = new ActivityFailure('Activity task failed', 'copy', '1', 'NON_RETRYABLE_FAILURE', 'worker', failure);
  return Object.assign(new Error('Workflow execution failed', { cause: activity }), { name: 'WorkflowFailedError' });
}

test('a code keeps its status through workflow and activity', () => {
  assert.equal(exitOf(throughTheServer('window-too-soon', 'too soon')), 4);
  assert.equal(exitOf(throughTheServer('TypeError', 'a bug')), 1);
  assert.equal(exitOf(new StillframeError('point-unknown', 'no such point')), 2);
});

test('what Temporal ended without us has an unknown outcome', () => {
  const wrap = (cause: Error) =>
    Object.assign(new Error('Workflow execution failed', { cause }), { name: 'WorkflowFailedError' });
  assert.equal(exitOf(wrap(new TerminatedFailure('by hand'))), 5);
  assert.equal(exitOf(wrap(new TimeoutFailure('timed out', undefined, 'START_TO_CLOSE'))), 5);
});

test("the framework's negative codes are wrong usage or an error", () => {
  assert.deepEqual([undefined, 0, 3, -4, -5, -1, -2].map(exitOfFramework), [0, 0, 3, 2, 2, 1, 1]);
});

test('a failure is printed as one story: no wrappers, no stack, nothing twice', () => {
  const error = throughTheServer('copy-failed', 'the copy of disk0 broke off (no space)', new Error('no space left on device'));
  assert.equal(renderStory(error), 'stillframe: the copy of disk0 broke off (no space)\n  because no space left on device');
  const quoting = throughTheServer('copy-failed', 'the copy broke off: EIO', new Error('EIO'));
  assert.equal(renderStory(quoting), 'stillframe: the copy broke off: EIO');
  assert.deepEqual(JSON.parse(renderJsonStory(error)), {
    message_type: 'error',
    code: 'copy-failed',
    status: 5,
    message: 'the copy of disk0 broke off (no space)',
    causes: ['no space left on device'],
  });
});

test("a guest's text in an error cannot fake a line or redraw the terminal", () => {
  const story = renderStory(throughTheServer('agent-refused', 'it said: \u001b[2Jno\nstillframe: all is well'));
  assert.equal(story, 'stillframe: it said: \\x1b[2Jno\\x0astillframe: all is well');
});

test('a thrown value that is not an error is printed too', () => {
  assert.equal(renderStory('what'), 'stillframe: what');
  assert.equal(exitOf(null), 1);
});
