/** What must hold for any NBD message: what one side encodes the other decodes, and no bytes make a decoder throw. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import * as handshake from '../../../protocol/nbd/handshake.ts';
import { magics, optionReplies } from '../../../protocol/nbd/numbers.ts';
import * as transmission from '../../../protocol/nbd/transmission.ts';

const u16 = fc.integer({ min: 0, max: 2 ** 16 - 1 });
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const length = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const name = fc.string({ unit: 'grapheme', maxLength: 60 });
const bytes = fc.uint8Array({ maxLength: 80 });

it('the handshake: what one side encodes the other decodes', () => {
  fc.assert(
    fc.property(u16, u32, u32, bytes, name, fc.array(u16, { maxLength: 9 }), fc.array(name, { maxLength: 9 }), u64, (...all) => {
      const [flags, option, type, data, named, infos, queries, size] = all;
      assert.equal(handshake.decodeGreeting(handshake.encodeGreeting(flags)), flags);
      assert.equal(handshake.decodeClientFlags(handshake.encodeClientFlags(option)), option);
      const sent = handshake.encodeOption(option, data);
      assert.deepEqual(handshake.decodeOptionHead(sent), { option, length: data.length });
      assert.deepEqual(sent.subarray(handshake.optionHeadBytes), data);
      const reply = handshake.encodeOptionReply(option, type, data);
      assert.deepEqual(handshake.decodeOptionReplyHead(reply), { option, type, length: data.length });
      assert.deepEqual(reply.subarray(handshake.optionReplyHeadBytes), data);
      assert.deepEqual(handshake.decodeGo(handshake.encodeGo({ name: named, infos })), { name: named, infos });
      assert.deepEqual(handshake.decodeMetaQueries(handshake.encodeMetaQueries({ name: named, queries })), {
        name: named,
        queries,
      });
      const context = { id: option, name: named };
      assert.deepEqual(handshake.decodeMetaContext(handshake.encodeMetaContext(context)), context);
      assert.deepEqual(handshake.decodeExportInfo(handshake.encodeExportInfo({ size, flags })), { size, flags });
    }),
  );
});

it('the transmission: what one side encodes the other decodes', () => {
  const extents = fc.array(fc.record({ length, flags: u32 }, { noNullPrototype: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      u16,
      u16,
      u64,
      u64,
      length,
      fc.boolean(),
      extents,
      name,
      (flags, command, cookie, offset, count, done, status, said) => {
        const request = { flags, command, cookie, offset, length: count };
        assert.deepEqual(transmission.decodeRequest(transmission.encodeRequest(request)), request);
        assert.deepEqual(transmission.decodeReplyHead(transmission.encodeSimpleReply(cookie, count)), {
          kind: 'simple',
          error: count,
          cookie,
        });
        const chunks: [Uint8Array, number, boolean, (payload: Uint8Array) => unknown, unknown][] = [
          [transmission.encodeHole(cookie, offset, count, done), 2, done, transmission.decodeHole, { offset, length: count }],
          [
            transmission.encodeBlockStatus(cookie, count, status, done),
            5,
            done,
            transmission.decodeBlockStatus,
            { context: count, extents: status },
          ],
          [
            transmission.encodeErrorChunk(cookie, count, said),
            0x8001,
            true,
            transmission.decodeErrorChunk,
            { error: count, message: said },
          ],
        ];
        for (const [chunk, type, last, decode, expected] of chunks) {
          assert.deepEqual(transmission.decodeReplyHead(chunk), { kind: 'chunk', done: last, type, cookie });
          const payload = chunk.subarray(transmission.replyHeadBytes + transmission.chunkLengthBytes);
          assert.equal(transmission.decodeChunkLength(chunk.subarray(transmission.replyHeadBytes)), payload.length);
          assert.deepEqual(decode(payload), expected);
        }
        const data = transmission.encodeDataHead(cookie, offset, 1000, done);
        assert.deepEqual(transmission.decodeReplyHead(data), { kind: 'chunk', done, type: 1, cookie });
        assert.equal(transmission.decodeChunkLength(data.subarray(transmission.replyHeadBytes)), 1008);
        assert.equal(transmission.decodeChunkOffset(data.subarray(-8)), offset);
      },
    ),
  );
});

it('no bytes make a decoder throw, and what it accepts it encodes to the same bytes', () => {
  const accepted = new Set<string>();
  const payloadOf = (chunk: Uint8Array) => chunk.subarray(transmission.replyHeadBytes + transmission.chunkLengthBytes);
  const right = fc.oneof(
    fc.record({ name, infos: fc.array(u16, { maxLength: 3 }) }).map(handshake.encodeGo),
    fc.record({ name, queries: fc.array(name, { maxLength: 3 }) }).map(handshake.encodeMetaQueries),
    fc.record({ size: u64, flags: u16 }).map(handshake.encodeExportInfo),
    fc.tuple(u64, length).map(([offset, count]) => payloadOf(transmission.encodeHole(0n, offset, count, true))),
    fc
      .tuple(u32, length)
      .map(([flags, count]) => payloadOf(transmission.encodeBlockStatus(0n, flags, [{ flags, length: count }], true))),
    name.map((said) => payloadOf(transmission.encodeErrorChunk(0n, 5, said))),
  );
  /** Nearly right: one byte is another, or the end is missing. */
  const damaged = fc.tuple(right, fc.nat(), fc.nat(255), fc.nat(3)).map(([data, at, value, cut]) => {
    const other = Uint8Array.from(data);
    other[at % other.length] = value;
    return other.subarray(0, other.length - Math.min(cut, other.length));
  });
  const noise = fc.oneof(bytes, damaged);
  const same = <T>(of: string, data: Uint8Array, value: T | undefined, encode: (value: T) => Uint8Array) => {
    if (value === undefined) return;
    accepted.add(of);
    assert.deepEqual(encode(value), data);
  };
  fc.assert(
    fc.property(noise, (data) => {
      same('go', data, handshake.decodeGo(data), handshake.encodeGo);
      same('queries', data, handshake.decodeMetaQueries(data), handshake.encodeMetaQueries);
      same('context', data, handshake.decodeMetaContext(data), handshake.encodeMetaContext);
      same('info', data, handshake.decodeExportInfo(data) ?? undefined, handshake.encodeExportInfo);
      same('hole', data, transmission.decodeHole(data), (each) =>
        payloadOf(transmission.encodeHole(0n, each.offset, each.length, true)),
      );
      same('status', data, transmission.decodeBlockStatus(data), (each) =>
        payloadOf(transmission.encodeBlockStatus(0n, each.context, each.extents, true)),
      );
      transmission.decodeErrorChunk(data);
    }),
    { numRuns: 5_000 },
  );
  assert.deepEqual([...accepted].toSorted(), ['context', 'go', 'hole', 'info', 'queries', 'status']);
});

