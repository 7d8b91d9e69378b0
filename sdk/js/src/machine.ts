// What holds for a visitor. All of it is pure: documents, answers and times in,
// what may run out. Times are milliseconds since 1970.
import type { Phase, State } from './controller';
import type { Answer, Category, Document, Source, Standing, Submission, Vendor } from './protocol';

/** What the visitor has said on this device. */
export interface Held {
  /** Version that all was answered for; 0 when that never happened. */
  version: number;
  /** When the visitor is asked again. */
  expires_at: string;
  categories: Record<string, Answer>;
  vendors: Record<string, Answer>;
  /** The browser's signal as it was last recorded: for which version, until when. */
  signal?: { version: number; expires_at: string };
}

/** What runs, and why. */
export interface Verdict extends Pick<State, 'phase' | 'categories' | 'vendors' | 'changes'> {
  /** The next moment at which it may be otherwise without anybody doing anything. */
  until: number;
}

/** What a visitor wants; what is not named is refused. */
export interface Wish {
  categories: Record<string, boolean>;
  vendors?: Record<string, boolean> | undefined;
}

const day = 86_400_000;
/** How long an answer holds that agrees to nothing, in days. */
const refusalDays = 365;

const none: Held = { version: 0, expires_at: '', categories: {}, vendors: {} };

/** The value under a key of one's own, never one of the prototype. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.prototype.hasOwnProperty.call(record, key) ? record[key] : undefined;
}

const over = (at: string | undefined, now: number): boolean => !(Date.parse(at || '') > now); // what cannot be read is over

const holds = (said: Answer | undefined, since: number, now: number): boolean =>
  !!said && said.granted === true && said.version >= since && !over(said.expires_at, now);

/** The signal concerns a site only where something on it is a sale. */
const heeds = (document: Document, gpc: boolean): boolean => gpc && document.categories.some((c) => c.sale && !c.necessary);

/** Says what may run now. */
export function judge(document: Document, held: Held | null, now: number, gpc: boolean): Verdict {
  const { version, categories, vendors, signal, expires_at } = held || none;
  const open = document.mode === 'opt_out' && !version; // nothing was refused yet, but by the signal
  const verdict = {
    phase: phase(document, held, now, gpc),
    categories: {} as Record<string, boolean>,
    vendors: {} as Record<string, boolean>,
    changes: [] as State['changes'],
    until: Infinity,
  };
  if (verdict.phase === 'changed') verdict.changes = (document.changes || []).filter((c) => c.version > version);

  const ends = (at: string | undefined) => {
    const time = Date.parse(at || '');
    if (time > now) verdict.until = Math.min(verdict.until, time);
  };
  ends(expires_at);
  ends(signal && signal.expires_at);

  const sold = (c: Category, said: Answer | undefined) => c.sale && gpc && !(said && said.despite_gpc);
  const byKey: Record<string, Category> = {};
  for (const c of document.categories) {
    const said = own(categories, c.key);
    byKey[c.key] = c;
    ends(said && said.expires_at);
    verdict.categories[c.key] =
      !!c.necessary || (open ? !(c.sale && (gpc || signal)) : !sold(c, said) && holds(said, c.since, now));
  }
  for (const v of document.vendors) {
    const c = own(byKey, v.category);
    const said = own(vendors, v.key);
    const family = own(categories, v.category);
    ends(said && said.expires_at);
    verdict.vendors[v.key] =
      !!c &&
      (!!c.necessary ||
        (!(said && !said.granted) &&
          ((!sold(c, said) && holds(said, v.since, now)) ||
            (verdict.categories[c.key] === true && (open || holds(family, v.since, now))))));
  }
  return verdict;
}

function phase(document: Document, held: Held | null, now: number, gpc: boolean): Phase {
  const before = !held || !held.version ? (document.mode === 'opt_out' ? 'open' : 'ask')
    : held.version < document.material ? 'changed'
    : over(held.expires_at, now) ? 'expired'
    : 'settled';
  return before !== 'settled' && heeds(document, gpc) ? 'signal' : before;
}

/** Must the browser's signal be recorded? */
export function owes(document: Document, held: Held | null, now: number, gpc: boolean): boolean {
  if (!heeds(document, gpc)) return false;
  const { signal, categories, vendors } = held || none;
  return !signal || signal.version < document.material || over(signal.expires_at, now) ||
    document.categories.some((c) => c.sale && unmarked(own(categories, c.key))) ||
    document.vendors.some((v) => isSale(document, v) && unmarked(own(vendors, v.key)));
}

const unmarked = (said: Answer | undefined): boolean => !!said && said.granted && !said.despite_gpc;
const isSale = (document: Document, v: Vendor): boolean => document.categories.some((c) => c.key === v.category && !!c.sale);

/** The signal of the browser: it refuses what is a sale, and leaves all else. */
export function heed(document: Document, held: Held | null, now: number): Held {
  const before = held || none;
  const refuse = (all: Record<string, Answer>, sale: (key: string) => boolean) => {
    const after: Record<string, Answer> = {};
    for (const key of Object.keys(all)) {
      const said = all[key]!;
      after[key] = unmarked(said) && sale(key) ? { granted: false, version: document.version } : said;
    }
    return after;
  };
  return {
    ...before,
    categories: refuse(before.categories, (key) => document.categories.some((c) => c.key === key && !!c.sale)),
    vendors: refuse(before.vendors, (key) => document.vendors.some((v) => v.key === key && isSale(document, v))),
    signal: { version: document.version, expires_at: iso(now + refusalDays * day) },
  };
}

