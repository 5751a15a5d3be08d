import { z } from 'zod';
import { hostList } from './host-list.ts';

/** Boxes: what they may use, whom they may reach, how long they stay, and what is kept of them. */
export const sandboxSchema = z
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
    private_hosts: hostList.default([]).describe('host:port pairs that may resolve to private or loopback addresses'),
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
    default_ttl_seconds: z.int().min(60).default(3600).describe('a workspace without a call for so long is deleted'),
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
  .prefault({});
