const SECRET = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i;
const MAX_LENGTH = 500;
/** Shorter values would blank out ordinary words. */
const MIN_SECRET_LENGTH = 6;

/** What an agent said about a failure, fit for a caller: no paths of the host, no secret of its environment, not too long. */
export function plainError(
  text: string,
  { cwd, environment }: { cwd: string; environment: Readonly<Record<string, string>> },
): string {
  const secrets = Object.entries(environment)
    .filter(([name, value]) => SECRET.test(name) && value.length >= MIN_SECRET_LENGTH)
    .map(([, value]) => value);
  let plain = text;
  for (const secret of secrets) plain = plain.replaceAll(secret, '[redacted]');
  plain = plain.replaceAll(cwd, '.');
  if (environment.HOME !== undefined && environment.HOME.length > 1) plain = plain.replaceAll(environment.HOME, '~');
  return plain.replace(/(?<![\w~.:/])\/(?:[\w.@+-]+\/)+[\w.@+-]*/g, '[path]').slice(0, MAX_LENGTH);
}
