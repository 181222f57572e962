/** What every store keeps: one suite for each kind of place. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isStillframeError } from '../../../model/errors.ts';
import type { Store } from '../../../repository/store/store.ts';

async function namesOf(store: Store, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list(prefix)) names.push(name);
  return names.sort();
}

const bytes = (text: string) => Buffer.from(text);

export function storeContract(kind: string, open: (t: TestContext) => Promise<Store>): void {
  test(`${kind}: what was put is read back, and a second put under the name changes nothing`, async (t) => {
    const store = await open(t);
    assert.equal(await store.read('chunks/a/b', 100), null);
    assert.equal(await store.put('chunks/a/b', bytes('one')), true);
    assert.equal(await store.put('chunks/a/b', bytes('two')), false);
    assert.equal(String(await store.read('chunks/a/b', 100)), 'one');
    assert.equal((await store.stat('chunks/a/b'))?.bytes, 3);
    assert.equal(await store.stat('chunks/a/c'), null);
  });

  test(`${kind}: of many that put one name at once, one wins, and its bytes are whole`, async (t) => {
    const store = await open(t);
    const texts = Array.from({ length: 32 }, (_, index) => `${index}`.padStart(100_000, 'x'));
    const won = await Promise.all(texts.map((text) => store.put('points/p', bytes(text))));
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(String(await store.read('points/p', 200_000)), texts[won.indexOf(true)]);
  });

  test(`${kind}: objects are listed by prefix, with their sizes, and removed ones are gone`, async (t) => {
    const store = await open(t);
    assert.deepEqual(await namesOf(store), []);
    for (const name of ['chunks/a/1', 'chunks/b/2', 'points/p', 'repository.json']) await store.put(name, bytes(name));
    assert.deepEqual(await namesOf(store), ['chunks/a/1', 'chunks/b/2', 'points/p', 'repository.json']);
    assert.deepEqual(await namesOf(store, 'chunks/'), ['chunks/a/1', 'chunks/b/2']);
    assert.deepEqual(await namesOf(store, 'nothing/'), []);
    await store.remove('chunks/a/1');
    await store.remove('chunks/a/1');
    assert.deepEqual(await namesOf(store, 'chunks/'), ['chunks/b/2']);
    assert.equal(await store.put('chunks/a/1', bytes('again')), true);
  });

  test(`${kind}: a touched object counts as new by the store's own clock`, async (t) => {
    const store = await open(t);
    assert.equal(await store.touch('chunks/a/1'), false);
    await store.put('chunks/a/1', bytes('x'));
    const now = await store.now();
    assert.equal(await store.touch('chunks/a/1'), true);
    assert.ok((await store.stat('chunks/a/1'))!.modifiedMs >= now);
    assert.equal(String(await store.read('chunks/a/1', 10)), 'x');
  });

  test(`${kind}: an object of more bytes than its reader takes is refused`, async (t) => {
    const store = await open(t);
    await store.put('points/p', bytes('0123456789'));
    await assert.rejects(store.read('points/p', 9), /more than 9 bytes/);
    assert.equal((await store.read('points/p', 10))?.length, 10);
  });

  for (const name of [
    '',
    '/etc/passwd',
    '../up',
    'a/../../up',
    'a//b',
    'a/',
    '.hidden',
    'a/.b',
    'line\nfeed',
    'x'.repeat(300),
    'a b',
  ])
    test(`${kind}: ${JSON.stringify(name.slice(0, 20))} cannot name an object`, async (t) => {
      const store = await open(t);
      await assert.rejects(store.put(name, bytes('x')), (error) => isStillframeError(error, 'input-invalid'));
      await assert.rejects(store.read(name, 10), (error) => isStillframeError(error, 'input-invalid'));
      await assert.rejects(store.remove(name), (error) => isStillframeError(error, 'input-invalid'));
    });
}
