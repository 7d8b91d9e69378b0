import type { Change, Document } from '../protocol';

/** Gives a text of the document; {vendor} in it becomes the name. */
export type Say = (key: string, vendor?: string) => string;

/** A text that is not there is its key: a control is never without a name. */
export function sayer(shown: Document): Say {
  return (key, vendor = '') => (shown.texts[key] || key).split('{vendor}').join(vendor);
}

/** The names of the categories and vendors that a change is about. */
export function about(change: Change, shown: Document): string {
  return [
    ...shown.categories.filter(({ key }) => change.categories?.includes(key)).map(({ title }) => title),
    ...shown.vendors.filter(({ key }) => change.vendors?.includes(key)).map(({ name }) => name),
  ].join(', ');
}

/** The name of a country of ISO 3166-1 in a language, or its code. */
export function country(code: string, language: string): string {
  try {
    return new Intl.DisplayNames([language], { type: 'region' }).of(code) || code;
  } catch {
    return code; // the browser knows no names, or the code is none
  }
}
