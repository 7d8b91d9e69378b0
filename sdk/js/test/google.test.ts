import assert from 'node:assert/strict';
import test from 'node:test';
import { signals } from '../src/google';
import vectors from '../testdata/google.json';

test('Google Consent Mode is told what the table says', () => { // W15
  assert.ok(vectors.length > 0);
  for (const { name, categories, allowed, want } of vectors) {
    assert.deepEqual(signals(categories, (key) => (allowed as Record<string, boolean>)[key] === true), want, name);
  }
});
