import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { it } from 'node:test';

const root = new URL('../../', import.meta.url);

/** `…_errors_total` in the table stands for a name that begins as the one before it. */
const isNamed = (page: string, metric: string): boolean =>
  page.includes(`\`${metric}`) || page.includes(`\`…_${metric.split('_').slice(-2).join('_')}`);

it('every metric is named in docs/operating.md, and it names no other', async () => {
  const page = await readFile(new URL('docs/operating.md', root), 'utf8');
  const metrics = new Set<string>();
  for await (const file of glob('src/**/*.ts', { cwd: root })) {
    // Providers give names of that form to labels of what runs elsewhere.
    // So are cookies of the authorization server named.
    if (['src/providers/', 'src/auth/'].some(folder => file.startsWith(folder)) || file.endsWith('.test.ts')) continue;
    const source = await readFile(new URL(file, root), 'utf8');
    for (const [, name = ''] of source.matchAll(/'(boxswain_[a-z_]+)'/g)) metrics.add(name);
  }
  assert.ok(metrics.size > 15);
  const missing = [...metrics].filter(metric => !isNamed(page, metric));
  assert.deepEqual(missing, []);
  const unknown = [...page.matchAll(/\b(boxswain_[a-z_]+)/g)].flatMap(([, name = '']) =>
    metrics.has(name) ? [] : [name],
  );
  assert.deepEqual(unknown, []);
});
