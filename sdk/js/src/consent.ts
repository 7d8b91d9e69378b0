// The controller: what the visitor has said, what may run, and what the server
// knows of it. It has no face.
import { Auto } from './auto';
import { Blocker, clear } from './block';
import { Client, Refusal } from './client';
import type { Controller, Events, Layer, State } from './controller';
import { Emitter, safely } from './events';
import { Google } from './google';
import { adopt, allow, choose, heed, inherit, judge, lapse, own, owes, submission, type Held, type Verdict } from './machine';
import { isStanding, Keeper, maxReceipts, newDevice, newSubmission, type Memory, type Receipt, type Sending } from './memory';
import type { Document, Source } from './protocol';

export interface Options {
  /** Public key of the site. */
  site: string;
  /** Where the server is, like https://consent.example. */
  server: string;
  /** BCP 47 tags, the best first; of the page and the browser unless told. */
  language?: string;
  /** Of the page's Content Security Policy, for scripts that were held back. */
  nonce?: string;
  /** Domain of the cookie, like shop.example, where several hosts share it. */
  domain?: string;
  /** Holds back what other code inserts from the hosts of vendors, too. */
  auto?: boolean;
  /** Loads the page anew where something runs already that is refused. */
  reload?: boolean;
}

/** What a page finds as window.volenti. */
export interface Volenti extends Controller {
  /** Resolves when the site's document is there, or could not be had. */
  readonly ready: Promise<Controller>;
  /** Random id of this device; '' before there is a choice. Whoever has it speaks for the visitor. */
  readonly device: string;
  /** What the server has recorded last, the newest first. */
  readonly receipts: readonly Receipt[];
  /** Something runs that is refused by now: it ends when the page is loaded anew. */
  readonly stale: boolean;
}

const pauses = { first: 1000, longest: 300_000 }; // milliseconds between attempts
const longestTimer = 2 ** 31 - 1;

class Consent implements Volenti {
  document: Document | null = null;
  layer: Layer = null;
  stale = false;
  readonly ready: Promise<Controller>;

