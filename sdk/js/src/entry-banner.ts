// With the built-in face.
import { boot } from './boot';
import { mount } from './ui/mount';

export { start, type Options, type Volenti } from './consent';
export type { Controller, Events, Layer, Phase, State } from './controller';
export type * from './protocol';
export { mount };

boot((volenti, { button, scheme }, { nonce }) => {
  mount(volenti, { nonce, button: button !== 'false', scheme: scheme === 'light' || scheme === 'dark' ? scheme : undefined });
});
