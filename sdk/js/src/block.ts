// What is held back until it is allowed: scripts of type text/plain, frames and
// images with data-src, each with a data-category or a data-vendor. And what is
// cleared away when it is refused: cookies and keys of storage.
import { safely } from './events';
import { own } from './machine';
import type { State } from './controller';
import type { Cookie, Document as Shown } from './protocol';

const marked = ['script[type="text/plain"]', 'script[data-src]', 'iframe[data-src]', 'img[data-src]']
  .map((what) => what + '[data-category],' + what + '[data-vendor]').join();

type Held = HTMLScriptElement | HTMLIFrameElement | HTMLImageElement;

/** Trusted Types: what runs here was in the page already. */
interface Policy { createScript(text: string): string; createScriptURL(url: string): string }
type Policies = { createPolicy(name: string, rules: Policy): Policy };

export class Blocker {
  private allowed: Pick<State, 'categories' | 'vendors'> = { categories: {}, vendors: {} };
  private readonly ran = new Set<string>();
  /** What may not run yet, in the order in which it came. */
  private readonly waiting = new Set<Held>();
  private readonly shown = new Set<HTMLIFrameElement>();
  private line: Promise<void> = Promise.resolve();
  private policy: Policy | undefined;

  constructor(private readonly nonce: string) {
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) addedNodes.forEach((node) => node instanceof Element && this.find(node));
      this.release();
    }).observe(document, { childList: true, subtree: true });
    document.addEventListener('DOMContentLoaded', () => this.release());
    this.find(document);
  }

  /** Holds an element with data-src back until its vendor may. */
  hold(element: Held): void {
    this.waiting.add(element);
  }

  private find(root: Element | Document): void {
    if (root instanceof Element && root.matches(marked)) this.waiting.add(root as Held);
    root.querySelectorAll<Held>(marked).forEach((element) => this.waiting.add(element));
  }

  /** Lets run what may, and gives the keys of what has run and may not any more. */
  update(allowed: Pick<State, 'categories' | 'vendors'>): string[] {
    this.allowed = allowed;
    this.shown.forEach((frame) => {
      if (this.may(frame)) return;
      this.shown.delete(frame);
      this.waiting.add(frame);
      frame.src = 'about:blank';
    });
    this.release();
    return Array.from(this.ran).filter((key) => !this.key(key));
  }

  private key(key: string): boolean {
    return (key[0] === 'v' ? own(this.allowed.vendors, key.slice(1)) : own(this.allowed.categories, key.slice(1))) === true;
  }

  /** By the vendor where one is named, else by all its categories. */
  private keys({ dataset }: Held): string[] {
    return dataset.vendor ? ['v' + dataset.vendor] : (dataset.category || '').split(/[\s,]+/).filter(Boolean).map((c) => 'c' + c);
  }

  private may(element: Held): boolean {
    const keys = this.keys(element);
    return keys.length > 0 && keys.every((key) => this.key(key));
  }

  private release(): void {
    this.waiting.forEach((element) => {
      if (!this.may(element) || !whole(element)) return;
      this.waiting.delete(element);
      safely(() => this.run(element));
    });
  }

  private run(element: Held): void {
    this.keys(element).forEach((key) => this.ran.add(key));
    if (element instanceof HTMLScriptElement) {
      // One after the other, in the order of the document.
      this.line = this.line.then(() => this.script(element)).catch((error) => console.error('volenti:', error));
      return;
    }
    element.src = element.dataset.src!;
    if (element instanceof HTMLIFrameElement) this.shown.add(element);
  }

  /** Replaces a held script by one that runs. What others wait for ends when it has run. */
  private script(held: HTMLScriptElement): Promise<void> | undefined {
    if (!held.isConnected && held.type === 'text/plain') return undefined; // it was taken away while it waited
    if (!this.may(held)) {
      this.waiting.add(held); // it was refused
      return undefined;
    }
    if (held.type !== 'text/plain') { // it was held before it began, and begins with its address
      held.src = this.trusted().createScriptURL(held.dataset.src!);
      return undefined;
    }
    const script = document.createElement('script');
    for (const { name, value } of Array.from(held.attributes)) {
      if (name !== 'type' && name !== 'src' && name !== 'data-src' && name !== 'data-type' && name !== 'nonce') script.setAttribute(name, value);
    }
    const type = held.dataset.type;
    if (type) script.type = type;
    const nonce = held.nonce || this.nonce;
    if (nonce) script.nonce = nonce;
    const src = held.getAttribute('src') || held.dataset.src;
    script.async = held.hasAttribute('async');
    if (!src) {
      script.text = this.trusted().createScript(held.text);
      held.replaceWith(script);
      return undefined;
    }
    script.src = this.trusted().createScriptURL(src);
    const done = new Promise<void>((resolve) => {
      script.addEventListener('load', () => resolve());
      script.addEventListener('error', () => resolve());
    });
    held.replaceWith(script);
    return script.async || script.defer || type === 'module' ? undefined : done;
  }

  private trusted(): Policy {
    if (this.policy) return this.policy;
    const plain: Policy = { createScript: (text) => text, createScriptURL: (url) => url };
    const factory = (window as unknown as { trustedTypes?: Policies }).trustedTypes;
    return (this.policy = (factory && safely(() => factory.createPolicy('volenti', plain))) || plain);
  }
}

/** The browser may still be reading it: it is whole when something comes after it. */
function whole(element: Held): boolean {
  if (document.readyState !== 'loading' || !element.isConnected) return true;
  for (let node: Node | null = element; node; node = node.parentNode) if (node.nextSibling) return true;
  return false;
}

/** Removes what is listed for what is refused, unless what is allowed lists it too. */
export function clear(shown: Shown, allowed: Pick<State, 'categories' | 'vendors'>, keep: string): void {
  const refused: Cookie[] = [];
  const granted: Cookie[] = [];
  for (const c of shown.categories) (own(allowed.categories, c.key) ? granted : refused).push(...(c.cookies || []));
  for (const v of shown.vendors) (own(allowed.vendors, v.key) ? granted : refused).push(...(v.cookies || []));
  const goes = (name: string): boolean =>
    name !== keep && name !== 'volenti' && refused.some((c) => matches(c.name, name)) && !granted.some((c) => matches(c.name, name));
  safely(() => {
    for (const one of document.cookie.split(/;\s*/)) {
      const name = one.split('=')[0]!;
      if (name && goes(name)) expire(name);
    }
  });
  for (const store of ['localStorage', 'sessionStorage'] as const) {
    try {
      Object.keys(window[store]).filter(goes).forEach((name) => window[store].removeItem(name));
    } catch {
      // There is no storage.
    }
  }
}

/** Does a name match one that may end in *? */
export function matches(pattern: string, name: string): boolean {
  return pattern.slice(-1) === '*' ? name.indexOf(pattern.slice(0, -1)) === 0 : pattern === name;
}

/** A cookie does not tell for which path and domain it was set: all that it may be are tried. */
function expire(name: string): void {
  const paths = ['/'];
  const parts = location.pathname.split('/').filter(Boolean);
  parts.forEach((_, i) => {
    const path = '/' + parts.slice(0, i + 1).join('/');
    paths.push(path, path + '/');
  });
  const labels = location.hostname.split('.');
  const domains = ['', ...labels.map((_, i) => '; Domain=' + labels.slice(i).join('.'))];
  for (const path of paths) {
    for (const domain of domains) document.cookie = name + '=; Max-Age=0; Path=' + path + domain;
  }
}
