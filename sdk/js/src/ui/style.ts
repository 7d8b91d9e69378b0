// What it looks like. Sizes are in em of the visitor's own font size, and of one
// scale: 1.125 for titles, 1 for text, 0.875 for what is said beside it; space is
// in quarters. Every pair of text and ground has a contrast of 4.5, every edge
// that says something one of 3. THEMING.md names the properties of a theme.

import type { Document } from '../protocol';

export interface Dress {
  /** The nonce of the page's CSP: for browsers that cannot adopt style sheets. */
  nonce?: string | undefined;
  /** The scheme of colours; without it the one that the visitor prefers. */
  scheme?: 'light' | 'dark' | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    'volenti-banner': HTMLElement;
    'volenti-blocked': HTMLElement;
  }
}

/** What is published of the looks. The properties of the page count more. */
type Look = Document['look'];

/** Gives an element a shadow that is dressed. */
export function dress(host: HTMLElement, dress: Dress, look?: Look): ShadowRoot {
  const root = host.attachShadow({ mode: 'open' });
  if (!root.adoptedStyleSheets) root.append(document.createElement('style'));
  paint(root, dress, look);
  return root;
}

/** Dresses a shadow anew, with what was published. */
export function paint(root: ShadowRoot, { nonce, scheme }: Dress, look: Look = {}): void {
  const text = colours(scheme, look) + form;
  if (root.adoptedStyleSheets) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    root.adoptedStyleSheets = [sheet];
  } else {
    const style = root.querySelector('style')!;
    if (nonce) style.nonce = nonce;
    style.textContent = text;
  }
}

function colours(scheme: Dress['scheme'], look: Record<string, string>): string {
  const light = palette('light', look, '', '#fff', '#1c2127', '#59626c', '#d5dae0', '#767f89');
  const dark = palette('dark', look, 'dark-', '#1d2126', '#eceef0', '#abb3bc', '#3d444c', '#8a939d');
  if (scheme) return scheme === 'dark' ? dark : light;
  return `${light}@media(prefers-color-scheme:dark){${dark}}`;
}

function palette(scheme: string, look: Record<string, string>, before: string, background: string, text: string, quiet: string, line: string, edge: string): string {
  const set = (short: string, name: string, usual: string) => `--${short}:var(--volenti-${name},${look[before + name] || look[name] || usual});`;
  return `:host{--s:${scheme};` + set('b', 'background', background) + set('t', 'text', text) + set('q', 'quiet', quiet) + set('l', 'line', line) +
    set('e', 'edge', edge) + set('a', 'accent', 'var(--t)') + set('o', 'on-accent', 'var(--b)') + set('r', 'radius', '.5em') +
    set('f', 'font', 'system-ui,sans-serif') + set('z', 'size', 'medium') + set('w', 'width', '48em') + set('p', 'position', 'auto 1em 1em') + set('n', 'position', 'auto .5em .5em') + '}';
}

