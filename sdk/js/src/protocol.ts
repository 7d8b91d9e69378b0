// What the page and the server say to each other. The server's side is
// consent/site (document.go, choice.go) and api/banner.go.

/** A published version as one visitor is shown it: site.Document. */
export interface Document {
  site: string;
  version: number;
  /** Hex SHA-256 of the version; a choice sends it back. */
  digest: string;
  language: string;
  languages: string[];
  direction: 'ltr' | 'rtl';
  region: string;
  mode: 'opt_in' | 'opt_out';
  /** A choice made under an earlier version is asked again. */
  material: number;
  texts: Record<string, string>;
  links: Record<string, string>;
  categories: Category[];
  vendors: Vendor[];
  changes?: Change[];
  /** How the banner looks, by name: colours, "dark-" before those of dark schemes, and sizes. */
  look?: Record<string, string>;
  url: string;
}

export interface Category {
  key: string;
  title: string;
  description: string;
  necessary?: boolean;
  /** A sale or sharing of data, which Global Privacy Control opts out of. */
  sale?: boolean;
  /** Types of Google Consent Mode v2 that the category rules. */
  google?: string[];
  /** A yes to an earlier version does not cover the category. */
  since: number;
  days: number;
  cookies?: Cookie[];
}

export interface Vendor {
  key: string;
  name: string;
  provider?: string;
  country?: string;
  category: string;
  purposes?: string[];
  privacy?: string;
  days?: number;
  cookies?: Cookie[];
  hosts?: string[];
  scripts?: string[];
  since: number;
}

export interface Cookie {
  /** May end in *. */
  name: string;
  /** How long it lives; 0 is for the session. */
  days: number;
  purpose?: string;
}

export interface Change {
  version: number;
  published_at: string;
  summary: string;
  categories?: string[];
  vendors?: string[];
}

export type Source = 'banner' | 'preferences' | 'gpc' | 'script';

/** POST {server}/api/v1/public/sites/{site}/consents -> 201 Recorded. */
export interface Submission {
  /** Random id that stays on the visitor's side: 22 to 64 of A-Z a-z 0-9 - _. */
  device: string;
  /** A UUID; sent again with the same content it changes nothing. */
  submission: string;
  version: number;
  digest: string;
  language: string;
  region: string;
  categories: Record<string, boolean>;
  /** Vendors that differ from their category. */
  vendors?: Record<string, boolean>;
  source: Source;
  consent_string?: string;
}

export interface Answer {
  granted: boolean;
  expires_at?: string;
  version: number;
  /** A yes that the visitor gave while the browser's signal asked otherwise. */
  despite_gpc?: boolean;
}

/** What stands for a device: site.Standing. */
export interface Standing {
  id: string;
  sequence: number;
  version: number;
  digest: string;
  categories: Record<string, Answer>;
  vendors?: Record<string, Answer>;
  source: string;
  gpc?: boolean;
  recorded_at: string;
  updated_at: string;
  expires_at: string;
  linked: boolean;
}

/**
 * The answer to a submission, and to
 * POST .../consents/current {device}: has_consent is false, and consent null,
 * where there is none that holds.
 */
export interface Recorded {
  has_consent: boolean;
  consent: Standing | null;
}

/** POST .../consents/withdraw {device, submission} -> 200. */
export interface Withdrawn {
  success: boolean;
  message: string;
}
