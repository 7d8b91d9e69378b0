// Listeners of a controller. One that fails harms nobody else.
import type { Events } from './controller';

type Listener<E extends keyof Events> = (what: Events[E]) => void;

export class Emitter {
  private all: { [E in keyof Events]?: Set<Listener<E>> } = {};

  on<E extends keyof Events>(event: E, listener: Listener<E>): () => void {
    const those = (this.all[event] || (this.all[event] = new Set() as never)) as Set<Listener<E>>;
    those.add(listener);
    return () => void those.delete(listener);
  }

  /** Tells listeners, and the page by a DOM event volenti:{event}. */
  tell<E extends keyof Events>(event: E, what: Events[E]): void {
    for (const listener of Array.from((this.all[event] as Set<Listener<E>> | undefined) || [])) safely(() => listener(what));
    safely(() => document.dispatchEvent(new CustomEvent('volenti:' + event, { detail: what })));
  }
}

/** Does something of which the page must not see a failure. */
export function safely<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch (error) {
    console.error('volenti:', error);
    return undefined;
  }
}
