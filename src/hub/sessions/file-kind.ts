/** Beginnings of the files that agents' models can be shown as such. */
const BEGINNINGS: readonly (readonly [contentType: string, isOne: (bytes: Buffer) => boolean])[] = [
  ['image/png', bytes => bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))],
  ['image/jpeg', bytes => bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))],
  ['image/gif', bytes => /^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))],
  ['image/webp', bytes => /^RIFF.{4}WEBP$/s.test(bytes.toString('latin1', 0, 12))],
  ['application/pdf', bytes => bytes.toString('latin1', 0, 5) === '%PDF-'],
];

/** Those that `kindOfFile` tells by their bytes. */
const TOLD: ReadonlySet<string> = new Set(BEGINNINGS.map(([contentType]) => contentType));

/**
 * What a file is: by its bytes where they tell, else as was claimed. A claim that the bytes belie is not passed on, since a model that
 * is given something else as a picture refuses the whole prompt.
 */
export function kindOfFile(bytes: Buffer, claimed: string): string {
  const told = BEGINNINGS.find(([, isOne]) => isOne(bytes))?.[0];
  if (told !== undefined) return told;
  const isPlausible = /^[\w.+-]+\/[\w.+-]+$/.test(claimed) && !TOLD.has(claimed);
  return isPlausible ? claimed : 'application/octet-stream';
}
