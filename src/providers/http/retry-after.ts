/** Milliseconds that a `Retry-After` header asks to wait: seconds, or a date. Undefined where there is none that can be read. */
export function retryAfterMs(value: string | null, { now = Date.now } = {}): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now());
}
