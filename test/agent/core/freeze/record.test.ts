import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRecords, type FreezeRecord } from '../../../../agent/core/freeze/record.ts';
import type { Platform } from '../../../../agent/core/platform.ts';

const disk = { major: 254, minor: 1 };

function recordsOn(device: { major: number; minor: number }) {
  const written: string[] = [];
  const files = { status: () => ({ device }), replaceText: (path: string) => void written.push(path) };
  return { records: createRecords({ files } as unknown as Platform, '/state', 'this-boot'), written };
}

const record: FreezeRecord = { bootId: 'this-boot', targets: [{ path: '/', device: disk }], hooks: [], processes: [] };

suite('the record of a freeze', () => {
  test('is written where nothing is about to freeze', () => {
    const { records, written } = recordsOn({ major: 0, minor: 24 });
    records.write(record);
    assert.deepEqual(written, ['/state/stillframe-freeze.json']);
  });

  test('is refused on a filesystem that is to be frozen: the agent would wait for itself', () => {
    const { records, written } = recordsOn(disk);
    assert.throws(() => records.write(record), {
      name: 'CommandError',
      message: 'the state directory /state lies on /, which is to be frozen: put it on a tmpfs (--statedir)',
    });
    assert.deepEqual(written, []);
  });
});
