// With the built-in face.
import { bind } from './bind';
import { boot } from './boot';

export { start, type Options, type Volenti } from './consent';
export type { Controller, Events, Layer, Phase, State } from './controller';
export type * from './protocol';

boot((volenti) => bind(volenti));
