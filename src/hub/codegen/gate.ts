import type { Config } from '../../config/config.ts';
import type { ConfigKeeper } from '../../config/config-keeper.ts';
import { AppError } from '../../errors/app-error.ts';
import { type CodegenClient, createCodegenClient } from '../../providers/codegen/codegen-client.ts';
import { codegenCredentials } from '../../providers/codegen/credentials.ts';
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
    const { token, orgId } = await codegenCredentials(await this.settings());
    return token !== undefined && orgId !== undefined;
  }

  /** The same client while the configuration stays the same. Throws NOT_CONFIGURED without a token or an organization. */
  async client(): Promise<CodegenClient> {
    const { token, orgId, baseUrl = '' } = await codegenCredentials(await this.settings());
    if (token === undefined) throw notConfigured('API token', { variable: 'CODEGEN_API_TOKEN', key: 'api_token' });
    if (orgId === undefined) throw notConfigured('Organization ID', { variable: 'CODEGEN_ORG_ID', key: 'org_id' });
    const credentials = { baseUrl, orgId, token };
    const key = JSON.stringify(credentials);
    if (this.#known?.key !== key) {
      this.#known = { key, client: createCodegenClient(credentials, { shared: this.#parts.shared }) };
    }
    return this.#known.client;
  }
}

function notConfigured(what: string, { variable, key }: { variable: string; key: string }): AppError {
  const explanation = `Set ${variable}, or run: boxswain config set ${key} -`;
  return new AppError('NOT_CONFIGURED', `${what} not configured`, { hint: explanation, details: { explanation } });
}
