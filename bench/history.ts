import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type History, openHistory } from '../src/worker/history/history.ts';
import { claudeSlug } from '../src/worker/history/identity.ts';
import { scratchDirectory } from '../test/support/server.ts';
import { type Bench, type Measurement, measurement } from './support/measure.ts';
import { percentile, timeEach } from './support/statistics.ts';
import { type Corpus, writeCorpus } from './support/transcripts/corpus.ts';
import { wordOf } from './support/transcripts/words.ts';

/** `BOXSWAIN_BENCH_HISTORY_MB=1050` is the size that the budgets are for: ten thousand sessions. */
const MEGABYTES = Number(process.env.BOXSWAIN_BENCH_HISTORY_MB ?? 105);
const COLD_ROUNDS = 3;
const NEW_LINES = 20;

/** Words of all frequencies, several at once, phrases, prefixes and filters. */
const queries: readonly { query: string; role?: 'user'; sort?: 'relevance'; since?: number }[] = [
  ...[0, 3, 20, 100, 1000, 10_000, 25_000].map(rank => ({ query: wordOf(rank) })),
  { query: `${wordOf(3)} ${wordOf(9)}` },
  { query: `${wordOf(400)} ${wordOf(30)}` },
  { query: `"${wordOf(3)} ${wordOf(9)}"` },
  { query: `${wordOf(2000).slice(0, 3)}*` },
  { query: wordOf(20), role: 'user' },
  { query: wordOf(50), sort: 'relevance' },
  { query: wordOf(20), since: Date.UTC(2026, 1, 1) },
];

/** The history of a machine's agents, read, searched and kept up with. */
export const history: Bench = {
  name: 'history',
  run: async () => {
    const scratch = await scratchDirectory();
    try {
      const corpus = writeCorpus(join(scratch.path, 'corpus'), { bytes: MEGABYTES * 1e6 });
      const index = join(scratch.path, 'index', 'history.db');
      const cold = await coldIndex(corpus, { index, folder: join(scratch.path, 'corpus') });
      const restart = await restarted(corpus, index);
      await using opened = await openHistory({ path: index, roots: corpus.roots });
      await opened.caughtUp;
      return [
        ...cold,
        restart,
        ...(await searched(opened, join(scratch.path, 'corpus'))),
        await followed(opened, corpus),
      ];
    } finally {
      await scratch.remove();
    }
  },
};

/** Reads everything into an index that is not there yet, in turns with `cat` of the same files. */
async function coldIndex(corpus: Corpus, { index, folder }: { index: string; folder: string }): Promise<Measurement[]> {
  const megabytes = corpus.bytes / 1e6;
  const samples = { index: 0, cat: 0 };
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const suffix of ['', '-wal', '-shm']) await rm(index + suffix, { force: true });
    samples.cat = Math.max(samples.cat, megabytes / secondsOf(() => cat(folder)));
    // Starting the threads is not reading.
    await using opened = await openHistory({ path: index, roots: corpus.roots });
    const start = performance.now();
    await opened.caughtUp;
    samples.index = Math.max(samples.index, megabytes / ((performance.now() - start) / 1000));
  }
  const figures = {
    name: `index ${Math.round(megabytes)} MB of transcripts, cold`,
    unit: 'MB/s',
    value: samples.index,
  };
  return [
    measurement({
      ...figures,
      baseline: 'cat of the same files',
      baselineValue: samples.cat,
      budget: { atLeast: 0.1 },
    }),
    measurement({ ...figures, baseline: 'the budget itself', baselineValue: 150, budget: { atLeast: 1 } }),
  ];
}

const cat = (folder: string): unknown =>
  execFileSync('sh', ['-c', 'find "$0" -type f -print0 | xargs -0 cat > /dev/null', folder]);

function secondsOf(work: () => unknown): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

async function restarted(corpus: Corpus, index: string): Promise<Measurement> {
  const seconds = secondsOf(() => cat(join(corpus.roots.claude, '..')));
  await using opened = await openHistory({ path: index, roots: corpus.roots });
  const start = performance.now();
  await opened.caughtUp;
  return measurement({
    name: 'restart with everything read already',
    unit: 'ms',
    value: performance.now() - start,
    baseline: 'cat of all files',
    baselineValue: seconds * 1000,
    budget: { atMost: 1 },
  });
}

/** Answers as a caller gets them, against ripgrep over the same files. */
async function searched(opened: History, folder: string): Promise<Measurement[]> {
  const times: number[] = [];
  for (const query of queries) {
    times.push(...(await timeEach(() => opened.search({ limit: 20, ...query }), { count: 20, warmUp: 1 })));
  }
  const p95 = percentile(times, 0.95);
  const figures = { name: 'search_sessions in the index, p95', unit: 'ms', value: p95 };
  const budget = measurement({ ...figures, baseline: 'the budget itself', baselineValue: 20, budget: { atMost: 1 } });
  const scans = ripgrepTimes(folder);
  if (scans.length === 0) return [budget];
  return [
    budget,
    measurement({
      ...figures,
      baseline: 'rg over the same files, median',
      baselineValue: percentile(scans, 0.5),
      budget: { atMost: 0.1 },
    }),
  ];
}

/** Milliseconds; none where there is no ripgrep (Debian: `apt-get install ripgrep`). */
function ripgrepTimes(folder: string): number[] {
  if (spawnSync('rg', ['--version']).error !== undefined) {
    console.error('rg is not installed: search is not compared with it');
    return [];
  }
  return queries
    .slice(0, 7)
    .map(({ query }) => secondsOf(() => spawnSync('rg', ['-c', '-i', '-w', query, folder])) * 1000);
}

/** From the moment a line is in the file until a search finds it. */
async function followed(opened: History, corpus: Corpus): Promise<Measurement> {
  const cwd = '/home/someone/projects/followed';
  const sessionId = '00000000-0000-4000-8000-000000000001';
  const file = join(corpus.roots.claude, 'projects', claudeSlug('/home/someone/projects/p-1'), `${sessionId}.jsonl`);
  await writeFile(file, '');
  const times: number[] = [];
  for (let at = 0; at < NEW_LINES; at++) {
    const word = `followed${at}x`;
    const end = AbortSignal.timeout(10_000);
    const changes = opened.changes(end)[Symbol.asyncIterator]();
    const uuid = `00000000-0000-4000-8001-${String(at).padStart(12, '0')}`;
    const message = { role: 'user', content: word };
    const line = {
      parentUuid: null,
      isSidechain: false,
      type: 'user',
      message,
      uuid,
      timestamp: new Date().toISOString(),
      cwd,
      sessionId,
    };
    const start = performance.now();
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    while ((await opened.search({ query: word, limit: 1 })).results.length === 0) await changes.next();
    times.push(performance.now() - start);
    await changes.return?.();
  }
  return measurement({
    name: 'a new line is found, p95',
    unit: 'ms',
    value: percentile(times, 0.95),
    baseline: 'the budget itself',
    baselineValue: 1000,
    budget: { atMost: 1 },
  });
}
