import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const fileSchema = z.looseObject({
  api_token: z.string().min(1).optional(),
  org_id: z.union([z.string().min(1), z.int().transform(String)]).optional(),
  base_url: z.string().min(1).optional(),
});

/**
 * What `~/.codegen/config.json` of the earlier command line says, as configuration keys and values. A file that cannot be read is
 * left out, with a warning: it is not ours.
 */
export async function earlierCodegenFile(
  { HOME: home }: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): Promise<(readonly [string, string])[]> {
  if (!home) return [];
  let text: string;
  try {
    text = await readFile(join(home, '.codegen', 'config.json'), 'utf8');
  } catch (error) {
    if (!isAbsent(error)) warn('~/.codegen/config.json cannot be read and is left out');
    return [];
  }
  const parsed = fileSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    warn('~/.codegen/config.json is not what it was taken for and is left out');
    return [];
  }
  const { api_token, org_id, base_url } = parsed.data;
  const found = { api_token, org_id, base_url };
  return Object.entries(found).flatMap(([name, value]) => (value === undefined ? [] : [[`codegen.${name}`, value]]));
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
