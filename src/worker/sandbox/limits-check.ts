import { AppError } from '../../errors/app-error.ts';
import { type Enforcement, type LimitName, limitsSchema, type WorkspaceSpec } from '../../protocol/workspace-spec.ts';
import type { EngineReport } from './engine.ts';

const limitNames: readonly LimitName[] = limitsSchema.keyof().options;

/**
 * How each limit of the workspace will be enforced, as the engine measured it. Throws LIMIT_UNENFORCEABLE for a limit that the
 * caller asked for by name and that the engine cannot enforce, or only softly while the caller did not allow that.
 */
export function checkLimits(
  { requested, allowSoft }: Pick<WorkspaceSpec, 'requested' | 'allowSoft'>,
  engine: Pick<EngineReport, 'name' | 'limits'>,
): Record<LimitName, Enforcement> {
  for (const name of limitNames) {
    if (!requested.includes(name)) continue;
    const enforcement = engine.limits[name];
    if (enforcement === 'hard' || (enforcement === 'soft' && allowSoft)) continue;
    const how = enforcement === 'soft' ? `can enforce ${name} only softly` : `cannot enforce ${name}`;
    throw new AppError('LIMIT_UNENFORCEABLE', `engine ${engine.name} ${how}`, {
      hint: enforcement === 'soft' ? 'set limits.allow_soft, or leave the limit out' : 'leave the limit out',
      details: { limit: name, engine: engine.name, enforcement },
    });
  }
  return { ...engine.limits };
}
