import { readSecretFile } from './auth/secret-file.ts';
import type { Roles } from './cli/program.ts';
import { connectSocket, connectUrl } from './cli/socket-client.ts';
import { createConfiguring, socketsOf } from './configuring.ts';
import { attachStdio } from './mcp/attach-stdio.ts';

export interface RoleOptions {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What the commands start, wired from the configuration. Each command loads what it needs when it runs: most ask a hub that runs
 * already, and need next to nothing of the program.
 */
export function createRoles({ version, env }: RoleOptions): Roles {
  const configuring = createConfiguring(env);
  const { configure } = configuring;
  const serving = async () => (await import('./serving.ts')).createServing({ ...configuring, version, env });
  const transfers = async () => (await import('./transfers.ts')).createTransferRoles(configure);
  const tokens = async () => (await import('./tokens.ts')).createTokenRoles(configure);
  const signIn = async () => (await import('./sign-in.ts')).createSignInRoles(configure);

  return {
    serve: async (flags, options) => (await serving()).serve(flags, options),
    hub: async (flags, options) => (await serving()).hub(flags, options),
    worker: async (flags, options) => (await serving()).worker(flags, options),
    async serveStdio(flags, { signal }) {
      const given = await configure(flags);
      const { config } = given;
      const isPlain = config.toolsets.length === 0 && !config.read_only;
      if (isPlain && (await attachStdio({ path: socketsOf(config).mcp, signal }))) return;
      await (await serving()).stdio(given, { signal });
    },
    async connect(flags, toolset) {
      // What the command has no use for is not started with it.
      const alone = { toolsets: [toolset], ...(toolset === 'sessions' && { 'sandbox.spare_boxes': 0 }) };
      const given = await configure({
        ...flags,
        settings: { 'log.level': 'warn', ...alone, ...defined(flags.settings) },
      });
      const { config } = given;
      const { url, token, token_file: file } = config.client;
      if (url !== undefined) {
        const shown = token ?? (file === undefined ? undefined : await readSecretFile(file, 'client.token_file'));
        return await connectUrl(url, { token: shown });
      }
      // What a flag says of Codegen holds for this command alone, so no other process can serve it.
      const isOwn = Object.entries(flags.settings).some(
        ([key, value]) => key.startsWith('codegen.') && value !== undefined,
      );
      const running = isOwn ? undefined : await connectSocket(socketsOf(config).http);
      return running ?? (await (await serving()).client(given));
    },
    settings: configuring.keeperOf,
    doctor: async flags => (await import('./diagnosis/diagnose.ts')).diagnose(await configure(flags), { version }),
    attack: async flags => (await import('./diagnosis/attacks.ts')).runAttacksOn(await configure(flags)),
    exportTo: async (flags, options) => (await transfers()).exportTo(flags, options),
    importFrom: async (flags, options) => (await transfers()).importFrom(flags, options),
    createToken: async (flags, request) => (await tokens()).createToken(flags, request),
    listTokens: async flags => (await tokens()).listTokens(flags),
    revokeToken: async (flags, id) => (await tokens()).revokeToken(flags, id),
    natsConfig: async (flags, request) => (await tokens()).natsConfig(flags, request),
    openUsers: async flags => (await signIn()).openUsers(flags),
    issuerAt: async url => (await signIn()).issuerAt(url),
    makeSigningKeys: async (flags, options) => (await signIn()).makeSigningKeys(flags, options),
    hookAccess: async flags => (await import('./parts.ts')).hookAccessOf((await configure(flags)).config),
  };
}

function defined(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
