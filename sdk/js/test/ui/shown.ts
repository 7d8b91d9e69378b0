// A document as a made-up shop publishes it.
import type { Document, Vendor } from '../../src/protocol';

const rtl = ['ar', 'fa', 'he', 'ur'];

export function shown(language: string, say: Record<string, string>, vendors = 0): Document {
  const usual = (key: string) => ({
    key, title: say[`category.${key}.title`]!, description: say[`category.${key}.description`]!, since: 1, days: 365,
  });
  return {
    site: 'shop', version: 3, digest: '00', language, languages: [language],
    direction: rtl.includes(language) ? 'rtl' : 'ltr', region: 'eu', mode: 'opt_in', material: 2,
    texts: say,
    links: { privacy: '/privacy', imprint: 'https://shop.example/imprint' },
    categories: [
      { ...usual('necessary'), necessary: true, cookies: [{ name: 'basket', days: 0, purpose: 'Remembers what is in the basket' }] },
      usual('functional'),
      usual('statistics'),
      { ...usual('marketing'), sale: true },
    ],
    vendors: [
      vendor('tubular', 'Tubular Video', 'functional', { provider: 'Tubular Ltd', country: 'IE', privacy: 'https://tubular.example/privacy' }),
      vendor('tally', 'Tally', 'statistics', {
        provider: 'Tally Insights GmbH', country: 'DE', purposes: ['Counting visits', 'Finding pages that are slow'],
        privacy: 'https://tally.example/privacy', cookies: [
          { name: '_tally', days: 365, purpose: 'Tells visitors apart' },
          { name: '_tally_session_*', days: 0 },
        ],
      }),
      vendor('adloop', 'AdLoop', 'marketing', { provider: 'AdLoop Inc.', country: 'US', days: 30 }),
      ...Array.from({ length: vendors }, (_, n) => vendor(`partner-${n}`, `Partner ${n + 1}`, 'marketing', { country: 'US' })),
    ],
    changes: [{ version: 2, published_at: '2026-11-20T09:00:00Z', summary: 'We now count visits with Tally.', vendors: ['tally'] }],
    url: '/',
  };
}

function vendor(key: string, name: string, category: string, more: Partial<Vendor>): Vendor {
  return { key, name, category, since: 1, ...more };
}
