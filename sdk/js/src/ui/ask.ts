import type { Controller } from '../controller';
import type { Document } from '../protocol';
import { button, cross, link, make } from './element';
import { about, type Say } from './words';

/**
 * The first layer. It is no dialog that holds visitors up: they may read on,
 * and close it without an answer. The three answers are made alike (EDPB
 * guidelines 03/2022, 2/2023: to refuse is as easy as to accept).
 */
export function ask(controller: Controller, shown: Document, say: Say): HTMLElement {
  return make('aside', { class: 'card ask', 'aria-labelledby': 'ask' },
    make('div', { class: 'head' },
      make('h2', { id: 'ask' }, say('title')),
      cross(say('close'), () => controller.close())),
    news(controller, shown, say),
    make('p', {}, say('description')),
    links(shown, say),
    make('div', { class: 'acts' },
      button(say('accept'), () => controller.acceptAll()),
      button(say('refuse'), () => controller.refuseAll()),
      button(say('settings'), () => controller.open('settings'))));
}

/** Why a visitor is asked once more. */
function news({ state }: Controller, shown: Document, say: Say): HTMLElement | false {
  if (state.phase === 'expired') return make('p', { class: 'news' }, say('expired'));
  return state.phase === 'changed' && make('div', { class: 'news' },
    make('p', {}, say('changed')),
    make('ul', { role: 'list' }, state.changes.map((change) =>
      make('li', {}, change.summary, make('span', { class: 'quiet' }, about(change, shown))))));
}

/** The links of the site, in an order that is the same everywhere. */
export function links(shown: Document, say: Say): HTMLElement {
  return make('p', { class: 'links' },
    ['privacy', 'imprint', 'terms'].map((kind) => link(say(kind), shown.links[kind])));
}
