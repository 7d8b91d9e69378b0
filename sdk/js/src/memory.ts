// What is kept on the device: in local storage, and beside it a cookie that the
// company's server can read. Before the visitor has chosen nothing is kept.
import type { Held } from './machine';
import type { Answer, Document, Standing, Submission } from './protocol';

export interface Memory {
  /** Random id, hex; '' before there is something to keep. */
  device: string;
  /** The largest time that was seen, in milliseconds: a clock set back revives nothing. */
  seen: number;
  held: Held | null;
  /** What the server holds. */
  standing: Standing | null;
  /** What is not recorded yet, the oldest first. */
  queue: Sending[];
  /** The last that were recorded, the newest first. */
  receipts: Receipt[];
  /** The last document, for when there is no network. */
  document: Document | null;
}

/** A choice on its way: to .../consents, about everything or not; or to .../consents/withdraw. */
export type Sending = { to: ''; body: Submission; whole: boolean } | { to: '/withdraw'; body: { device: string; submission: string } };

/** What shows later that a choice was recorded. */
export interface Receipt {
  submission: string;
  /** The consent and the number of its record. */
  id: string;
  sequence: number;
  version: number;
  digest: string;
  updated_at: string;
}

export const maxReceipts = 20;

const empty = (): Memory => ({ device: '', seen: 0, held: null, standing: null, queue: [], receipts: [], document: null });

/** Where a site keeps its memory. A storage that is refused or full is done without. */
export class Keeper {
  private memory = empty();
  /** This page has written, and could read it again. */
  private stored = false;
  readonly key: string;

  constructor(site: string, private readonly domain: string) {
    this.key = 'volenti.' + site;
  }

  /** What is kept now; another tab may have changed it. */
  read(): Memory {
    try {
      const text = localStorage.getItem(this.key);
      if (text !== null) this.memory = sound(JSON.parse(text)) || empty();
      else if (this.stored) this.memory = empty(); // the visitor has cleared it
    } catch {
      // There is no storage, or what is in it is damaged: what this page knows counts.
    }
    this.memory.device = this.memory.device || this.cookie();
    return this.memory;
  }

  /** Changes what is kept, and gives it. */
  change(how: (memory: Memory) => void): Memory {
    const memory = this.read();
    how(memory);
    if (!memory.device) return memory;
    this.stored = this.put(memory);
    if (!this.stored) {
      // There is none, or it is full. What was there must not outlive what finds no
      // room: it may be a yes that was taken back.
      this.put(null);
      this.stored = this.put({ ...memory, document: null });
    }
    return memory;
  }

  private put(memory: Memory | null): boolean {
    try {
      if (memory) localStorage.setItem(this.key, JSON.stringify(memory));
      else localStorage.removeItem(this.key);
      return true;
    } catch {
      return false;
    }
  }

  /** The device that the cookie names: another host of the site may have set it. */
  private cookie(): string {
    try {
      const found = /(?:^|;\s*)volenti=([0-9a-f]{32})(?:\.|;|$)/.exec(document.cookie);
      return found ? found[1]! : '';
    } catch {
      return '';
    }
  }

  /** Writes the cookie: the device, and what may run, for as long as it holds. */
  show(device: string, granted: string[], seconds: number): void {
    try {
      document.cookie =
        'volenti=' + [device, ...granted].join('.') + '; Path=/; SameSite=Lax; Max-Age=' + Math.max(0, Math.floor(seconds)) +
        (location.protocol === 'https:' ? '; Secure' : '') + (this.domain && '; Domain=' + this.domain);
    } catch {
      // A page without cookies, like a frame in a sandbox.
    }
  }
}

/** 128 random bits, hex. */
export function newDevice(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => (b + 256).toString(16).slice(1)).join('');
}

/** A random UUID, of version 4. */
export function newSubmission(): string {
  const b = newDevice();
  const variant = '89ab'[parseInt(b[16]!, 16) & 3]!;
  return [b.slice(0, 8), b.slice(8, 12), '4' + b.slice(13, 16), variant + b.slice(17, 20), b.slice(20)].join('-');
}

// What was stored may have been damaged or written by others. What is not of the
// right form is as if it were not there.

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x);
const isText = (x: unknown): x is string => typeof x === 'string';
const isNumber = (x: unknown): x is number => typeof x === 'number' && isFinite(x);

function sound(x: unknown): Memory | null {
  if (!isRecord(x) || !isText(x.device) || !/^[0-9a-f]{32}$/.test(x.device) || !isNumber(x.seen)) return null;
  return {
    device: x.device,
    seen: x.seen,
    held: isHeld(x.held) ? x.held : null,
    standing: isStanding(x.standing) ? x.standing : null,
    queue: (Array.isArray(x.queue) ? x.queue : []).filter(isSending),
    receipts: (Array.isArray(x.receipts) ? x.receipts : []).filter((r) => isRecord(r) && isText(r.submission)).slice(0, maxReceipts),
    document: isDocument(x.document) ? x.document : null,
  };
}

const isAnswer = (x: unknown): x is Answer => isRecord(x) && typeof x.granted === 'boolean' && isNumber(x.version);
const areAnswers = (x: unknown): boolean => isRecord(x) && Object.keys(x).every((key) => isAnswer(x[key]));

function isHeld(x: unknown): x is Held {
  return isRecord(x) && isNumber(x.version) && isText(x.expires_at) && areAnswers(x.categories) && areAnswers(x.vendors) &&
    (x.signal === undefined || (isRecord(x.signal) && isNumber(x.signal.version) && isText(x.signal.expires_at)));
}

const isSending = (x: unknown): x is Sending =>
  isRecord(x) && (x.to === '' || x.to === '/withdraw') && isRecord(x.body) && isText(x.body.device) && isText(x.body.submission);

/** Is it a document that can be shown? */
export function isDocument(x: unknown): x is Document {
  return isRecord(x) && isNumber(x.version) && isText(x.digest) && isNumber(x.material) && isRecord(x.texts) &&
    (x.mode === 'opt_in' || x.mode === 'opt_out') && areKeyed(x.categories) && areKeyed(x.vendors);
}

const areKeyed = (x: unknown): boolean => Array.isArray(x) && x.every((one) => isRecord(one) && isText(one.key) && isNumber(one.since));

/** Is it what a server says that it has recorded? */
export function isStanding(x: unknown): x is Standing {
  return isRecord(x) && isText(x.id) && isNumber(x.sequence) && isNumber(x.version) && isText(x.updated_at) && isText(x.expires_at) &&
    areAnswers(x.categories) && (x.vendors === undefined || x.vendors === null || areAnswers(x.vendors));
}