it('heads with another magic are nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 28, maxLength: 28 }), (data) => {
      const first = Buffer.from(data).readUInt32BE(0);
      fc.pre(
        first !== magics.request && first !== magics.simpleReply && first !== magics.structuredReply && first !== 0x4e42444d,
      );
      assert.equal(transmission.decodeRequest(data), undefined);
      assert.equal(transmission.decodeReplyHead(data), undefined);
      assert.equal(handshake.decodeGreeting(data), undefined);
    }),
  );
});

it('the messages have the bytes of the specification', () => {
  const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
  assert.equal(hex(handshake.encodeGreeting(3)), '4e42444d41474943' + '49484156454f5054' + '0003');
  assert.equal(hex(handshake.encodeOption(7, Uint8Array.of(1))), '49484156454f5054' + '00000007' + '00000001' + '01');
  assert.equal(hex(handshake.encodeOptionReply(7, optionReplies.ack)), '0003e889045565a9' + '00000007' + '00000001' + '00000000');
  assert.equal(hex(handshake.encodeGo({ name: 'a', infos: [3] })), '00000001' + '61' + '0001' + '0003');
  assert.equal(
    hex(handshake.encodeMetaQueries({ name: 'a', queries: ['b:'] })),
    '00000001' + '61' + '00000001' + '00000002' + '623a',
  );
  const request = { flags: 1, command: 7, cookie: 2n, offset: 3n, length: 4 };
  assert.equal(
    hex(transmission.encodeRequest(request)),
    '25609513' + '0001' + '0007' + '0000000000000002' + '0000000000000003' + '00000004',
  );
  assert.equal(hex(transmission.encodeSimpleReply(2n, 5)), '67446698' + '00000005' + '0000000000000002');
  assert.equal(
    hex(transmission.encodeDataHead(2n, 3n, 1, true)),
    '668e33ef' + '0001' + '0001' + '0000000000000002' + '00000009' + '0000000000000003',
  );
});
