import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { adopt, choose, heed, inherit, judge, lapse, owes, own, submission } from '../src/machine';
import type { Standing } from '../src/protocol';
import { Model } from './model';
import { categoryKeys, day, fresh, history, live, publish, running, shape, start, step, type Shape, type Visitor } from './world';

const numRuns = process.env.SOAK ? 50_000 : 400;

function check<T extends [unknown, ...unknown[]]>(arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> }, holds: (...values: T) => void): void {
  fc.assert(fc.property(fc.tuple(...arbitraries), (values) => holds(...(values as unknown as T))), { numRuns });
}

const visit = ([s, steps]: [Shape, Parameters<typeof live>[1][]]): Visitor => steps.reduce(live, fresh(s));
const part = (small: string[], large: string[], why: string) =>
  assert.deepEqual(small.filter((key) => !large.includes(key)), [], why);

test('what runs is what a slow model says', () => { // W15, B14
  check([history, fc.boolean()], ([s, steps], gpc) => {
    const model = new Model();
    let v = fresh(s);
    for (const one of steps) {
      model.hear(one, v.document, v.now);
      v = live(v, one);
      assert.deepEqual(running(judge(v.document, v.held, v.now, gpc)), model.running(v.document, v.now, gpc), JSON.stringify(one));
    }
  });
});

test('a signal allows nothing that was not allowed', () => { // gpc.md
  check([history, fc.boolean()], (h, gpc) => {
    const { document, held, now } = visit(h);
    const before = running(judge(document, held, now, gpc));
    part(running(judge(document, held, now, true)), running(judge(document, held, now, false)), 'it is there');
    part(running(judge(document, heed(document, held, now), now, gpc)), before, 'it was recorded');
  });
});

test('a signal is recorded once, until something changes', () => { // gpc.md
  check([history], (h) => {
    const { document, held, now } = visit(h);
    const heeded = heed(document, held, now);
    assert.equal(owes(document, heeded, now, true), false);
    assert.equal(owes(document, held, now, false), false);
    const sale = document.categories.some((c) => c.sale && !c.necessary);
    assert.equal(owes(document, null, now, true), sale);
    assert.equal(owes(document, heeded, now + 366 * day, true), sale);
  });
});

test('no banner is shown over a signal', () => { // gpc.md
  check([history], (h) => {
    const { document, held, now } = visit(h);
    const { phase } = judge(document, held, now, true);
    if (document.categories.some((c) => c.sale && !c.necessary)) assert.ok(phase === 'signal' || phase === 'settled', phase);
    else assert.equal(phase, judge(document, held, now, false).phase);
  });
});

test('after a refusal nothing runs until somebody chooses, whatever is published', () => { // promise 4
  check([history, fc.array(step, { maxLength: 8 }), fc.boolean()], (h, later, gpc) => {
    const v = visit(h);
    const refused = { ...v, held: choose(v.document, v.held, v.now, gpc, 'banner', { categories: {} }) };
    const end = later.filter((s) => s.what !== 'choose' && s.what !== 'allow').reduce(live, refused);
    for (const signal of [false, true]) {
      const verdict = judge(end.document, end.held, end.now, signal);
      const may = ['necessary', ...end.document.vendors.filter((one) => one.category === 'necessary').map((one) => 'vendor ' + one.key)];
      part(running(verdict), may, 'refused');
    }
  });
});

test('a script does not override a signal', () => { // gpc.md
  check([history, step], (h, one) => {
    if (one.what !== 'choose') return;
    const { document, held, now } = visit(h);
    const after = choose(document, held, now, true, 'script', one);
    const sold = document.categories.filter((c) => c.sale && !c.necessary).map((c) => c.key);
    const of = (keys: string[]) => keys.filter((key) => sold.includes(key));
    part(of(running(judge(document, after, now, true))), of(running(judge(document, held, now, true))), 'a script said yes');
  });
});

test('a visitor overrides a signal', () => { // gpc.md
  check([shape], (s) => {
    const { document, now } = fresh(s);
    const every = Object.fromEntries(categoryKeys.map((key) => [key, true]));
    const after = choose(document, heed(document, null, now), now, true, 'preferences', { categories: every });
    for (const c of document.categories) assert.equal(judge(document, after, now, true).categories[c.key], true);
    assert.equal(owes(document, after, now, true), false);
  });
});

