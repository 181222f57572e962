/** Time zones: by the machine's own files against Node's, by rules, and by files that are broken. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { it, suite } from 'node:test';
import fc from 'fast-check';
import { localTimeByRule } from '../../../../agent/core/system/posix-time-zone.ts';
import { localTimeByFile } from '../../../../agent/core/system/tzif.ts';

const at = (text: string) => Date.parse(text) / 1000;
const rule = (text: string, when: string) => {
  const found = localTimeByRule(text, at(when));
  return found && `${found.abbreviation} ${found.offset}`;
};

suite('time zone rules', () => {
  it('a rule changes the offset at the second that it names', () => {
    const berlin = 'CET-1CEST,M3.5.0,M10.5.0/3';
    assert.equal(rule(berlin, '2026-03-29T00:59:59Z'), 'CET 3600');
    assert.equal(rule(berlin, '2026-03-29T01:00:00Z'), 'CEST 7200');
    assert.equal(rule(berlin, '2026-10-25T00:59:59Z'), 'CEST 7200');
    assert.equal(rule(berlin, '2026-10-25T01:00:00Z'), 'CET 3600');
    assert.equal(rule(berlin, '2200-07-01T00:00:00Z'), 'CEST 7200');
  });

  it('a rule may have its summer across the end of the year', () => {
    const auckland = 'NZST-12NZDT,M9.5.0,M4.1.0/3';
    assert.equal(rule(auckland, '2026-01-01T00:00:00Z'), 'NZDT 46800');
    assert.equal(rule(auckland, '2026-06-01T00:00:00Z'), 'NZST 43200');
    assert.equal(rule(auckland, '2026-12-31T23:59:59Z'), 'NZDT 46800');
  });

  it('a rule may be fixed, have signs, minutes, names in brackets, days by number, and a default for the summer', () => {
    assert.equal(rule('UTC0', '2026-01-01'), 'UTC 0');
    assert.equal(rule('EST5', '2026-07-01'), 'EST -18000');
    assert.equal(rule('<+0545>-5:45', '2026-01-01'), '+0545 20700');
    assert.equal(rule('<-03>3<-02>,M3.5.0/-2,M10.5.0/-1', '2026-07-01'), '-02 -7200');
    assert.equal(rule('AAA0BBB,J60,J61', '2024-02-29T12:00:00Z'), 'AAA 0');
    assert.equal(rule('AAA0BBB,J60,J61', '2024-03-01T12:00:00Z'), 'BBB 3600');
    assert.equal(rule('AAA0BBB,59,60', '2024-02-29T12:00:00Z'), 'BBB 3600');
    assert.equal(rule('EST5EDT', '2026-07-01'), 'EDT -14400');
    assert.equal(rule('EST5EDT', '2026-12-01'), 'EST -18000');
  });

  it('a text that is incomplete or nonsense is not a rule', () => {
    for (const text of [
      '',
      'EST',
      'E5',
      '5',
      'EST5EDT,M3',
      'EST5EDT,M3.2.0',
      'EST5EDT,X,Y',
      'EST5,M3.2.0,M11.1.0',
      'EST5 ',
      'Europe/Berlin',
    ])
      assert.equal(rule(text, '2026-01-01'), undefined, text);
  });

  it('any text is accepted at any time without an error', () => {
    const time = fc.integer({ min: -(2 ** 40), max: 2 ** 43 });
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABCdst,M.J/:+-<>0123456789'), maxLength: 60 }), time, (text, when) => {
        const found = localTimeByRule(text, when);
        if (found) assert.ok(Number.isSafeInteger(found.offset));
      }),
    );
  });
});

/** One kind each: north, south, none, half hours, a summer that is winter, changes by the moon. From Debian's tzdata, which is public domain. */
const zones = [
  'Europe/Berlin',
  'Pacific/Auckland',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Europe/Dublin',
  'America/New_York',
  'Africa/Casablanca',
  'Etc/UTC',
];
const directory = fileURLToPath(new URL('../../../fixtures/zoneinfo', import.meta.url));

