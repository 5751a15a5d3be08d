import type { PermissionMode, Remember } from '../../../../protocol/sessions.ts';
import type { BoxNeeds } from '../../driver.ts';

/** How an agent is started, and what the protocol does not tell about it. */
export interface AcpAgent {
  readonly kind: string;
  readonly name: string;
  /** A path, or a name to look for. */
  readonly command: string;
  readonly args: readonly string[];
  /** Our modes by the agent's names of them; one that is left out it lacks. */
  readonly modes: Readonly<Partial<Record<PermissionMode, string>>>;
  /** How long the agent keeps in mind what it is allowed for good. */
  readonly remembers: Exclude<Remember, 'once'>;
  readonly denyEndsTurn: boolean;
  readonly usage: boolean;
  readonly cost: boolean;
  /** To sign in with what the environment has, by the variable that has it. */
  readonly signIn?: Readonly<Record<string, string>>;
  /** Its warnings come as if the model said them, but without the id that what the model says has. */
  readonly hasNoticesWithoutId?: boolean;
  /** It says that it can, but has never been seen to. */
  readonly cannotResume?: boolean;
  /** What it needs besides, such as never to open a browser. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What it needs in boxes beside its program. */
  readonly boxed?: Pick<BoxNeeds, 'modelHosts' | 'environment'>;
}

export const codex: AcpAgent = {
  kind: 'codex',
  name: 'Codex',
  command: 'codex-acp',
  args: [],
  // Only in its read-only mode does it ask before it changes anything.
  modes: {
    default: 'read-only',
    acceptEdits: 'workspace-write',
    auto: 'agent',
    bypassPermissions: 'agent-full-access',
  },
  remembers: 'always',
  denyEndsTurn: true,
  usage: true,
  cost: false,
  hasNoticesWithoutId: true,
  environment: { NO_BROWSER: '1' },
  boxed: { modelHosts: ['api.openai.com'], environment: home => ({ CODEX_HOME: `${home}/.codex` }) },
};

export const gemini: AcpAgent = {
  kind: 'gemini',
  name: 'Gemini CLI',
  command: 'gemini',
  args: ['--acp'],
  modes: { default: 'default', acceptEdits: 'autoEdit', plan: 'plan', bypassPermissions: 'yolo' },
  remembers: 'session',
  denyEndsTurn: false,
  usage: false,
  cost: false,
  signIn: { GEMINI_API_KEY: 'gemini-api-key' },
  cannotResume: true,
  boxed: {
    modelHosts: ['generativelanguage.googleapis.com'],
    // In a folder that it does not trust it refuses what is allowed for the session. What it may do there the box decides.
    environment: () => ({ GEMINI_CLI_TRUST_WORKSPACE: 'true' }),
  },
};

export const opencode: AcpAgent = {
  kind: 'opencode',
  name: 'OpenCode',
  command: 'opencode',
  args: ['acp'],
  modes: { default: 'build', plan: 'plan' },
  remembers: 'always',
  denyEndsTurn: true,
  usage: true,
  cost: true,
  boxed: {
    // It serves any model, so where that is only the configuration can tell.
    modelHosts: [],
    environment: home => ({
      XDG_CONFIG_HOME: `${home}/.config`,
      XDG_DATA_HOME: `${home}/.local/share`,
      XDG_STATE_HOME: `${home}/.local/state`,
      XDG_CACHE_HOME: `${home}/.cache`,
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
    }),
  },
};

/** Any other agent: what the protocol tells of it is all that is known. Its default mode is the one that it starts with. */
export const otherAgent = (agent: Pick<AcpAgent, 'kind' | 'command' | 'args'>): AcpAgent => ({
  ...agent,
  name: agent.kind,
  modes: { default: '' },
  remembers: 'session',
  denyEndsTurn: true,
  usage: false,
  cost: false,
  boxed: { modelHosts: [], environment: () => ({}) },
});