/**
 * A choice about everything. While the browser sends its signal only a visitor
 * who chooses overrides it; a script on their behalf does not.
 */
export function choose(document: Document, held: Held | null, now: number, gpc: boolean, source: Source, wish: Wish): Held {
  const after: Held = { version: document.version, expires_at: '', categories: {}, vendors: {} };
  const marked = gpc && source !== 'script';
  const stands = judge(document, held, now, gpc);
  let first = Infinity;
  const yes = (days: number, mark: boolean): Answer => {
    const ends = now + days * day;
    first = Math.min(first, ends);
    return { granted: true, expires_at: iso(ends), version: document.version, ...(mark && { despite_gpc: true }) };
  };
  for (const c of document.categories) {
    if (c.necessary) continue;
    const may = (running: boolean | undefined) => marked || !gpc || !c.sale || running === true;
    const mark = gpc && !!c.sale;
    const granted = own(wish.categories, c.key) === true && may(own(stands.categories, c.key));
    let days = c.days;
    for (const v of document.vendors) {
      if (v.category !== c.key) continue;
      const wanted = own(wish.vendors, v.key);
      if (wanted === false && granted) after.vendors[v.key] = { granted: false, version: document.version };
      else if (wanted === true && !granted && may(own(stands.vendors, v.key))) after.vendors[v.key] = yes(shorter(c.days, v), mark);
      else if (granted) days = shorter(days, v);
    }
    after.categories[c.key] = granted ? yes(days, mark) : { granted: false, version: document.version };
  }
  after.expires_at = iso(first === Infinity ? now + refusalDays * day : first);
  if (gpc) after.signal = { version: document.version, expires_at: after.expires_at };
  return after;
}

const shorter = (days: number, v: Vendor): number => (v.days && v.days > 0 ? Math.min(days, v.days) : days);
const iso = (time: number): string => new Date(time).toISOString();

/** A choice about one vendor; null when the document does not name it. */
export function allow(document: Document, held: Held | null, now: number, gpc: boolean, key: string): Held | null {
  const v = document.vendors.find((one) => one.key === key);
  const c = v && document.categories.find((one) => one.key === v.category);
  if (!v || !c || c.necessary) return null;
  const before = gpc ? heed(document, held, now) : held || none;
  const expires_at = iso(now + shorter(c.days, v) * day);
  return {
    ...before,
    expires_at: before.version && before.expires_at < expires_at ? before.expires_at : expires_at,
    vendors: { ...before.vendors, [key]: { granted: true, expires_at, version: document.version, ...(gpc && c.sale && { despite_gpc: true }) } },
  };
}

/** What is sent of it. */
export function submission(document: Document, held: Held, now: number, source: Source, device: string, id: string): Submission {
  const categories: Record<string, boolean> = {};
  const vendors: Record<string, boolean> = {};
  for (const c of document.categories) {
    if (!c.necessary) categories[c.key] = holds(own(held.categories, c.key), c.since, now);
  }
  for (const v of document.vendors) {
    const said = own(held.vendors, v.key);
    const granted = holds(said, v.since, now);
    const family = own(categories, v.category);
    if (said && family !== undefined && granted !== family && !(said.granted && !granted)) vendors[v.key] = granted; // a yes that has ended is no refusal
  }
  const { version, digest, language, region } = document;
  return { device, submission: id, version, digest, language, region, categories, ...(Object.keys(vendors).length > 0 && { vendors }), source };
}

/**
 * Takes over what the server recorded: when a yes ends, and where it knows
 * better that something is refused. It never makes a yes of a no, revives none,
 * and where not everything was answered, makes none longer.
 */
export function adopt(held: Held, standing: Standing, whole: boolean, now: number): Held {
  const takes = (mine: string | undefined, theirs: string | undefined) =>
    whole ? !over(mine, now) : !over(mine, Date.parse(theirs || ''));
  const merge = (mine: Record<string, Answer>, theirs: Record<string, Answer> | undefined) => {
    const after: Record<string, Answer> = {};
    for (const key of Object.keys(mine)) {
      const said = mine[key]!;
      const answer = own(theirs, key);
      if (!said.granted || !answer) after[key] = said;
      else if (!answer.granted) after[key] = answer;
      else after[key] = takes(said.expires_at, answer.expires_at) ? { ...said, expires_at: answer.expires_at || '' } : said;
    }
    return after;
  };
  return {
    ...held,
    ...(whole && takes(held.expires_at, standing.expires_at) && { expires_at: standing.expires_at }),
    categories: merge(held.categories, standing.categories),
    vendors: merge(held.vendors, standing.vendors),
  };
}

/** What stands for a device that another page of the site has chosen on. */
export function inherit(standing: Standing): Held {
  const { categories, vendors, expires_at, version, source, gpc } = standing;
  const kept = Object.keys(categories).some((key) => categories[key]!.granted && !!categories[key]!.expires_at);
  return {
    version: source === 'gpc' && !kept ? 0 : version, // a signal alone is no answer to everything
    expires_at,
    categories,
    vendors: vendors || {},
    ...(gpc && { signal: { version, expires_at } }),
  };
}

/** What is left of a choice that the server cannot record: what was refused. It is asked again. */
export function lapse(held: Held, now: number): Held {
  const refuse = (all: Record<string, Answer>) => {
    const after: Record<string, Answer> = {};
    for (const key of Object.keys(all)) after[key] = { granted: false, version: all[key]!.version };
    return after;
  };
  return { version: held.version, expires_at: iso(now), categories: refuse(held.categories), vendors: refuse(held.vendors) };
}
