// Without a face: for pages that draw their own by window.volenti.
import { boot } from './boot';

export { start, type Options, type Volenti } from './consent';
export type { Controller, Events, Layer, Phase, State } from './controller';
export type * from './protocol';

boot();
