// What workers and a hub's blob routes agree on.

export const BLOBS_PATH = '/internal/blobs/';

/** Asks, with no content, whether it is wanted; holds its size. */
export const OFFER_HEADER = 'x-boxswain-offer';

/** Headers, as JSON, that the granted request must have. */
export const GRANT_HEADER = 'x-boxswain-grant-headers';
