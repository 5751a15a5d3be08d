import { z } from 'zod';
import { authSchema } from './auth.ts';
import { coderSchema } from './coder.ts';
import { limitsSchema } from './limits.ts';

const hostList = z.array(z.string());
/** Kinds of agents that need no command. */
const KNOWN: ReadonlySet<string> = new Set(['claude', 'codex', 'gemini', 'opencode', 'scripted']);

/**
 * The whole configuration. Precedence: flag > environment (`BOXSWAIN_…`, then earlier names) > file > these defaults.
 * Keys are snake_case as in the file; `docs/configuration.md` is generated from the descriptions.
 */
export const configSchema = z
  .strictObject({
    directory: z.string().describe('where records, blobs and workspaces lie'),
    toolsets: z.array(z.string()).default([]).describe('toolsets to serve; empty: all that are configured'),
    read_only: z.boolean().default(false).describe('serve only operations that change nothing'),
    http: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('address to listen on'),
        port: z.int().min(0).max(65535).default(4097).describe('port to listen on; 0 picks a free one'),
        public_url: z
          .url({ protocol: /^https?$/ })
          .optional()
          .describe('address under which others reach this server; its host and origin are answered too'),
        allowed_hosts: hostList.default([]).describe('further Host names to answer'),
        allowed_origins: hostList.default([]).describe('further Origins to answer'),
        max_body_bytes: z.int().min(1024).default(4_718_592).describe('largest request body'),
      })
      .prefault({}),
    auth: authSchema,
    limits: limitsSchema,
    health: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('address of the health port'),
        port: z
          .int()
          .min(0)
          .max(65535)
          .optional()
          .describe('port that answers /healthz, /readyz and /metrics to probes, without credentials; default: none'),
      })
      .prefault({}),
    telemetry: z
      .strictObject({
        otlp_endpoint: z
          .string()
          .optional()
          .describe('OTLP receiver that traces are sent to over HTTP, as in http://127.0.0.1:4318; default: none'),
        sample_ratio: z
          .number()
          .min(0)
          .max(1)
          .default(1)
          .describe('share of the calls that are traced where the caller does not say'),
      })
      .prefault({}),
    log: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error', 'silent'])
          .default('info')
          .describe('least severe level to log'),
      })
      .prefault({}),
    sandbox: z
      .strictObject({
        engine: z.enum(['auto', 'bubblewrap']).default('auto').describe('what makes boxes'),
        directory: z.string().optional().describe('where workspaces lie; default: workspaces/ in directory'),
        limits: z
          .strictObject({
            default: z
              .strictObject({
                memory_mb: z.number().min(64).max(65536).default(1024),
                cpus: z.number().min(0.1).max(64).default(1),
                pids: z.int().min(8).max(4096).default(256),
                disk_mb: z.int().min(16).default(2048),
                wall_seconds: z.int().min(1).default(3600),
                output_mb: z.int().min(1).max(1024).default(16),
              })
              .prefault({})
              .describe('limits of a workspace that asks for none'),
            max: z
              .strictObject({
                memory_mb: z.number().max(65536).default(65536),
                cpus: z.number().max(64).default(64),
                pids: z.int().max(4096).default(4096),
                disk_mb: z.int().default(65536),
                wall_seconds: z.int().default(86400),
                output_mb: z.int().max(1024).default(1024),
              })
              .prefault({})
              .describe('most that a workspace may ask for'),
          })
          .prefault({}),
        network: z
          .strictObject({
            max: hostList.default(['*']).describe('hosts a workspace may ask for: names, *.suffix, or * for any'),
            registries: hostList
              .default(['pypi.org', 'files.pythonhosted.org', 'registry.npmjs.org'])
              .describe('hosts that network "registries" reaches'),
          })
          .prefault({}),
        private_hosts: hostList
          .default([])
          .describe('host:port pairs that may resolve to private or loopback addresses'),
        git: z
          .strictObject({
            hosts: hostList
              .default(['github.com', 'gitlab.com', 'bitbucket.org', 'codeberg.org'])
              .describe('hosts git_clone reaches'),
            allow_http: z.boolean().default(false).describe('lets git_clone use http for hosts in private_hosts'),
          })
          .prefault({}),
        python: z
          .strictObject({
            index_urls: z
              .array(z.string())
              .default(['https://pypi.org/simple'])
              .describe('package indexes for Python, the first is the default'),
          })
          .prefault({}),
        node: z
          .strictObject({
            registry_urls: z
              .array(z.string())
              .default(['https://registry.npmjs.org/'])
              .describe('package registries for Node, the first is the default'),
          })
          .prefault({}),
        idle_stop_seconds: z.int().min(1).default(300).describe('a box without a call for so long is stopped'),
        default_ttl_seconds: z
          .int()
          .min(60)
          .default(3600)
          .describe('a workspace without a call for so long is deleted'),
        checkpoints: z
          .strictObject({
            keep: z.int().min(1).default(10).describe('checkpoints kept per workspace'),
            auto: z
              .enum(['cluster', 'always', 'never'])
              .default('cluster')
              .describe('when checkpoints are taken without being asked for: on workers of a cluster, always or never'),
            quiet_seconds: z
              .number()
              .min(0.1)
              .max(3600)
              .default(2)
              .describe('an automatic checkpoint is taken after so long without a call'),
            interval_seconds: z
              .number()
              .min(0)
              .max(86_400)
              .default(10)
              .describe('least time between two automatic checkpoints of a workspace'),
            time_share: z
              .number()
              .min(0.001)
              .max(1)
              .default(0.2)
              .describe(
                'share of the time in which a worker may be taking automatic checkpoints, hashing and upload included',
              ),
          })
          .prefault({}),
        spare_boxes: z.int().min(0).max(16).default(2).describe('boxes kept warm for new workspaces'),
        secrets_directory: z.string().optional().describe('files of mode 0600 that env values secret:<name> name'),
      })
      .prefault({}),
    store: z
      .strictObject({
        url: z.string().optional().describe('postgres://… for records that several hubs share; default: SQLite'),
      })
      .prefault({}),
    blobs: z
      .strictObject({
        s3: z
          .strictObject({
            bucket: z.string().optional().describe('bucket for contents that several hubs share; default: a directory'),
            endpoint: z.string().optional().describe('address of an S3-compatible service; default: that of Amazon'),
            region: z.string().default('us-east-1').describe('region of the bucket'),
            prefix: z.string().default('blobs/').describe('put in front of every object name'),
            path_style: z
              .boolean()
              .default(false)
              .describe('names the bucket in the path, as most other services want'),
          })
          .prefault({}),
      })
      .prefault({}),
    fabric: z
      .strictObject({
        servers: z
          .array(z.string())
          .default([])
          .describe('NATS servers that hubs and workers meet at: nats://, tls://, ws:// or wss://'),
        credentials: z
          .string()
          .optional()
          .describe(
            'file with the token of this hub or worker, made by boxswain worker token create; or a NATS .creds file',
          ),
        ca_file: z.string().optional().describe('certificates that vouch for the NATS servers'),
      })
      .prefault({}),
    worker: z
      .strictObject({
        id: z.string().optional().describe('name of this worker; default: that of its token'),
        hub: z
          .string()
          .optional()
          .describe(
            'https://… of a hub that gives workers contents, which tokens then name too; nats://… is the same as fabric.servers',
          ),
        token: z
          .string()
          .optional()
          .describe('what boxswain worker token create wrote, itself; wins over the file in fabric.credentials'),
        outbox_directory: z
          .string()
          .optional()
          .describe('where reports lie that no hub has acknowledged; default: outbox/ in directory'),
        slots: z.int().min(1).max(100_000).default(32).describe('workspaces this worker takes'),
        labels: z.record(z.string(), z.string()).default({}).describe('labels for placement'),
        drain_seconds: z
          .int()
          .min(0)
          .max(3600)
          .default(30)
          .describe('how long a worker that is told to end lets its work finish and move; 0: not at all'),
      })
      .prefault({}),
    placement: z
      .strictObject({
        required_labels: z
          .record(z.string(), z.string())
          .default({})
          .describe('labels that a worker must have to get workspaces of this hub'),
        queue_seconds: z
          .int()
          .min(0)
          .max(300)
          .default(0)
          .describe('how long a new workspace waits for a free slot; 0: it is refused at once'),
        queue_depth: z.int().min(1).max(10_000).default(1000).describe('workspaces that may wait for a slot in all'),
        queue_per_caller: z.int().min(1).default(100).describe('workspaces that may wait for one caller'),
      })
      .prefault({}),
    cluster: z
      .strictObject({
        lease_seconds: z
          .number()
          .min(1)
          .max(300)
          .default(15)
          .describe('a worker or hub that is silent for so long is lost'),
      })
      .prefault({}),
    sessions: z
      .strictObject({
        roots: z
          .array(z.string())
          .optional()
          .describe(
            'directories in which agents may work, absolute; none: no sessions; default: your home on one machine, none in a cluster',
          ),
        agents: z
          .record(
            z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
            z.strictObject({
              command: z
                .array(z.string().min(1))
                .min(1)
                .optional()
                .describe('program and arguments that speak ACP on stdio'),
              name: z.string().optional().describe('name for people'),
              model_hosts: hostList.optional().describe('all that it may reach from within a workspace'),
              box_env: hostList.default([]).describe('variables of the worker that it is given within a workspace'),
            }),
          )
          .refine(
            agents => Object.entries(agents).every(([kind, { command }]) => command !== undefined || KNOWN.has(kind)),
            'an agent that is not known needs a command',
          )
          .default({})
          .describe(
            'agents by kind: command, which speaks ACP, of one that is not known; model_hosts, which it may reach from within workspaces; box_env, the variables of the worker, such as a key, that it is given there, where all code can read them',
          ),
        default_agent: z.string().default('claude').describe('the agent of a session for which none is named'),
        max_live: z.int().min(1).max(1000).default(10).describe('agents that run at a time on this worker'),
        max_memory_mb: z
          .int()
          .min(64)
          .optional()
          .describe(
            'memory that agents may hold together before idle ones are ended and new ones refused; default: no limit',
          ),
        warm_agents: z
          .int()
          .min(0)
          .max(20)
          .default(0)
          .describe('agents started ahead for the next session of a project that has one; none while memory is short'),
        max_depth: z
          .int()
          .min(0)
          .max(16)
          .default(3)
          .describe('levels of sessions that sessions have begun; 0: none begins another'),
        max_children: z
          .int()
          .min(1)
          .max(1000)
          .default(10)
          .describe('sessions that one session has begun and that were neither closed nor have failed'),
        park_after_seconds: z
          .int()
          .min(1)
          .max(86_400)
          .default(600)
          .describe('an agent unused for so long is ended; its session can be gone on with'),
        permission_timeout_seconds: z
          .int()
          .min(1)
          .max(86_400)
          .default(3600)
          .describe('a request for leave that nobody answers for so long is denied'),
        allow_bypass_permissions: z
          .boolean()
          .default(false)
          .describe('whether permission_mode bypassPermissions is allowed outside workspaces'),
        hooks: z
          .strictObject({
            token_file: z
              .string()
              .optional()
              .describe(
                'file of mode 0600 with what hooks of Claude Code in terminals show; default: hook-token in directory',
              ),
            hold_seconds: z
              .int()
              .min(1)
              .max(3600)
              .default(600)
              .describe('how long a request for leave of a terminal waits for an answer from elsewhere'),
          })
          .prefault({}),
      })
      .prefault({}),
    history: z
      .strictObject({
        paths: z
          .strictObject({
            claude: z.string().optional().describe('configuration folder of Claude Code; default: ~/.claude'),
            codex: z.string().optional().describe('home folder of Codex; default: ~/.codex'),
            gemini: z.string().optional().describe('folder of Gemini CLI; default: ~/.gemini'),
            opencode: z.string().optional().describe('data folder of OpenCode; default: ~/.local/share/opencode'),
          })
          .prefault({}),
        retention_days: z
          .number()
          .min(1)
          .max(36_500)
          .optional()
          .describe('how long what was said stays found after an agent has removed its transcript; default: for ever'),
      })
      .prefault({}),
    fleet: z
      .strictObject({
        watch: z
          .boolean()
          .default(false)
          .describe('watch providers of agents for events also while nobody reads these'),
        capacity_threshold: z
          .number()
          .gt(0)
          .max(1)
          .default(0.9)
          .describe('share of busy agents at which capacity_warning is told'),
        conflict_window_seconds: z
          .int()
          .min(0)
          .max(3600)
          .default(30)
          .describe('a change of an agent names the last one that another caller made within so long'),
      })
      .prefault({}),
    coder: coderSchema,
    codegen: z
      .strictObject({
        api_token: z.string().min(1).optional().describe('token for the Codegen API; with one, the toolset is served'),
        api_token_file: z.string().optional().describe('file that holds the token, where api_token is not given'),
        org_id: z.string().min(1).optional().describe('number of the organization at Codegen'),
        base_url: z
          .url({ protocol: /^https?$/ })
          .default('https://api.codegen.com')
          .describe('address of the Codegen API, to which the token is sent'),
        prompt_context: z
          .boolean()
          .default(true)
          .describe('whether repository, branch, pull request and task are named in the prompt too'),
        poll_seconds: z.number().min(0.05).max(60).default(5).describe('time between two looks at runs that go on'),
      })
      .prefault({}),
    client: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/ })
          .optional()
          .describe('hub that commands talk to, as in http://127.0.0.1:4097; default: the one of directory'),
        token: z.string().min(1).optional().describe('API token for that hub; better given by BOXSWAIN_CLIENT_TOKEN'),
        token_file: z.string().optional().describe('file of mode 0600 that holds it, where token is not given'),
      })
      .prefault({}),
    audit: z
      .strictObject({
        retention_days: z
          .number()
          .min(1)
          .max(36_500)
          .optional()
          .describe('how long audit records are kept; default: for ever'),
      })
      .prefault({}),
    tasks: z
      .strictObject({
        retention_seconds: z.int().min(60).default(604_800).describe('how long results of tasks are kept'),
        queue_per_workspace: z.int().min(1).default(100).describe('unfinished tasks a workspace may have'),
        queue_per_hub: z.int().min(1).default(10_000).describe('unfinished tasks a hub may have'),
      })
      .prefault({}),
  })
  .describe('Boxswain configuration');

export type Config = z.output<typeof configSchema>;