// The page reaches nothing in here but by the properties of a theme.
const form = `
:host(volenti-banner){all:initial!important;display:contents!important}
:host(volenti-blocked){width:100%;max-width:var(--width,100%);overflow:hidden;container-type:inline-size}
.blocked{all:initial}
*{box-sizing:border-box;margin:0;overflow-wrap:anywhere}
[hidden]{display:none!important}
.card,.corner,dialog,.blocked{font:var(--z)/1.5 var(--f);color:var(--t);color-scheme:var(--s)}
.card,dialog,.corner>button,[role=status],.blocked{background:var(--b);border:1px solid var(--l);border-radius:var(--r)}
.card,dialog,.corner>button,[role=status]{box-shadow:0 .25em 1.5em #0003}
h2,h3{font-size:1.125em;line-height:1.25;font-weight:600}
h3{font-size:1em;line-height:1.5}
h2,h3,button,summary{hyphens:auto}
ul{padding:0;list-style:none}
a,.plain{color:inherit;text-underline-offset:.2em}
a{display:inline-block;padding:.125em 0}
button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
:focus-visible{outline:2px solid var(--t);outline-offset:2px}
.head{display:flex;gap:1em;align-items:start;justify-content:space-between}
.cross{flex:none;width:2em;height:2em;margin:-.25em -.5em -.25em 0;margin-inline:0 -.5em;border-radius:var(--r);line-height:1}
.cross::before{content:"×";font-size:1.5em}
.quiet,.facts,[role=status],.line,.corner>button{font-size:.875em}
.quiet,dt{color:var(--q)}
.news{padding-inline-start:.75em;border-inline-start:.25em solid var(--a)}
.news li{margin-top:.25em;font-weight:600}
.news .quiet{display:block;font-weight:400}
.links{display:flex;flex-wrap:wrap;gap:0 1.5em}
.links:empty{display:none}
.acts{display:grid;grid-auto-rows:1fr;gap:.5em}
.acts button,.blocked button{min-height:2.75em;padding:.5em 1em;font-weight:600;line-height:1.25;color:var(--o);background:var(--a);border:1px solid var(--a);border-radius:var(--r)}
button:hover,summary:hover{text-decoration:underline}
.plain{min-height:1.75em;text-decoration:underline}
.ask{position:fixed;z-index:2147483647;inset:var(--p);margin:auto;max-width:var(--w);max-height:calc(100% - 2em);overflow:auto;padding:1.5em;container-type:inline-size}
.ask>*+*{margin-top:.75em}
.ask>.acts{margin-top:1.25em}
.under{opacity:0}
@container(min-width:32em){.acts{grid-template-columns:repeat(3,1fr)}}
dialog{position:fixed;inset:0;margin:auto;width:48em;max-width:calc(100% - 2em);max-height:calc(100% - 2em);padding:0;display:flex;flex-direction:column;overflow:auto;container-type:inline-size}
dialog::backdrop{background:#0009}
dialog>*{padding:1.25em 1.5em}
dialog>.head{border-bottom:1px solid var(--l)}
dialog>.acts{border-top:1px solid var(--l)}
.body{display:grid;gap:1.25em;overflow:auto;overscroll-behavior:contain}
.body>section{display:grid;gap:.5em;padding-bottom:1.25em;border-bottom:1px solid var(--l)}
.row{display:flex;gap:1em;align-items:start;justify-content:space-between}
.row>.quiet{flex:none}
[role=switch]{appearance:none;flex:none;position:relative;width:2.75em;height:1.5em;margin:0;font-size:1em;cursor:pointer;background:var(--b);border:1px solid var(--e);border-radius:1em}
[role=switch]::before{content:"";position:absolute;inset-block:.1875em;inset-inline-start:.1875em;width:1em;border-radius:1em;background:var(--e)}
[role=switch]:checked{background:var(--a);border-color:var(--a)}
[role=switch]:checked::before{inset-inline-start:1.4375em;background:var(--o)}
summary{cursor:pointer;width:fit-content;padding:.125em 0;min-height:1.5em}
.vendors{margin-top:.5em;padding-inline-start:1em;border-inline-start:1px solid var(--l)}
.vendors>li{padding:.5em 0;content-visibility:auto;contain-intrinsic-size:auto 2.75em}
.vendors details{flex:1;min-width:0}
.facts{padding:.5em 0}
dl{display:grid;grid-template-columns:minmax(min-content,max-content) 1fr;gap:.25em 1em}
dl+a{margin-top:.5em}
.standing{display:flex;flex-wrap:wrap;gap:.5em 1.5em;align-items:center;justify-content:space-between}
code{display:block;unicode-bidi:isolate;font:1em/1.5 ui-monospace,monospace}
.corner{position:fixed;z-index:2147483646;inset-block:1em;inset-inline-start:1em;max-width:calc(100% - 2em);display:grid;gap:.5em;place-content:end start;justify-items:start;pointer-events:none}
.up{align-content:start}
.corner>*{pointer-events:auto}
.corner>button{padding:.5em 1em;min-height:2.25em;line-height:1.25}
[role=status]{padding:.5em 1em}
[role=status]:empty{padding:0;border:0;box-shadow:none}
.line{display:flex;gap:1em;align-items:start;max-width:32em;padding:.75em 1em}
.blocked{display:grid;grid-auto-rows:max-content;gap:.75em;align-content:safe center;justify-items:center;text-align:center;box-sizing:border-box;height:var(--height,auto);overflow:auto;padding:1.5em}
@container(max-width:24em){.blocked{gap:.25em;padding:.5em;font-size:small;line-height:1.375}.blocked button{min-height:2em;padding:.25em 1em}}
@media(max-width:30em){.ask{padding:1em;inset:var(--n);max-height:calc(100% - 1em)}dialog>*{padding:1em}}
@media(max-width:40em){dialog{width:100%;max-width:100%;height:100%;max-height:100%;border:0;border-radius:0}}
@media(max-height:30em){dialog{display:block}}
@media(prefers-reduced-motion:no-preference){[role=switch]::before{transition:inset-inline-start .15s}}
@media(forced-colors:active){[role=switch]{forced-color-adjust:none;--b:ButtonFace;--e:ButtonText;--a:Highlight;--o:HighlightText}}
@media print{:host(volenti-banner),:host(volenti-blocked){display:none!important}}
`;
