import assert from 'node:assert/strict';
import test from 'node:test';
import en from '../../../consent/site/texts/en.json';
import type { State } from '../src/controller';
import { draft } from '../src/ui/draft';
import { about, country, sayer } from '../src/ui/words';
import { shown } from './ui/shown';

const page = shown('en', en);
const state = (categories: State['categories'], vendors: State['vendors'] = {}): State =>
  ({ phase: 'ask', categories, vendors, gpc: false, changes: [], queued: false, standing: null });

test('nothing but the necessary is switched on before a choice', () => { // W14
  const { categories, vendors } = draft(page, state({}));
  assert.deepEqual(categories, { necessary: true, functional: false, statistics: false, marketing: false });
  assert.deepEqual(vendors, { tubular: false, tally: false, adloop: false });
});

test('a category that is called like something every object has is off', () => {
  const odd = { ...page, categories: [{ ...page.categories[1]!, key: 'constructor' }], vendors: [] };
  assert.equal(draft(odd, state({})).categories['constructor'], false);
});

test('what runs is switched on', () => {
  const { categories, vendors } = draft(page, state({ statistics: true }, { tally: true, adloop: true }));
  assert.deepEqual(categories, { necessary: true, functional: false, statistics: true, marketing: false });
  assert.deepEqual(vendors, { tubular: false, tally: true, adloop: true });
});

test('a category takes its vendors along, and a vendor can differ', () => {
  const choice = draft(page, state({}));
  choice.category('statistics', true);
  choice.category('marketing', true);
  assert.deepEqual(choice.differing(), {});
  choice.vendor('adloop', false);
  choice.vendor('tubular', true);
  assert.deepEqual(choice.differing(), { tubular: true, adloop: false });
  choice.category('marketing', false);
  assert.deepEqual(choice.differing(), { tubular: true });
});

test('vendors of a necessary category are never said to differ', () => {
  const basket = { ...page.vendors[0]!, key: 'basket', category: 'necessary' };
  assert.deepEqual(draft({ ...page, vendors: [basket] }, state({})).differing(), {});
});

test('a text says the name as it is, and is its key when it is missing', () => {
  const say = sayer({ ...page, texts: { 'blocked.title': '{vendor}, {vendor}' } });
  assert.equal(say('blocked.title', '$& Co'), '$& Co, $& Co');
  assert.equal(say('accept'), 'accept');
});

test('a change names what it is about', () => {
  assert.equal(about({ version: 2, published_at: '', summary: '', categories: ['marketing'], vendors: ['tally', 'gone'] }, page), 'Marketing, Tally');
});

test('a country has its name in the language of the banner, or its code', () => {
  assert.equal(country('DE', 'de'), 'Deutschland');
  assert.equal(country('nowhere', 'de'), 'nowhere');
});
