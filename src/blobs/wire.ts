// What workers and a hub's blob routes agree on.

export const BLOBS_PATH = '/internal/blobs/';

/** Asks, with no content, whether it is wanted; holds its size. */
export const OFFER_HEADER = 'x-boxswain-offer';

/** Headers, as JSON, that the granted request must have. */
export const GRANT_HEADER = 'x-boxswain-grant-headers';

/** Milliseconds since 1970 at the hub, told to a worker whose clock is too far from it. */
export const TIME_HEADER = 'x-boxswain-time';

/** What a worker proves that it may ask for: method and hash. */
export interface Proved {
  readonly method: string;
  readonly subject: string;
}
