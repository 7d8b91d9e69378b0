// The script of the page that ui_test.go opens: its address says what is shown.
import type { Phase } from '../../src/controller';
import { mount } from '../../src/ui/mount';
import { fake, type Fake } from './fake';
import { shown } from './shown';

declare global {
  interface Window {
    /** The built-in texts by language, from the server. */
    readonly texts: Record<string, Record<string, string>>;
    /** Shows what follows the ? says in the place of what is shown. */
    show: (query: string) => void;
    fake: Fake;
    unmount: () => void;
    refused: string[];
    /** The shadow trees of the banner. */
    readonly front: ShadowRoot;
    readonly rear: ShadowRoot;
  }
}

window.refused = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.refused.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});

const standing = {
  id: '019ac1f0-7a44-7c1e-9f6e-2f1b7f3a9d10', sequence: 7, version: 3, digest: '00', categories: {}, source: 'banner',
  recorded_at: '2026-11-26T10:00:00Z', updated_at: '2026-11-26T10:00:00Z', expires_at: '2027-11-26T10:00:00Z', linked: false,
};

window.show = (query) => {
  window.unmount?.();
  const asked = new URLSearchParams(query);
  const phase = (asked.get('phase') || 'ask') as Phase;
  const language = asked.get('language') || 'en';
  const page = shown(language, window.texts[language]!, Number(asked.get('vendors')));
  if (asked.has('rtl')) page.direction = 'rtl';
  if (asked.has('look')) page.look = JSON.parse(asked.get('look')!) as Record<string, string>;
  window.fake = fake(page, {
    phase,
    gpc: phase === 'signal',
    changes: page.changes!,
    categories: phase === 'settled' ? { necessary: true, statistics: true } : { necessary: true },
    vendors: phase === 'settled' ? { tally: true } : {},
    standing: phase === 'settled' ? standing : null,
  }, ['ask', 'expired', 'changed'].includes(phase) ? 'ask' : null);
  window.unmount = mount(window.fake, { button: !asked.has('link'), nonce: 'n' });
};

['front', 'rear'].forEach((name, n) =>
  Object.defineProperty(window, name, { get: () => document.querySelectorAll('volenti-banner')[n]!.shadowRoot }));
window.show(location.search);
