import type { Controller } from '../controller';
import type { Category, Cookie, Document, Vendor } from '../protocol';
import { links } from './ask';
import { draft, type Draft } from './draft';
import { button, cross, link, make } from './element';
import { country, type Say } from './words';

/** Rows that are made in one frame, so that a list of 500 vendors holds nothing up. */
const rows = 20;

/** The second layer. The dialog is not open yet. */
export function settings(controller: Controller, shown: Document, say: Say, back: () => void): HTMLDialogElement {
  const { state } = controller;
  const choice = draft(shown, state);
  return make('dialog', { 'aria-labelledby': 'settings' },
    make('div', { class: 'head' },
      make('h2', { id: 'settings' }, say('title')),
      cross(say('back'), back)),
    make('div', { class: 'body' },
      state.gpc && make('p', { class: 'news' }, say('gpc')),
      shown.categories.map((category) => section(category, shown, choice, say)),
      links(shown, say),
      state.standing && make('div', { class: 'standing' },
        make('p', { class: 'quiet' }, say('receipt'), make('code', {}, state.standing.id)),
        make('button', { type: 'button', class: 'plain', click: () => controller.withdraw() }, say('withdraw')))),
    make('div', { class: 'acts' },
      button(say('save'), () => controller.choose({ ...choice.categories }, choice.differing())),
      button(say('accept'), () => controller.acceptAll()),
      button(say('refuse'), () => controller.refuseAll())));
}

function section(category: Category, shown: Document, choice: Draft, say: Say): HTMLElement {
  const { key } = category;
  const vendors = shown.vendors.filter((vendor) => vendor.category === key);
  const made = new Map<string, HTMLInputElement>();
  const change = (on: boolean) => {
    choice.category(key, on);
    made.forEach((input, vendor) => (input.checked = choice.vendors[vendor]!));
  };
  const row = (vendor: Vendor) => {
    const about = lazy(make('summary', {}, vendor.name), () => facts(vendor, shown, say));
    if (category.necessary) return make('li', {}, about);
    const input = turn(choice.vendors[vendor.key]!, { 'aria-label': vendor.name }, (on) => choice.vendor(vendor.key, on));
    made.set(vendor.key, input);
    return make('li', { class: 'row' }, about, input);
  };
  return make('section', {},
    make('div', { class: 'row' },
      make('h3', {}, category.necessary ? category.title : make('label', { for: `c-${key}` }, category.title)),
      category.necessary
        ? make('span', { class: 'quiet' }, say('always'))
        : turn(choice.categories[key]!, { id: `c-${key}`, 'aria-describedby': `d-${key}` }, change)),
    make('p', { id: `d-${key}` }, category.description),
    category.cookies && make('dl', { class: 'facts' }, cookies(category.cookies, say)),
    vendors.length > 0 && lazy(make('summary', {}, `${say('vendors')} (${vendors.length})`), () => list(vendors, row)));
}

/** A switch. */
function turn(on: boolean, names: Record<string, string>, change: (on: boolean) => void): HTMLInputElement {
  return make('input', {
    type: 'checkbox', role: 'switch', checked: on, ...names,
    change: (event) => change((event.target as HTMLInputElement).checked),
  });
}

/** Something to unfold, which is made when that is done for the first time. */
function lazy(summary: HTMLElement, content: () => HTMLElement): HTMLElement {
  const details = make('details', {}, summary);
  details.addEventListener('toggle', () => details.append(content()), { once: true });
  return details;
}

/** Makes a list in pieces, a frame each. */
function list(vendors: Vendor[], row: (vendor: Vendor) => HTMLElement): HTMLElement {
  const all = make('ul', { class: 'vendors', role: 'list' });
  let next = 0;
  const more = () => {
    all.append(...vendors.slice(next, (next += rows)).map(row));
    if (next < vendors.length) requestAnimationFrame(more);
  };
  more();
  return all;
}

function facts(vendor: Vendor, shown: Document, say: Say): HTMLElement {
  return make('div', { class: 'facts' },
    make('dl', {},
      fact(say('provider'), vendor.provider),
      fact(say('country'), vendor.country && country(vendor.country, shown.language)),
      fact(say('purposes'), vendor.purposes?.join(', ')),
      cookies(vendor.cookies, say)),
    link(say('privacy'), vendor.privacy, true));
}

function fact(name: string, value: HTMLElement | string | undefined) {
  return value && [make('dt', {}, name), make('dd', {}, value)];
}

function cookies(all: Cookie[] | undefined, say: Say) {
  const lasts = (days: number) => (days ? `${say('days')}: ${days}` : say('session'));
  return all && fact(say('cookies'), make('ul', { role: 'list' }, all.map(({ name, days, purpose }) =>
    // What operators write may run the other way than the language.
    make('li', {}, make('code', {}, name), ' ', lasts(days), purpose && [' · ', make('bdi', {}, purpose)]))));
}
