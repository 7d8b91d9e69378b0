// A Controller that keeps no memory and sends nothing, for tests of the face.
import type { Controller, Events, Layer, State } from '../../src/controller';
import type { Document } from '../../src/protocol';

type Listener = (what: never) => void;

export interface Fake extends Controller {
  /** What was asked of it, in order, with what. */
  readonly asked: string[];
  set(state: Partial<State>, layer?: Layer): void;
  emit<E extends keyof Events>(event: E, what: Events[E]): void;
}

export function fake(shown: Document, begin: Partial<State>, layer: Layer): Fake {
  const listeners = new Map<string, Set<Listener>>();
  const asked: string[] = [];
  let state: State = {
    phase: 'ask', categories: {}, vendors: {}, gpc: false, changes: [], queued: false, standing: null, ...begin,
  };
  const emit: Fake['emit'] = (event, what) => listeners.get(event)?.forEach((listen) => listen(what as never));
  const set: Fake['set'] = (next, at = layer) => {
    state = { ...state, ...next };
    emit('change', state);
    if (at !== layer) emit('layer', (layer = at));
  };
  const settle = (categories: Record<string, boolean>, vendors: Record<string, boolean>) => {
    emit('choice', state);
    set({ phase: 'settled', categories, vendors }, null);
  };
  const all = (on: boolean) => {
    const necessary = Object.fromEntries(shown.categories.map((c) => [c.key, on || !!c.necessary]));
    settle(necessary, Object.fromEntries(shown.vendors.map((v) => [v.key, necessary[v.category] === true])));
  };
  const note = (what: string, ...how: unknown[]) => void asked.push([what, ...how.map((h) => JSON.stringify(h))].join(' '));
  return {
    document: shown,
    get state() { return state; },
    get layer() { return layer; },
    asked,
    set,
    emit,
    allowed: (key) => state.categories[key] === true || state.vendors[key] === true,
    acceptAll() { note('acceptAll'); all(true); },
    refuseAll() { note('refuseAll'); all(false); },
    choose(categories, vendors = {}) {
      note('choose', categories, vendors);
      settle(categories, Object.fromEntries(shown.vendors.map((v) => [v.key, vendors[v.key] ?? categories[v.category] === true])));
    },
    allowVendor(key) {
      note('allowVendor', key);
      settle(state.categories, { ...state.vendors, [key]: true });
    },
    withdraw() {
      note('withdraw');
      set({ phase: 'ask', categories: {}, vendors: {}, standing: null }, 'ask');
    },
    open(at = 'settings') {
      note('open', at);
      set({}, at);
    },
    close() {
      note('close');
      set({}, null);
    },
    on(event, listener) {
      const all = listeners.get(event) || new Set();
      listeners.set(event, all.add(listener as Listener));
      return () => void all.delete(listener as Listener);
    },
  };
}
