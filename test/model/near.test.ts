/** Near names: slips of the keyboard are found, strangers are not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearNames } from '../../model/near.ts';

const known = ['db1', 'db2', 'mail', 'web-frontend', 'web-backend'];

test('one typing error is found: a letter more, less, other, swapped, or in the wrong case', () => {
  assert.deepEqual(nearNames('db11', known), ['db1']);
  assert.deepEqual(nearNames('mal', known), ['mail']);
  assert.deepEqual(nearNames('nail', known), ['mail']);
  assert.deepEqual(nearNames('amil', known), ['mail']);
  assert.deepEqual(nearNames('MAIL', known), ['mail']);
});

test('near names are sorted by distance, then by name, and a prefix is near too', () => {
  assert.deepEqual(nearNames('db3', known), ['db1', 'db2']);
  assert.deepEqual(nearNames('web-fr', known), ['web-frontend']);
});

test('different names are not near', () => {
  assert.deepEqual(nearNames('storage', known), []);
  assert.equal(didYouMean('storage', known), '');
  assert.equal(didYouMean('db3', known), ' Did you mean "db1" or "db2"?');
});