test('time allows nothing', () => { // B5
  check([history, fc.integer({ min: 0, max: 900 }), fc.boolean()], (h, days, gpc) => {
    const { document, held, now } = visit(h);
    const verdict = judge(document, held, now, gpc);
    const later = judge(document, held, now + days * day, gpc);
    part(running(later), running(verdict), 'later');
    if (now + days * day < verdict.until) assert.deepEqual({ ...later, until: 0 }, { ...verdict, until: 0 });
  });
});

test('what has expired is asked again, and does not run', () => { // B5, B15
  const s: Shape = { mode: 'opt_in', shown: ['statistics', 'marketing'], sale: [], days: 90, vendors: { alpha: { category: 'statistics', days: 10 } }, material: true, widened: [] };
  const { document, now } = fresh(s);
  const held = choose(document, null, now, false, 'banner', { categories: { statistics: true, marketing: true } });
  assert.deepEqual([judge(document, held, now + 10 * day - 1, false).phase, judge(document, held, now + 10 * day, false).phase], ['settled', 'expired']);
  assert.deepEqual(running(judge(document, held, now + 10 * day, false)), ['marketing', 'necessary']);
  assert.deepEqual(running(judge(document, held, now + 90 * day, false)), ['necessary']);
});

test('a material version asks again with what changed, and what it widened does not run', () => { // B18, B31
  const s: Shape = { mode: 'opt_in', shown: ['statistics', 'marketing'], sale: [], days: 365, vendors: {}, material: false, widened: [] };
  const first = fresh(s).document;
  const held = choose(first, null, start, false, 'banner', { categories: { statistics: true, marketing: true } });
  const small = publish(first, { ...s, material: false });
  assert.equal(judge(small, held, start, false).phase, 'settled');
  const large = publish(small, { ...s, material: true, widened: ['marketing'] });
  const verdict = judge(large, held, start, false);
  assert.equal(verdict.phase, 'changed');
  assert.deepEqual(verdict.changes.map((c) => c.summary), ['change 3']);
  assert.deepEqual(running(verdict), ['necessary', 'statistics']);
});

test('opt-out allows all but a sale under a signal, until something is refused', () => {
  const s: Shape = { mode: 'opt_out', shown: ['statistics', 'marketing'], sale: ['marketing'], days: 365, vendors: {}, material: true, widened: [] };
  const { document, now } = fresh(s);
  const open = judge(document, null, now, false);
  assert.deepEqual([open.phase, ...running(open)], ['open', 'marketing', 'necessary', 'statistics']);
  const heeded = heed(document, null, now);
  for (const gpc of [true, false]) {
    const verdict = judge(document, heeded, now, gpc);
    assert.deepEqual([verdict.phase, ...running(verdict)], [gpc ? 'signal' : 'open', 'necessary', 'statistics']);
  }
});

test('what is sent is what runs, and names nothing unknown', () => { // B8, B18
  check([history, step, fc.boolean()], (h, one, gpc) => {
    if (one.what !== 'choose') return;
    const { document, held, now } = visit(h);
    const after = choose(document, held, now, gpc, one.source, one);
    const verdict = judge(document, after, now, gpc);
    const sent = submission(document, after, now, one.source, 'device', 'id');
    assert.equal(sent.digest, document.digest);
    for (const c of document.categories) {
      if (c.necessary) assert.equal(c.key in sent.categories, false);
      else assert.equal(sent.categories[c.key], verdict.categories[c.key]);
    }
    for (const v of document.vendors) {
      if (v.category === 'necessary' || !(v.category in sent.categories)) continue;
      assert.equal(sent.vendors?.[v.key] ?? sent.categories[v.category], verdict.vendors[v.key]);
    }
    part(Object.keys(sent.categories), document.categories.map((c) => c.key), 'categories');
    part(Object.keys(sent.vendors || {}), document.vendors.map((v) => v.key), 'vendors');
  });
});

