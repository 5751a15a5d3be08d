import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '../../errors/app-error.ts';
import type { Enforcement, LimitName } from '../../protocol/workspace-spec.ts';
import { checkLimits } from './limits-check.ts';

const engine = (limits: Partial<Record<LimitName, Enforcement>>) => ({
  name: 'bubblewrap',
  limits: {
    memory_mb: 'hard' as const,
    cpus: 'hard' as const,
    pids: 'hard' as const,
    disk_mb: 'hard' as const,
    wall_seconds: 'hard' as const,
    output_mb: 'hard' as const,
    ...limits,
  },
});

describe('limits check', () => {
  it('reports how each limit is enforced', () => {
    const enforcement = checkLimits({ requested: ['pids'], allowSoft: false }, engine({ memory_mb: 'soft' }));
    assert.equal(enforcement.memory_mb, 'soft');
    assert.equal(enforcement.pids, 'hard');
  });

  it('applies a default that cannot be enforced as well as it can', () => {
    assert.equal(checkLimits({ requested: [], allowSoft: false }, engine({ cpus: 'none' })).cpus, 'none');
  });

  it('refuses a soft limit asked for by name unless soft is allowed', () => {
    const soft = engine({ memory_mb: 'soft' });
    assert.throws(() => checkLimits({ requested: ['memory_mb'], allowSoft: false }, soft), {
      code: 'LIMIT_UNENFORCEABLE',
      message: 'engine bubblewrap can enforce memory_mb only softly',
    });
    checkLimits({ requested: ['memory_mb'], allowSoft: true }, soft);
  });

  it('refuses a limit that is not enforced at all, even where soft is allowed', () => {
    assert.throws(
      () => checkLimits({ requested: ['cpus'], allowSoft: true }, engine({ cpus: 'none' })),
      (error: unknown) => error instanceof AppError && /cpus/.test(error.message) && /bubblewrap/.test(error.message),
    );
  });
});
