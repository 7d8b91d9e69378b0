// Google Consent Mode, version 2, with the types of consent/signal.
import type { Category, Document } from './protocol';

const types = [
  'ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage',
  'functionality_storage', 'personalization_storage', 'security_storage',
];

export type Signals = Record<string, 'granted' | 'denied'>;

/** A refusal in any category that rules a type denies it; one that none rules is denied, but for security. */
export function signals(categories: Pick<Category, 'key' | 'google'>[], allowed: (key: string) => boolean): Signals {
  const all: Signals = {};
  for (const type of types) {
    const rulers = categories.filter((c) => (c.google || []).indexOf(type) >= 0);
    const granted = rulers.length > 0 ? rulers.every((c) => allowed(c.key)) : type === 'security_storage';
    all[type] = granted ? 'granted' : 'denied';
  }
  return all;
}

/** Tells Google's tags on the page what they may do: nothing at first. */
export class Google {
  private said: string;
  private readonly layer: unknown[];

  constructor() {
    const page = window as unknown as { dataLayer?: unknown[] };
    this.layer = page.dataLayer = page.dataLayer || [];
    const first = signals([], () => false);
    this.said = JSON.stringify(first);
    this.push('consent', 'default', { ...first, wait_for_update: 500 });
    this.push('set', 'ads_data_redaction', true);
  }

  update(document: Document, allowed: (key: string) => boolean): void {
    const now = signals(document.categories, allowed);
    const text = JSON.stringify(now);
    if (text === this.said) return;
    this.said = text;
    this.push('consent', 'update', now);
    this.push('set', 'ads_data_redaction', now.ad_storage === 'denied');
  }

  /** The tags read arguments objects, and take no arrays for them. */
  private push(..._what: unknown[]): void {
    this.layer.push(arguments);
  }
}