/** A server that records what it is sent, or less, or says yes to all, for as long as it likes. */
const standing = (v: Visitor, refused: string[], days: number, generous = false): Standing => {
  const sent = submission(v.document, v.held!, v.now, 'banner', 'device', 'id');
  const answers = (all: Record<string, boolean>) => Object.fromEntries(Object.keys(all).map((key) => [key,
    (generous || all[key]) && !refused.includes(key) ? { granted: true, version: v.document.version, expires_at: new Date(v.now + days * day).toISOString() } : { granted: false, version: v.document.version }]));
  return {
    id: 'c', sequence: 1, version: v.document.version, digest: v.document.digest, categories: answers(sent.categories), vendors: answers(sent.vendors || {}),
    source: 'banner', recorded_at: '', updated_at: '', expires_at: new Date(v.now + days * day).toISOString(), linked: false,
  };
};

test('what the server recorded allows nothing that was not chosen here', () => { // promise 4
  check([history, fc.subarray(categoryKeys), fc.integer({ min: 1, max: 800 }), fc.boolean(), fc.boolean(), fc.boolean()], (h, refused, days, whole, gpc, generous) => {
    const v = visit(h);
    if (!v.held) return;
    const after = adopt(v.held, standing(v, refused, days, generous), whole, v.now);
    const verdict = judge(v.document, after, v.now, gpc);
    part(running(verdict), running(judge(v.document, v.held, v.now, gpc)), 'adopted');
    part(running(verdict).filter((key) => refused.includes(key)), v.held.version ? [] : categoryKeys, 'refused by the server');
    const ends = (all: typeof after.categories) => Object.values(all).map((a) => (a.granted ? Date.parse(a.expires_at!) : 0));
    if (!whole) part(ends(after.categories).map(String), [...ends(v.held.categories), 0, v.now + days * day].map(String), 'lengthened');
  });
});

test('the clock of the server says when a choice ends', () => { // B14
  const s: Shape = { mode: 'opt_in', shown: ['statistics'], sale: [], days: 365, vendors: {}, material: true, widened: [] };
  const ahead = { ...fresh(s), now: start + 2000 * day };
  const held = choose(ahead.document, null, ahead.now, false, 'banner', { categories: { statistics: true } });
  const after = adopt(held, standing({ ...ahead, held, now: ahead.now }, [], -1700), true, ahead.now);
  assert.equal(judge(ahead.document, after, start + 299 * day, false).phase, 'settled');
  assert.equal(judge(ahead.document, after, start + 300 * day, false).phase, 'expired');
});

test('what another host of the site recorded holds here', () => {
  const s: Shape = { mode: 'opt_in', shown: ['statistics', 'marketing'], sale: ['marketing'], days: 365, vendors: {}, material: true, widened: [] };
  const v = { ...fresh(s), held: choose(fresh(s).document, null, start, false, 'banner', { categories: { statistics: true } }) };
  const recorded = standing(v, [], 300);
  assert.deepEqual(running(judge(v.document, inherit(recorded), start, false)), ['necessary', 'statistics']);
  assert.equal(judge(v.document, inherit(recorded), start, false).phase, 'settled');
  const signal = { ...standing({ ...v, held: heed(v.document, null, start) }, [], 300), source: 'gpc', gpc: true };
  assert.equal(judge(v.document, inherit(signal), start, false).phase, 'ask');
  assert.equal(owes(v.document, inherit(signal), start, true), false);
});

test('what the server cannot record is asked again, and only its refusals are kept', () => { // W17
  check([history, fc.boolean()], (h, gpc) => {
    const { document, held, now } = visit(h);
    if (!held || !held.version) return;
    const verdict = judge(document, lapse(held, now), now, gpc);
    part(running(verdict), ['necessary', ...document.vendors.filter((v) => v.category === 'necessary').map((v) => 'vendor ' + v.key)], 'lapsed');
    assert.notEqual(verdict.phase, 'settled');
  });
});

test('a key that every object has is nothing that was said', () => {
  for (const key of ['constructor', 'toString', '__proto__']) assert.equal(own({}, key), undefined, key);
  assert.equal(own(JSON.parse('{"__proto__": true}') as Record<string, boolean>, '__proto__'), true);
});
