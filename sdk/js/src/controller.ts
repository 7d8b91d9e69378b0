// What a banner is built on: the state of one visitor on one page, and what can
// be done with it. The core keeps it; the built-in banner and pages of their own
// (headless) use nothing else.
import type { Change, Document, Standing } from './protocol';

/**
 * Why the visitor is asked, or is not.
 * loading: the document is not there yet; nothing but the necessary is allowed.
 * ask: there is no choice yet. expired, changed: there was one, and it is asked
 * again. settled: there is one that holds. signal: the browser's Global Privacy
 * Control answers, and no banner is shown over it. open: everything is allowed
 * until the visitor refuses (opt_out). failed: the document could not be had.
 */
export type Phase = 'loading' | 'ask' | 'expired' | 'changed' | 'settled' | 'signal' | 'open' | 'failed';

export interface State {
  readonly phase: Phase;
  /** What may run now, by category. */
  readonly categories: Readonly<Record<string, boolean>>;
  /** What may run now, by vendor. */
  readonly vendors: Readonly<Record<string, boolean>>;
  /** The browser asks not to sell or share. */
  readonly gpc: boolean;
  /** What changed since the visitor's last choice; for phase changed. */
  readonly changes: readonly Change[];
  /** A choice waits to be sent. */
  readonly queued: boolean;
  /** What the server holds, with the id to name in questions. */
  readonly standing: Standing | null;
}

export interface Events {
  /** After each change of the state. */
  change: State;
  /** Which layer is to be shown: 'ask', 'settings', or null for none. */
  layer: Layer;
  /** A choice was made, before it is sent. */
  choice: State;
  /** A choice was recorded by the server. */
  recorded: Standing;
  /** What went wrong, in words for developers. */
  error: Error;
}

export type Layer = 'ask' | 'settings' | null;

export interface Controller {
  readonly document: Document | null;
  readonly state: State;
  readonly layer: Layer;
  /** May this category or vendor run now? Unknown ones may not. */
  allowed(key: string): boolean;
  acceptAll(): void;
  refuseAll(): void;
  /** What is not named is refused. Vendors that differ from their category. */
  choose(categories: Record<string, boolean>, vendors?: Record<string, boolean>): void;
  /** Allows one vendor and leaves all else as it is: for blocked content. */
  allowVendor(key: string): void;
  withdraw(): void;
  /** Shows a layer; the way back that is always there opens settings. */
  open(layer?: Exclude<Layer, null>): void;
  /** Closes without a choice: nothing is agreed to. */
  close(): void;
  /** Gives the function that ends it. */
  on<E extends keyof Events>(event: E, listener: (what: Events[E]) => void): () => void;
}