  private readonly events = new Emitter();
  private readonly client: Client;
  private readonly keeper: Keeper;
  private readonly blocker: Blocker;
  private readonly auto: Auto | undefined;
  private readonly google = new Google();
  private readonly gpc = (navigator as { globalPrivacyControl?: unknown }).globalPrivacyControl === true;
  private memory: Memory;
  private verdict: Verdict;
  private current: State;
  private known = '';
  private closed = false; // the visitor was asked on this page, and did not answer
  private loaded = false;
  /** The server is asked; one question at a time. */
  private sending = false;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private turn: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: Options) {
    this.client = new Client(options.server, options.site);
    this.keeper = new Keeper(options.site, options.domain || '');
    this.memory = this.keeper.read();
    this.blocker = new Blocker(options.nonce || '');
    if (options.auto) {
      this.auto = new Auto(options.server, (vendor) => own(this.current.vendors, vendor) === true, (element) => this.blocker.hold(element));
    }
    this.verdict = unjudged('loading');
    this.current = this.told();
    this.blocker.update(this.current);
    addEventListener('storage', ({ key }) => (key === this.keeper.key || key === null) && this.look());
    addEventListener('online', () => this.again());
    document.addEventListener('visibilitychange', () => this.look());
    this.ready = this.load().then(() => this);
  }

  get state(): State {
    this.fresh();
    return this.current;
  }

  get device(): string {
    return this.memory.device;
  }

  get receipts(): readonly Receipt[] {
    return this.memory.receipts;
  }

  allowed(key: string): boolean {
    this.fresh();
    const category = own(this.current.categories, key);
    const vendor = own(this.current.vendors, key);
    return (category || vendor) === true && category !== false && vendor !== false;
  }

  acceptAll(): void {
    const categories: Record<string, boolean> = {};
    for (const c of (this.document || { categories: [] }).categories) categories[c.key] = true;
    this.choose(categories);
  }

  refuseAll(): void {
    this.choose({});
  }

  choose(categories: Record<string, boolean>, vendors?: Record<string, boolean>): void {
    const { document } = this;
    if (!document) return this.fail(new Error('there is no document to choose by yet: wait for ready'));
    const source: Source = this.layer === 'ask' ? 'banner' : this.layer === 'settings' ? 'preferences' : 'script';
    this.say(source, choose(document, this.memory.held, this.now(), this.gpc, source, { categories, vendors }), true);
    this.show(null);
  }

  allowVendor(key: string): void {
    const held = this.document && allow(this.document, this.memory.held, this.now(), this.gpc, key);
    if (held) this.say('preferences', held, false);
    else this.fail(new Error('there is no vendor of this key to allow'));
  }

  withdraw(): void {
    const { document } = this;
    if (!document || !this.memory.device) return this.refuseAll();
    const now = this.now();
    const held = choose(document, this.memory.held, now, this.gpc, 'preferences', { categories: {} });
    this.keep(now, held, (device) => ({ to: '/withdraw', body: { device, submission: newSubmission() } }));
    this.events.tell('choice', this.current);
    this.show(null);
    this.again();
  }

  open(layer: Exclude<Layer, null> = 'settings'): void {
    if (this.document) this.show(layer);
  }

  close(): void {
    this.closed = true;
    this.show(null);
  }

  on<E extends keyof Events>(event: E, listener: (what: Events[E]) => void): () => void {
    return this.events.on(event, listener);
  }

  // What holds.

  /** The clock never goes back: what has ended does not begin again when it is set back. */
  private now(): number {
    const { seen, standing } = this.memory;
    return Math.max(Date.now(), seen, (standing && Date.parse(standing.updated_at)) || 0);
  }

  private fresh(): void {
    if (this.now() >= this.verdict.until) this.look();
  }

  private told(): State {
    const { phase, categories, vendors, changes } = this.verdict;
    const { queue, standing } = this.memory;
    return { phase, categories, vendors, changes, gpc: this.gpc, queued: queue.length > 0, standing };
  }

  /** Judges anew, and tells where something has changed. */
  private look(): void {
    this.memory = this.keeper.read();
    const { document, memory } = this;
    if (!document) return;
    const now = this.now();
    this.judged(judge(document, memory.held, now, this.gpc));
    const { until, phase, categories } = this.verdict;
    clearTimeout(this.turn);
    if (until < Infinity) this.turn = setTimeout(() => this.look(), Math.min(Math.max(until - now, 0), longestTimer));
    const asks = phase === 'ask' || phase === 'expired' || phase === 'changed';
    if (asks && !this.closed && !this.layer) this.show('ask');
    if (!asks && this.layer === 'ask') this.show(null);
    if (memory.device && memory.held) {
      const { held: { expires_at, signal } } = memory;
      const granted = document.categories.filter((c) => categories[c.key] && !c.necessary).map((c) => c.key);
      this.keeper.show(memory.device, granted, (Date.parse(expires_at || (signal ? signal.expires_at : '')) - now) / 1000 || 0);
    }
  }

  private judged(verdict: Verdict): void {
    this.verdict = verdict;
    this.current = this.told();
    const known = JSON.stringify(this.current);
    if (known === this.known) return;
    this.known = known;
    this.apply();
    this.events.tell('change', this.current);
  }

  /** Brings what may run onto the page. */
  private apply(): void {
    const { document } = this;
    if (document) {
      safely(() => this.google.update(document, (key) => own(this.current.categories, key) === true));
      safely(() => clear(document, this.current, this.keeper.key));
    }
    const left = safely(() => this.blocker.update(this.current)) || [];
    if (document && this.auto) this.auto.update(document);
    if (left.length === 0 || this.stale) return;
    this.stale = true;
    if (this.options.reload) location.reload();
  }

  private show(layer: Layer): void {
    if (this.layer === layer) return;
    this.layer = layer;
    this.events.tell('layer', layer);
  }

  private fail(error: Error): void {
    this.events.tell('error', error);
  }

  // What is said, and sent.

  private say(source: Source, held: Held, whole: boolean): void {
    const { document } = this;
    if (!document) return;
    const now = this.now();
    this.keep(now, held, (device) => ({ to: '', whole, body: submission(document, held, now, source, device, newSubmission()) }));
    if (source !== 'gpc') this.events.tell('choice', this.current);
    this.again();
  }

  /** What is said holds at once; it waits to be sent until it is recorded. */
  private keep(now: number, held: Held, sending: (device: string) => Sending): void {
    this.memory = this.keeper.change((memory) => {
      memory.device = memory.device || newDevice();
      memory.seen = now;
      memory.held = held;
      memory.document = this.document;
      memory.queue.push(sending(memory.device));
    });
    this.look();
  }

  private again(): void {
    clearTimeout(this.retry);
    if (this.loaded) void this.flush();
    else void this.load();
  }

  private later(): void {
    clearTimeout(this.retry);
    const pause = Math.min(pauses.longest, pauses.first * 2 ** this.failures++);
    this.retry = setTimeout(() => this.again(), pause * (0.75 + Math.random() / 2));
  }

  private async flush(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let next = this.memory.queue[0]; next; next = this.memory.queue[0]) await this.send(next);
      this.failures = 0;
    } catch (error) {
      this.fail(error as Error);
      this.later();
    } finally {
      this.sending = false;
    }
  }

  /** Sends one; what it fails with is to be tried again later. */
  private async send(sending: Sending): Promise<void> {
    const { submission: id } = sending.body;
    try {
      const { consent } = await this.client.post(sending.to, sending.body);
      if (sending.to === '' && !isStanding(consent)) throw new Refusal(0, 'the server did not say what it has recorded');
      this.memory = this.keeper.change((memory) => {
        memory.queue = memory.queue.filter((one) => one.body.submission !== id);
        if (sending.to !== '') {
          memory.standing = null;
          return;
        }
        const standing = consent!;
        const now = this.now();
        memory.standing = standing;
        memory.seen = Date.parse(standing.updated_at) || memory.seen; // the server's clock is the better one
        if (memory.held && memory.queue.length === 0) memory.held = adopt(memory.held, standing, sending.whole, now);
        const { sequence, version, digest, updated_at } = standing;
        memory.receipts = [{ submission: id, id: standing.id, sequence, version, digest, updated_at }, ...memory.receipts].slice(0, maxReceipts);
      });
      this.look();
      if (consent && sending.to === '') this.events.tell('recorded', consent);
    } catch (error) {
      if (!(error instanceof Refusal) || error.passing) throw error;
      await this.refused(sending, error);
    }
  }

  /** The server will never record this one as it is. */
  private async refused(sending: Sending, why: Refusal): Promise<void> {
    const { submission: id } = sending.body;
    const newest = this.memory.queue[this.memory.queue.length - 1];
    const gone = sending.to === '/withdraw' && why.status === 404; // nothing stands: that is what was wanted
    if (!gone && newest && newest.body.submission === id) {
      // Was it about a version that is not published any more? Then it is asked
      // again. Else it waits until somebody has mended the site.
      const document = await this.client.configuration(this.language(), true);
      if (sending.to !== '' || sending.body.digest === document.digest) {
        this.failures = 9; // the longest pause
        throw why;
      }
      this.document = document;
    }
    this.memory = this.keeper.change((memory) => {
      memory.queue = memory.queue.filter((one) => one.body.submission !== id);
      if (gone) memory.standing = null;
      if (gone || !memory.held || memory.queue.length > 0) return;
      if (sending.to === '' && sending.body.source === 'gpc') delete memory.held.signal;
      else memory.held = lapse(memory.held, this.now());
    });
    if (!gone) this.fail(why);
    this.heed();
    this.look();
  }

  // What the site asks.

  private language(): string {
    return this.options.language || [document.documentElement.lang, ...(navigator.languages || [])].filter(Boolean).slice(0, 8).join(',');
  }

  private async load(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      this.document = await this.client.configuration(this.language(), false);
      await this.recall();
      this.loaded = true;
      this.failures = 0;
    } catch (error) {
      this.fail(error as Error);
      this.document = this.document || this.keeper.read().document;
      this.later();
    }
    this.sending = false;
    safely(() => (this.document ? this.begin() : this.judged(unjudged('failed'))));
  }

  /** Asks what another host of the site has chosen, where only the cookie tells of it. */
  private async recall(): Promise<void> {
    const { device, held } = (this.memory = this.keeper.read());
    if (!device || held) return;
    try {
      const { consent } = await this.client.post('/current', { device });
      if (!isStanding(consent)) return;
      this.memory = this.keeper.change((memory) => {
        if (memory.held) return;
        memory.standing = consent;
        memory.held = inherit(consent);
      });
    } catch (error) {
      this.fail(error as Error); // it is asked again
    }
  }

  private begin(): void {
    if (this.memory.device) {
      this.memory = this.keeper.change((memory) => {
        memory.seen = this.now();
        memory.document = this.document;
      });
    }
    this.heed();
    this.look();
    if (this.loaded && this.memory.queue.length > 0) void this.flush();
  }

  /** Records the browser's signal, where that is owed. */
  private heed(): void {
    const { document, memory } = this;
    const now = this.now();
    if (document && owes(document, memory.held, now, this.gpc)) this.say('gpc', heed(document, memory.held, now), false);
  }
}

/** Without a document nothing may run but what is necessary. */
function unjudged(phase: 'loading' | 'failed'): Verdict {
  return { phase, categories: { necessary: true }, vendors: {}, changes: [], until: Infinity };
}

/** Begins on a page, which sees no failure of it. */
export function start(options: Options): Volenti {
  return new Consent(options);
}
