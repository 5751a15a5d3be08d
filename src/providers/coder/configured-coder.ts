import { coderAccess } from '../../config/coder.ts';
import type { Config } from '../../config/config.ts';
import type { SharedLimits } from '../http/shared-limits.ts';
import { CoderProvider } from './coder-provider.ts';

interface Parts {
  /** As they are at the moment. */
  readonly settings: () => Promise<Pick<Config, 'coder'>>;
  readonly shared: SharedLimits;
}

/** Coder as it is configured at this moment; the same provider while that stays the same. */
export class ConfiguredCoder {
  readonly #parts: Parts;
  #known: { readonly key: string; readonly provider: CoderProvider } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Undefined where address or token are missing. VALIDATION_ERROR for a token file that cannot be read. */
  async current(): Promise<CoderProvider | undefined> {
    const { coder } = await this.#parts.settings();
    const access = await coderAccess({ coder });
    if (access === undefined) return undefined;
    const key = JSON.stringify([access, coder]);
    if (this.#known?.key !== key) this.#known = { key, provider: this.#create(access, coder) };
    return this.#known.provider;
  }

  #create(access: { url: string; token: string }, coder: Config['coder']): CoderProvider {
    return new CoderProvider({
      ...access,
      timeoutMs: coder.timeout_seconds * 1000,
      maxRetries: coder.max_retries,
      api: coder.api,
      create: coder.create,
      defaultTemplate: coder.default_template,
      shared: this.#parts.shared,
    });
  }
}
