// A slow and obvious model of what may run: it keeps all that was ever said, and
// looks through it each time.
import { day, type Step } from './world';
import type { Category, Document, Vendor } from '../src/protocol';

interface Saying {
  about: string;
  yes: boolean;
  at: number;
  days: number;
  version: number;
  despite: boolean;
}

export class Model {
  private sayings: Saying[] = [];
  private answered = false;
  private signalled = false;

  /** Hears a step, before it happens. */
  hear(step: Step, document: Document, now: number): void {
    const version = document.version;
    const category = (v: Vendor) => document.categories.find((c) => c.key === v.category);
    const least = (days: number[]) => Math.min(...days.filter((n) => n > 0));
    const say = (about: string, yes: boolean, days: number, despite: boolean) => this.sayings.push({ about, yes, at: now, days, version, despite });

    if (step.what === 'signal' || (step.what === 'allow' && step.gpc && document.vendors.some((v) => v.key === step.vendor && category(v) && !category(v)!.necessary))) {
      this.signalled = true;
      for (const c of document.categories) {
        const last = this.last(c.key);
        if (c.sale && last && last.yes && !last.despite) say(c.key, false, 0, false);
      }
      for (const v of document.vendors) {
        const last = this.last('vendor ' + v.key);
        if (category(v)?.sale && last && last.yes && !last.despite) say('vendor ' + v.key, false, 0, false);
      }
    }
    if (step.what === 'allow') {
      for (const v of document.vendors) {
        const c = category(v);
        if (v.key === step.vendor && c && !c.necessary) say('vendor ' + v.key, true, least([c.days, v.days || 0]), step.gpc && !!c.sale);
      }
    }
    if (step.what !== 'choose') return;
    const visitor = step.source !== 'script';
    const ran = { category: new Map<string, boolean>(), vendor: new Map<string, boolean>() };
    for (const c of document.categories) ran.category.set(c.key, this.category(c, document, now, step.gpc));
    for (const v of document.vendors) ran.vendor.set(v.key, this.vendor(v, document, now, step.gpc));
    const wish = (of: Record<string, boolean>, key: string) => (Object.keys(of).includes(key) ? of[key] : undefined);
    this.sayings = this.sayings.filter((s) => !s.about); // all is said anew
    this.answered = true;
    this.signalled = step.gpc;
    for (const c of document.categories) {
      if (c.necessary) continue;
      const despite = step.gpc && !!c.sale;
      const may = (before: boolean | undefined) => !(c.sale && step.gpc) || visitor || before === true;
      const yes = wish(step.categories, c.key) === true && may(ran.category.get(c.key));
      const theirs = document.vendors.filter((v) => v.category === c.key);
      const taken = theirs.filter((v) => wish(step.vendors, v.key) !== false);
      say(c.key, yes, least([c.days, ...taken.map((v) => v.days || 0)]), despite);
      for (const v of theirs) {
        const wanted = wish(step.vendors, v.key);
        if (yes && wanted === false) say('vendor ' + v.key, false, 0, false);
        if (!yes && wanted === true && may(ran.vendor.get(v.key))) say('vendor ' + v.key, true, least([c.days, v.days || 0]), despite);
      }
    }
  }

  private last(about: string): Saying | undefined {
    return this.sayings.filter((s) => s.about === about).pop();
  }

  private stands(about: string, since: number, now: number, sold: boolean): boolean {
    const last = this.last(about);
    return !!last && last.yes && now < last.at + last.days * day && last.version >= since && !(sold && !last.despite);
  }

  category(c: Category, document: Document, now: number, gpc: boolean): boolean {
    if (c.necessary) return true;
    if (document.mode === 'opt_out' && !this.answered) return !(c.sale && (gpc || this.signalled));
    return this.stands(c.key, c.since, now, !!c.sale && gpc);
  }

  vendor(v: Vendor, document: Document, now: number, gpc: boolean): boolean {
    const c = document.categories.find((one) => one.key === v.category);
    if (!c) return false;
    if (c.necessary) return true;
    const last = this.last('vendor ' + v.key);
    if (last && !last.yes) return false;
    if (this.stands('vendor ' + v.key, v.since, now, !!c.sale && gpc)) return true;
    if (!this.category(c, document, now, gpc)) return false;
    if (document.mode === 'opt_out' && !this.answered) return true;
    return this.last(c.key)!.version >= v.since;
  }

  running(document: Document, now: number, gpc: boolean): string[] {
    return [
      ...document.categories.filter((c) => this.category(c, document, now, gpc)).map((c) => c.key),
      ...document.vendors.filter((v) => this.vendor(v, document, now, gpc)).map((v) => 'vendor ' + v.key),
    ].sort();
  }
}
