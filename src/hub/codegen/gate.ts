import { readFile, stat } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import type { ConfigKeeper } from '../../config/config-keeper.ts';
import { AppError } from '../../errors/app-error.ts';
import { type CodegenClient, createCodegenClient } from '../../providers/codegen/codegen-client.ts';
import type { SharedLimits } from '../../providers/http/shared-limits.ts';

interface GateParts {
  readonly config: Config;
  /** Absent where the configuration of the process never changes. */
  readonly keeper?: ConfigKeeper;
  readonly shared: SharedLimits;
}

/** The way to Codegen, as the configuration has it at this moment. */
export class CodegenGate {
  readonly #parts: GateParts;
  #known: { readonly key: string; readonly client: CodegenClient } | undefined;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  async settings(): Promise<Config['codegen']> {
    const { keeper, config } = this.#parts;
    return keeper === undefined ? config.codegen : (await keeper.current()).codegen;
  }

  async isConfigured(): Promise<boolean> {
    const settings = await this.settings();
    return settings.org_id !== undefined && (await tokenOf(settings)) !== undefined;
  }

  /** The same client while the configuration stays the same. Throws NOT_CONFIGURED without a token or an organization. */
  async client(): Promise<CodegenClient> {
    const settings = await this.settings();
    const token = await tokenOf(settings);
    if (token === undefined) throw notConfigured('API token', { variable: 'CODEGEN_API_TOKEN', key: 'api_token' });
    const { org_id: orgId, base_url: baseUrl } = settings;
    if (orgId === undefined) throw notConfigured('Organization ID', { variable: 'CODEGEN_ORG_ID', key: 'org_id' });
    const credentials = { baseUrl, orgId, token };
    const key = JSON.stringify(credentials);
    if (this.#known?.key !== key) {
      this.#known = { key, client: createCodegenClient(credentials, { shared: this.#parts.shared }) };
    }
    return this.#known.client;
  }
}

async function tokenOf({ api_token, api_token_file }: Config['codegen']): Promise<string | undefined> {
  if (api_token !== undefined || api_token_file === undefined) return api_token;
  try {
    const { mode } = await stat(api_token_file);
    // A token that others of the machine can read is no secret.
    if ((mode & 0o077) !== 0) throw unreadable('can be read by others: give it mode 0600');
    const text = (await readFile(api_token_file, 'utf8')).trim();
    return text === '' ? undefined : text;
  } catch (error) {
    throw error instanceof AppError ? error : unreadable('cannot be read', error);
  }
}

const unreadable = (problem: string, cause?: unknown): AppError =>
  new AppError('NOT_CONFIGURED', `API token not configured: the file in codegen.api_token_file ${problem}`, { cause });

function notConfigured(what: string, { variable, key }: { variable: string; key: string }): AppError {
  const explanation = `Set ${variable}, or run: boxswain config set ${key} -`;
  return new AppError('NOT_CONFIGURED', `${what} not configured`, { hint: explanation, details: { explanation } });
}
