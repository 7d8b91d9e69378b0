// The server, as one site's page asks it. Nothing of the visitor goes along but
// what is in the body: no cookies, no referrer beyond the origin.
import { isDocument } from './memory';
import type { Document, Recorded } from './protocol';

const patience = 10_000; // milliseconds for one answer

/** An answer that says no. A status of 0 is no answer. */
export class Refusal extends Error {
  constructor(readonly status: number, what: string) {
    super(what);
  }

  /** Asked again later the same may be answered otherwise. */
  get passing(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 425 || this.status === 429;
  }
}

export class Client {
  private readonly at: string;

  constructor(server: string, site: string) {
    this.at = server.replace(/\/+$/, '') + '/api/v1/public/sites/' + encodeURIComponent(site);
  }

  async configuration(language: string, anew: boolean): Promise<Document> {
    const document = await this.ask('/configuration' + (language && '?language=' + encodeURIComponent(language)), {
      cache: anew ? 'no-cache' : 'default',
    });
    if (!isDocument(document)) throw new Refusal(0, 'the configuration of the site is not one');
    return document;
  }

  /** Posts to .../consents or to what is below it. */
  post(to: string, body: object): Promise<Recorded> {
    return this.ask('/consents' + to, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'Content-Type': 'application/json' },
      keepalive: true, // a choice may be the last thing that is done on a page
    }) as Promise<Recorded>;
  }

  private async ask(path: string, how: RequestInit): Promise<unknown> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    try {
      const answer = await fetch(this.at + path, {
        ...how, signal: stop.signal, mode: 'cors', credentials: 'omit', referrerPolicy: 'origin', redirect: 'error',
      });
      if (!answer.ok) throw new Refusal(answer.status, path.split('?')[0] + ' was answered ' + answer.status);
      return await answer.json();
    } catch (error) {
      throw error instanceof Refusal ? error : new Refusal(0, path.split('?')[0] + ' was not answered: ' + String(error));
    } finally {
      clearTimeout(timer);
    }
  }
}
