import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../log/log.ts';
import { WarmPool } from './warm-pool.ts';

class Made {
  readonly gone = Promise.withResolvers<void>();
}

function pool(size: number) {
  const made: Made[] = [];
  const discarded: Made[] = [];
  const warm = new WarmPool<Made>({
    size,
    log: silentLog,
    make: async () => {
      const spare = new Made();
      made.push(spare);
      return spare;
    },
    gone: spare => spare.gone.promise,
    discard: async spare => {
      discarded.push(spare);
    },
  });
  return { warm, made, discarded };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5));
}

describe('warm pool', () => {
  it('fills by itself, gives each spare once, and fills again', async () => {
    const { warm, made, discarded } = pool(2);
    await until(() => warm.ready === 2);
    const taken = [await warm.take(), await warm.take(), await warm.take()];
    assert.equal(new Set(taken).size, 3);
    await until(() => warm.ready === 2);
    assert.equal(made.length, 5);
    await warm.close();
    assert.deepEqual(discarded, made.slice(3));
    assert.equal(await warm.take(), undefined);
  });

  it('gives no spare that is gone', async () => {
    const { warm, made, discarded } = pool(1);
    await until(() => warm.ready === 1);
    made[0]?.gone.resolve();
    await until(() => discarded.length === 1);
    assert.notEqual(await warm.take(), made[0]);
    await warm.close();
  });

  it('gives the spare that is being made to one who waits for it, and nothing when that fails', async () => {
    const attempts: PromiseWithResolvers<string>[] = [];
    const warm = new WarmPool<string>({
      size: 1,
      log: silentLog,
      make: () => {
        const attempt = Promise.withResolvers<string>();
        attempts.push(attempt);
        return attempt.promise;
      },
      gone: () => new Promise(() => {}),
      discard: async () => {},
    });
    await until(() => attempts.length === 1);
    const [first, second] = [warm.take(), warm.take()];
    assert.equal(await second, undefined);
    attempts[0]?.resolve('made');
    assert.equal(await first, 'made');
    await until(() => attempts.length === 2);
    const third = warm.take();
    attempts[1]?.reject(new Error('no room'));
    assert.equal(await third, undefined);
    await warm.close();
  });

  it('makes nothing when it is to hold nothing', async () => {
    const { warm, made } = pool(0);
    assert.equal(await warm.take(), undefined);
    await new Promise(resolve => setTimeout(resolve, 20));
    assert.equal(made.length, 0);
    await warm.close();
  });
});
