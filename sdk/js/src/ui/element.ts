// Elements are made one by one: no text is ever read as HTML, so there is
// nothing for Trusted Types to refuse, and no style attribute for a CSP.

type Attribute = string | boolean | undefined | ((event: Event) => void);
type Child = Node | string | false | null | undefined | Child[];

/**
 * Makes an element. An attribute that is true is there without a value, one
 * that is false or undefined is not there, and a function listens to the event
 * of that name.
 */
export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Record<string, Attribute>,
  ...children: Child[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  add(element, children);
  return element;
}

function add(element: HTMLElement, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child) element.append(child);
  }
}

/** A button; what it says is its name. */
export function button(text: string, click: () => void): HTMLButtonElement {
  return make('button', { type: 'button', click }, text);
}

/** A button that shows a cross; what it does is its name. */
export function cross(name: string, click: () => void): HTMLButtonElement {
  return make('button', { type: 'button', class: 'cross', 'aria-label': name, click });
}

/** A link, or nothing where the address is not one of the web. */
export function link(text: string, url: string | undefined, elsewhere = false): HTMLAnchorElement | undefined {
  if (!url || !/^(https?:|\/)/i.test(url)) return undefined;
  return make('a', { href: url, target: elsewhere && '_blank', rel: elsewhere && 'noopener noreferrer' }, text);
}