suite('time zone files', () => {
  it('time zone files agree with Node about every month of 1975 to 2020, which no parliament changes any more', () => {
    for (const zone of zones) {
      const bytes = readFileSync(`${directory}/${zone}`);
      for (let year = 1975; year <= 2020; year++) {
        for (let month = 0; month < 12; month++) {
          const when = new Date(Date.UTC(year, month, 15, 12));
          assert.equal(
            localTimeByFile(bytes, when.getTime() / 1000)?.offset,
            offsetByNode(zone, when),
            `${zone} ${when.toISOString()}`,
          );
        }
      }
    }
  });

  it('a file is read by its table, by the rule after it, and before it by its first type', () => {
    const bytes = zoneFile({
      transitions: [
        [1000, 1],
        [2000, 0],
      ],
      types: [
        [3600, 'ONE'],
        [7200, 'TWO'],
      ],
      footer: 'SIX-6',
    });
    const offsets = [0, 999, 1000, 1999].map((when) => localTimeByFile(bytes, when));
    assert.deepEqual(
      offsets.map((found) => found?.abbreviation),
      ['ONE', 'ONE', 'TWO', 'TWO'],
    );
    assert.deepEqual(localTimeByFile(bytes, 2000), { abbreviation: 'SIX', offset: 21_600 });
    const silent = zoneFile({
      transitions: [[1000, 1]],
      types: [
        [3600, 'ONE'],
        [7200, 'TWO'],
      ],
      footer: '',
    });
    assert.deepEqual(localTimeByFile(silent, 5000), { abbreviation: 'TWO', offset: 7200 });
  });

  it('a file that is cut anywhere is not read, and a damaged one causes no error', () => {
    const bytes = zoneFile({
      transitions: [[1000, 1]],
      types: [
        [3600, 'ONE'],
        [7200, 'TWO'],
      ],
      footer: 'SIX-6',
    });
    for (let length = 0; length < bytes.length - 'SIX-6'.length - 2; length++)
      assert.equal(localTimeByFile(bytes.subarray(0, length), 1500), undefined, String(length));
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.integer(), (changes, when) => {
        const damaged = Uint8Array.from(bytes);
        for (const [index, value] of changes) damaged[index] = value;
        const found = localTimeByFile(damaged, when);
        if (found) assert.ok(found.abbreviation.length <= 256 && Number.isSafeInteger(found.offset));
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void localTimeByFile(any, 0)));
  });
});

function offsetByNode(zone: string, when: Date): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  }).formatToParts(when);
  const [year, month, day, hour, minute] = (['year', 'month', 'day', 'hour', 'minute'] as const).map((type) =>
    Number(parts.find((part) => part.type === type)!.value),
  ) as [number, number, number, number, number];
  return (Date.UTC(year, month - 1, day, hour, minute) - when.getTime()) / 1000;
}

/** A file of version 2 (RFC 9636, 3), its first block empty. */
function zoneFile(zone: { transitions: [number, number][]; types: [number, string][]; footer: string }): Buffer {
  const header = (counts: number[]) => {
    const bytes = Buffer.alloc(44);
    bytes.write('TZif2');
    counts.forEach((count, index) => bytes.writeUInt32BE(count, 20 + index * 4));
    return bytes;
  };
  const names = zone.types.map(([, name]) => `${name}\0`).join('');
  const times = Buffer.alloc(zone.transitions.length * 8);
  zone.transitions.forEach(([time], index) => times.writeBigInt64BE(BigInt(time), index * 8));
  const types = zone.types.map(([offset], index) => {
    const type = Buffer.alloc(6);
    type.writeInt32BE(offset);
    type[5] = index * 4;
    return type;
  });
  return Buffer.concat([
    header([0, 0, 0, 0, 1, 1]),
    Buffer.alloc(7),
    header([0, 0, 0, zone.transitions.length, zone.types.length, names.length]),
    times,
    Buffer.from(zone.transitions.map(([, type]) => type)),
    ...types,
    Buffer.from(names),
    Buffer.from(`\n${zone.footer}\n`),
  ]);
}
