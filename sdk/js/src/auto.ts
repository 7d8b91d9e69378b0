// Holds back scripts and frames that other code of the page inserts, by the
// hosts and addresses that the document lists for vendors. What stands in the
// HTML itself the browser has asked for before any script can hinder it: that
// needs data-category or data-vendor.
import type { Document as Shown, Vendor } from './protocol';

type Loads = HTMLScriptElement | HTMLIFrameElement;

export class Auto {
  private shown: Shown | null = null;
  private readonly origin: string;
  /** Held while nobody knows yet what the site asks. */
  private early: [Loads, string][] = [];

  /** may tells whether a vendor runs; hold keeps an element until it does. */
  constructor(server: string, private readonly may: (vendor: string) => boolean, private readonly hold: (element: Loads) => void) {
    const auto = this;
    const home = resolve(server);
    this.origin = home ? home.origin : '';
    for (const kind of [HTMLScriptElement, HTMLIFrameElement]) {
      const src = Object.getOwnPropertyDescriptor(kind.prototype, 'src')!;
      Object.defineProperty(kind.prototype, 'src', {
        ...src,
        set(this: Loads, url: unknown) {
          if (!auto.holds(this, String(url))) src.set!.call(this, url);
        },
      });
    }
    const { setAttribute } = Element.prototype;
    Element.prototype.setAttribute = function (name: string, value: string): void {
      const loads = (this instanceof HTMLScriptElement || this instanceof HTMLIFrameElement) && String(name).toLowerCase() === 'src';
      if (!loads || !auto.holds(this as Loads, String(value))) setAttribute.call(this, name, value);
    };
  }

  /** Takes the document, and looks again at what came before it. */
  update(shown: Shown): void {
    this.shown = shown;
    for (const [element, url] of this.early.splice(0)) {
      if (element.dataset.src !== url) continue; // it has got another since
      delete element.dataset.src;
      if (!this.holds(element, url)) element.src = url;
    }
  }

  private holds(element: Loads, address: string): boolean {
    const url = resolve(address);
    if (!url || !/^https?:$/.test(url.protocol)) return false;
    if (!this.shown) {
      if (url.origin === location.origin || url.origin === this.origin) return false;
      this.early.push([element, address]);
    } else {
      const vendor = vendorOf(this.shown.vendors, url);
      if (!vendor || this.may(vendor.key)) return false;
      element.dataset.vendor = vendor.key;
      this.hold(element);
    }
    element.dataset.src = address;
    return true;
  }
}

function resolve(address: string): URL | null {
  try {
    return new URL(address, document.baseURI);
  } catch {
    return null; // the browser will say so itself
  }
}

/** The first vendor that lists a host, *. for all below one, or a part of the address. */
export function vendorOf(vendors: Pick<Vendor, 'key' | 'hosts' | 'scripts'>[], { hostname, href }: Pick<URL, 'hostname' | 'href'>) {
  return vendors.find(
    (v) =>
      (v.hosts || []).some((host) => (host[0] === '*' ? hostname.slice(1 - host.length) === host.slice(1) : hostname === host)) ||
      (v.scripts || []).some((part) => part !== '' && href.indexOf(part) >= 0),
  );
}
