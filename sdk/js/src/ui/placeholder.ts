// In the place of a frame that may not be loaded stands who it is from, and a
// button that allows it. To load it then is left to what blocks it.
import type { Controller } from '../controller';
import type { Document, Vendor } from '../protocol';
import { button, make } from './element';
import { dress, type Dress } from './style';
import { sayer } from './words';

const blocked = 'iframe[data-src][data-vendor], iframe[data-src][data-category]';

/** Puts placeholders on the page, also for frames that come later. Gives the function that ends it. */
export function placeholders(controller: Controller, options: Dress): () => void {
  const standing = new Map<HTMLIFrameElement, HTMLElement>();

  function look(): void {
    const shown = controller.document;
    if (!shown) return;
    const frames = new Set(document.querySelectorAll<HTMLIFrameElement>(blocked));
    for (const [frame, host] of standing) {
      if (!frames.has(frame) || runs(frame)) clear(frame, host);
    }
    for (const frame of frames) if (!standing.has(frame) && !runs(frame)) stand(frame, shown);
  }

  /** By its vendor where it names one, else by all its categories. */
  function runs({ dataset: { vendor, category } }: HTMLIFrameElement): boolean {
    const { vendors, categories } = controller.state;
    if (vendor) return vendors[vendor] === true;
    return category!.split(/[\s,]+/).every((key) => !key || categories[key] === true);
  }

  function stand(frame: HTMLIFrameElement, shown: Document): void {
    const say = sayer(shown);
    const vendor = vendorOf(frame, shown);
    const name = vendor ? vendor.name : hostOf(frame);
    const host = make('volenti-blocked', { lang: shown.language, dir: shown.direction });
    take(frame, host);
    dress(host, options, shown.look).append(
      make('div', { class: 'blocked', role: 'group', 'aria-labelledby': 'blocked' },
        make('strong', { id: 'blocked' }, say('blocked.title', name)),
        make('p', {}, say('blocked.description', name)),
        vendor
          ? button(say('blocked.allow', name), () => controller.allowVendor(vendor.key))
          : button(say('settings'), () => controller.open('settings'))));
    standing.set(frame, host);
    frame.before(host);
    frame.style.setProperty('display', 'none', 'important');
  }

  function clear(frame: HTMLIFrameElement, host: HTMLElement): void {
    const focused = host.shadowRoot!.activeElement;
    standing.delete(frame);
    host.remove();
    frame.style.removeProperty('display');
    if (focused) frame.focus();
  }

  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-src'] });
  const off = controller.on('change', look);
  look();
  return () => {
    observer.disconnect();
    off();
    standing.forEach((host, frame) => clear(frame, host));
  };
}

/** Gives a placeholder the place of its frame, so that nothing around it moves. */
function take(frame: HTMLIFrameElement, host: HTMLElement): void {
  const { width, height } = frame.getBoundingClientRect();
  const looks = getComputedStyle(frame);
  const set = (name: string, value: string) => host.style.setProperty(name, value);
  for (const name of ['position', 'inset', 'float', 'margin', 'vertical-align']) set(name, looks.getPropertyValue(name));
  // The page may have centred it, and tells so only in pixels.
  if (looks.marginLeft === looks.marginRight && looks.marginLeft !== '0px') set('margin-inline', 'auto');
  set('display', looks.display === 'inline' ? 'inline-block' : 'block');
  if (!width) return; // it is in something that is not shown yet
  set('--width', `${width}px`);
  set('--height', `${height}px`);
}

/** The vendor that a frame names. */
function vendorOf({ dataset }: HTMLIFrameElement, shown: Document): Vendor | undefined {
  return shown.vendors.find(({ key }) => key === dataset.vendor);
}

function hostOf({ dataset }: HTMLIFrameElement): string {
  try {
    return new URL(dataset.src!, location.href).hostname;
  } catch {
    return dataset.src!; // it is no address, and its page is told by the name it has
  }
}
