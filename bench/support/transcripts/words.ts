/** Text that is the same in every run: words that are used about as unevenly as those of a real language. */

export interface Words {
  /** A number from 0 up to, not including, `below`. */
  below(below: number): number;
  text(words: number): string;
  uuid(): string;
}

const SYLLABLES =
  'ba be bi bo ca ce co da de di do fa fe fi ga ge go ha he ho in ka ke la le li lo ma me mi mo na ne no or pa pe po ra re ri ro sa se si so ta te ti to un va ve vi wa we zo'.split(
    ' ',
  );
const VOCABULARY = 30_000;
const vocabulary = Array.from({ length: VOCABULARY }, (_, rank) => wordOf(rank));

export function words(seed: number): Words {
  let state = seed >>> 0;
  /** Mulberry32: small, and good enough for text. */
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(random() * limit);
  const hex = (digits: number): string => Array.from({ length: digits }, () => below(16).toString(16)).join('');
  return {
    below,
    // The logarithm makes the n-th word about 1/n as frequent as the first.
    text: count => Array.from({ length: count }, () => vocabulary[Math.floor(VOCABULARY ** random()) - 1]).join(' '),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}

/** The word of a rank: the most frequent ones are short. */
export function wordOf(rank: number): string {
  let word = '';
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    word += SYLLABLES[rest % SYLLABLES.length];
  return word;
}
