// The face of the banner: two layers, the way back that is always there, and
// what there is to say. It knows the Controller and nothing else.
//
//	<html>
//	  <volenti-banner>   first in reading order: the first layer
//	  <body>             the page, which is never touched
//	  <volenti-banner>   last: messages, the way back, the settings
//
// Both stand beside the body: no rule of the page like `body > :first-child`
// changes what it means, and no script that exchanges the body takes them along.
import type { Controller, State } from '../controller';
import type { Document } from '../protocol';
import { ask } from './ask';
import { button, cross, make } from './element';
import { placeholders } from './placeholder';
import { settings } from './settings';
import { dress, paint, type Dress } from './style';
import { sayer } from './words';

export interface Options extends Dress {
  /** false: no small way back, where the page has a [data-volenti-open] of its own. */
  button?: boolean | undefined;
}

/** Where it is kept that the visitor has closed the message about the signal. */
const closed = 'volenti:gpc';

/** How long a message stays, in milliseconds. */
const stays = 8000;

/** Shows the banner on a page. Gives the function that takes it away again. */
export function mount(controller: Controller, options: Options = {}): () => void {
  const end = new AbortController();
  const ends = [() => end.abort()];
  const begin = () => ends.push(...show(controller, options, end.signal));
  // What is read before there is a body has nothing to stand beside yet.
  if (document.body) begin();
  else document.addEventListener('DOMContentLoaded', begin, { once: true, signal: end.signal });
  return () => ends.splice(0).forEach((stop) => stop());
}

function show(controller: Controller, options: Options, signal: AbortSignal): (() => void)[] {
  const front = make('volenti-banner', {});
  const rear = make('volenti-banner', {});
  const before = dress(front, options);
  const after = dress(rear, options);
  const status = make('p', { role: 'status' });
  const corner = make('section', { class: 'corner' });
  let shown: Document | undefined;
  let first: HTMLElement | undefined;
  let second: HTMLDialogElement | undefined;
  let line: HTMLElement | undefined;
  let way: HTMLElement | undefined;
  let timer = 0;
  let stood = controller.state.standing;

  after.append(corner);
  document.body.before(front);
  document.body.after(rear);

  function draw(): void {
    if (controller.document && controller.document !== shown) start((shown = controller.document));
    if (!shown) return;
    const { layer, state } = controller;
    if (layer === 'ask' && !first) before.append((first = ask(controller, shown, sayer(shown))));
    // Under the settings the first layer stays unseen: there the focus goes back to.
    first?.classList.toggle('under', layer === 'settings');
    if (layer === 'settings') open(shown);
    else close();
    if (!layer) first = first?.remove() as undefined;
    corner.classList.toggle('up', layer === 'ask'); // where the first layer leaves it to be seen
    line!.hidden = layer === 'ask' || state.phase !== 'signal' || recall();
    way!.hidden = layer === 'ask' || options.button === false;
  }

  /** Begins with a document: another language, or another version. */
  function start(shown: Document): void {
    const say = sayer(shown);
    close();
    first = first?.remove() as undefined;
    for (const root of [before, after]) paint(root, options, shown.look);
    for (const host of [front, rear]) {
      host.lang = shown.language;
      host.dir = shown.direction;
    }
    line = make('div', { class: 'card line' },
      make('p', {}, say('gpc')),
      cross(say('close'), () => {
        remember();
        draw();
      }));
    way = button(say('reopen'), () => controller.open('settings'));
    corner.setAttribute('aria-label', say('reopen'));
    corner.replaceChildren(status, line, way);
  }

  function open(shown: Document): void {
    if (second) return;
    const opened = (second = settings(controller, shown, sayer(shown), back));
    // Esc closes a dialog by itself; then it is told here.
    opened.addEventListener('close', () => second === opened && back());
    after.append(opened);
    opened.showModal();
  }

  function close(): void {
    const closing = second;
    second = undefined;
    closing?.close(); // gives the focus back
    closing?.remove();
    if (closing && first && !before.activeElement) first.querySelector<HTMLElement>('.acts button')!.focus();
  }

  /** From the settings to where they were opened. */
  function back(): void {
    if (first) controller.open('ask');
    else controller.close();
  }

  /** There is no receipt of a withdrawal: then nothing stands any more. */
  function change({ standing }: State): void {
    if (stood && !standing) announce('saved');
    stood = standing;
    draw();
  }

  function announce(key: string): void {
    if (!shown) return;
    clearTimeout(timer);
    status.textContent = sayer(shown)(key);
    timer = window.setTimeout(() => (status.textContent = ''), stays);
  }

  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && controller.layer === 'ask') controller.close();
  }, { signal });
  document.addEventListener('click', (event) => {
    if (!(event.target as Element).closest?.('[data-volenti-open]')) return;
    event.preventDefault();
    controller.open('settings');
  }, { signal });
  draw();
  return [
    controller.on('change', change),
    controller.on('layer', draw),
    controller.on('choice', () => navigator.onLine || announce('queued')),
    controller.on('recorded', ({ source }) => source === 'gpc' || announce('saved')),
    placeholders(controller, options),
    () => [front, rear].forEach((host) => host.remove()),
    () => clearTimeout(timer),
  ];
}

// Storage that is refused remembers nothing: the message comes again.
function recall(): boolean {
  try {
    return localStorage.getItem(closed) !== null;
  } catch {
    return false;
  }
}

function remember(): void {
  try {
    localStorage.setItem(closed, '1');
  } catch {
    // see above
  }
}
