// Documents and histories, made up by fast-check.
import fc from 'fast-check';
import { allow, choose, heed, own, type Held } from '../src/machine';
import type { Document, Source } from '../src/protocol';

export const day = 86_400_000;
export const start = Date.parse('2026-03-01T12:00:00Z');

export const categoryKeys = ['functional', 'statistics', 'marketing', 'social'];
export const vendorKeys = ['alpha', 'beta', 'gamma', 'delta'];
const all = ['necessary', ...categoryKeys];

/** What may change from one version to the next. */
export interface Shape {
  mode: 'opt_in' | 'opt_out';
  shown: string[];
  sale: string[];
  days: number;
  vendors: Record<string, { category: string; days: number }>;
  material: boolean;
  widened: string[];
}

export const shape: fc.Arbitrary<Shape> = fc.record({
  mode: fc.constantFrom('opt_in' as const, 'opt_out' as const),
  shown: fc.subarray(categoryKeys, { minLength: 1 }),
  sale: fc.subarray(categoryKeys),
  days: fc.constantFrom(30, 90, 365),
  vendors: fc.dictionary(fc.constantFrom(...vendorKeys), fc.record({ category: fc.constantFrom(...all), days: fc.constantFrom(0, 10, 400) }), { noNullPrototype: true }),
  material: fc.boolean(),
  widened: fc.subarray([...categoryKeys, ...vendorKeys]),
});

/** The document of a version, by the one before it. */
export function publish(before: Document | null, s: Shape): Document {
  const version = before ? before.version + 1 : 1;
  const since = (kind: 'categories' | 'vendors', key: string): number => {
    const was = before && (before[kind] as { key: string; since: number }[]).find((one) => one.key === key);
    return was && !s.widened.includes(key) ? was.since : version;
  };
  return {
    site: 'shop', version, digest: 'd' + version, language: 'en', languages: ['en'], direction: 'ltr', region: 'eu', mode: s.mode,
    material: !before || s.material ? version : before.material, texts: {}, links: {},
    categories: ['necessary', ...s.shown].map((key) => ({
      key, title: key, description: '', necessary: key === 'necessary', sale: s.sale.includes(key), since: since('categories', key), days: s.days,
    })),
    vendors: Object.keys(s.vendors).map((key) => ({ key, name: key, ...s.vendors[key]!, since: since('vendors', key) })),
    changes: [{ version, published_at: '', summary: 'change ' + version }],
    url: '',
  };
}

/** What happens to a visitor. */
export type Step =
  | { what: 'choose'; source: Source; categories: Record<string, boolean>; vendors: Record<string, boolean>; gpc: boolean }
  | { what: 'allow'; vendor: string; gpc: boolean }
  | { what: 'signal' }
  | { what: 'wait'; days: number }
  | { what: 'publish'; shape: Shape };

const said = (keys: string[]) => fc.dictionary(fc.constantFrom(...keys, 'unknown', 'constructor'), fc.boolean(), { noNullPrototype: true });

export const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ what: fc.constant('choose' as const), source: fc.constantFrom<Source>('banner', 'preferences', 'script'), categories: said(all), vendors: said(vendorKeys), gpc: fc.boolean() }),
  fc.record({ what: fc.constant('allow' as const), vendor: fc.constantFrom(...vendorKeys, 'unknown'), gpc: fc.boolean() }),
  fc.constant({ what: 'signal' as const }),
  fc.record({ what: fc.constant('wait' as const), days: fc.constantFrom(1, 9, 11, 60, 200, 400) }),
  fc.record({ what: fc.constant('publish' as const), shape }),
);

export const history = fc.tuple(shape, fc.array(step, { maxLength: 12 }));

/** A visitor, as the machine keeps them. */
export interface Visitor {
  document: Document;
  held: Held | null;
  now: number;
}

export const fresh = (s: Shape): Visitor => ({ document: publish(null, s), held: null, now: start });

export function live(v: Visitor, s: Step): Visitor {
  const { document, held, now } = v;
  switch (s.what) {
    case 'choose':
      return { ...v, held: choose(document, held, now, s.gpc, s.source, s) };
    case 'allow':
      return { ...v, held: allow(document, held, now, s.gpc, s.vendor) || held };
    case 'signal':
      return { ...v, held: heed(document, held, now) };
    case 'wait':
      return { ...v, now: now + s.days * day };
    case 'publish':
      return { ...v, document: publish(document, s.shape) };
  }
}

/** The keys that run. */
export function running(verdict: { categories: Readonly<Record<string, boolean>>; vendors: Readonly<Record<string, boolean>> }): string[] {
  const of = (all: Readonly<Record<string, boolean>>, mark: string) => Object.keys(all).filter((key) => own(all, key)).map((key) => mark + key);
  return [...of(verdict.categories, ''), ...of(verdict.vendors, 'vendor ')].sort();
}
