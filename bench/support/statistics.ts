/** Nearest-rank percentile of unsorted samples. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** Milliseconds that each of `count` sequential calls of `work` took, after `warmUp` unmeasured ones. */
export async function timeEach(
  work: () => Promise<unknown>,
  { count, warmUp = 5 }: { count: number; warmUp?: number },
): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await work();
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work();
    samples.push(performance.now() - start);
  }
  return samples;
}

/** Calls finished per second by `connections` loops of `work` over `seconds`. */
export async function throughput(
  work: () => Promise<unknown>,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let finished = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        await work();
        finished++;
      }
    }),
  );
  return finished / ((performance.now() - start) / 1000);
}
