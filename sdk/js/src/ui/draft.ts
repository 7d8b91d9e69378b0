import type { State } from '../controller';
import type { Document } from '../protocol';

/** What the switches of the settings say until they are saved. */
export interface Draft {
  readonly categories: Record<string, boolean>;
  readonly vendors: Record<string, boolean>;
  /** Switches a category, and all its vendors with it. */
  category(key: string, on: boolean): void;
  vendor(key: string, on: boolean): void;
  /** The vendors that differ from their category, as Controller.choose takes them. */
  differing(): Record<string, boolean>;
}

/**
 * Begins with what may run now. Where nothing was agreed to nothing is switched
 * on: a switch that was set before is no consent (CJEU C-673/17, Planet49).
 */
export function draft(shown: Document, state: State): Draft {
  const categories: Record<string, boolean> = {};
  const vendors: Record<string, boolean> = {};
  for (const { key, necessary } of shown.categories) categories[key] = !!necessary || state.categories[key] === true;
  for (const { key, category } of shown.vendors) {
    vendors[key] = necessaryIn(shown, category) || state.vendors[key] === true;
  }
  return {
    categories,
    vendors,
    category(key, on) {
      categories[key] = on;
      for (const vendor of shown.vendors) if (vendor.category === key) vendors[vendor.key] = on;
    },
    vendor(key, on) {
      vendors[key] = on;
    },
    differing() {
      const all: Record<string, boolean> = {};
      for (const { key, category } of shown.vendors) {
        if (vendors[key] !== categories[category]) all[key] = vendors[key]!;
      }
      return all;
    },
  };
}

function necessaryIn(shown: Document, key: string): boolean {
  return shown.categories.some((c) => c.key === key && c.necessary);
}
