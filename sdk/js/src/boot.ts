// Begins where the page has the script: its attributes say how.
import { start, type Options, type Volenti } from './consent';

declare global {
  interface Window {
    volenti?: Volenti;
  }
}

/** How a face is put on it; it gets the attributes of the script. */
export type Face = (volenti: Volenti, attributes: DOMStringMap, options: Options) => void;

/** Begins once on a page. As a module it does not begin by itself: see start. */
export function boot(face?: Face): void {
  if (typeof document === 'undefined') return;
  const script = document.currentScript as HTMLScriptElement | null;
  if (!script || window.volenti) return;
  try {
    const { dataset } = script;
    if (!dataset.site) throw new Error('the script needs data-site: the key of the site');
    const options: Options = { site: dataset.site, server: dataset.server || origin(script.src), auto: 'auto' in dataset, reload: 'reload' in dataset };
    const nonce = dataset.nonce || script.nonce;
    if (nonce) options.nonce = nonce;
    if (dataset.language) options.language = dataset.language;
    if (dataset.domain) options.domain = dataset.domain;
    window.volenti = start(options);
    if (face) face(window.volenti, dataset, options);
  } catch (error) {
    console.error('volenti:', error);
  }
}

/** The server that a script came from: what is before /sdk/. */
function origin(src: string): string {
  const { origin, pathname } = new URL(src, location.href);
  return origin + pathname.split('/sdk/')[0]!.replace(/\/[^/]*\.m?js$/, '');
}
