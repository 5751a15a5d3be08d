import type { UsageReport } from '../../protocol/history.ts';

const MOST_RECENT = 50;

/** The usage of several workers as one: sums of what each recorded, entry by entry. */
export function sumUsage(reports: readonly UsageReport[]): UsageReport {
  const total = (field: keyof UsageReport & `total${string}`): number =>
    reports.reduce((sum, report) => sum + report[field], 0);
  return {
    totalSessions: total('totalSessions'),
    totalCostUsd: total('totalCostUsd'),
    totalInputTokens: total('totalInputTokens'),
    totalOutputTokens: total('totalOutputTokens'),
    totalCacheReadTokens: total('totalCacheReadTokens'),
    totalCacheWriteTokens: total('totalCacheWriteTokens'),
    activeProjects: [...new Set(reports.flatMap(({ activeProjects }) => activeProjects))].sort(),
    recentActivity: joined(
      reports,
      'recentActivity',
      ({ slug }) => slug,
      (a, b) => ({
        slug: a.slug,
        sessionCount: a.sessionCount + b.sessionCount,
        totalCost: a.totalCost + b.totalCost,
        lastActive: Math.max(a.lastActive, b.lastActive),
      }),
    )
      .sort((a, b) => b.lastActive - a.lastActive)
      .slice(0, MOST_RECENT),
    projectBreakdown: joined(
      reports,
      'projectBreakdown',
      ({ slug }) => slug,
      (a, b) => ({
        ...a,
        sessions: a.sessions + b.sessions,
        cost: a.cost + b.cost,
        tokens: a.tokens + b.tokens,
      }),
    ).sort((a, b) => b.cost - a.cost || b.tokens - a.tokens),
    daily: joined(
      reports,
      'daily',
      ({ date }) => date,
      (a, b) => ({
        date: a.date,
        totalCost: a.totalCost + b.totalCost,
        totalSessions: a.totalSessions + b.totalSessions,
        totalInputTokens: a.totalInputTokens + b.totalInputTokens,
        totalOutputTokens: a.totalOutputTokens + b.totalOutputTokens,
      }),
    ).sort((a, b) => a.date.localeCompare(b.date)),
    byAgent: joined(
      reports,
      'byAgent',
      one => one.agent,
      (a, b) => ({
        ...a,
        sessions: a.sessions + b.sessions,
        cost: a.cost + b.cost,
        ...tokensOf(a, b),
        ...(a.recorded && b.recorded && { recorded: inAndOut(a.recorded, b.recorded) }),
      }),
    ),
    byModel: joined(
      reports,
      'byModel',
      ({ model }) => model,
      (a, b) => ({
        model: a.model,
        cost: a.cost + b.cost,
        ...tokensOf(a, b),
      }),
    ),
    unpricedSessions: reports.reduce((sum, { unpricedSessions }) => sum + unpricedSessions, 0),
    computedAt: Math.min(Date.now(), ...reports.map(({ computedAt }) => computedAt)),
  };
}

interface InAndOut {
  readonly inputTokens: number;
  readonly outputTokens: number;
}
interface Tokens extends InAndOut {
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

const inAndOut = (a: InAndOut, b: InAndOut) => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
});

const tokensOf = (a: Tokens, b: Tokens) => ({
  ...inAndOut(a, b),
  cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
});

type Lists = 'recentActivity' | 'projectBreakdown' | 'daily' | 'byAgent' | 'byModel';

/** The entries of all reports; those of one key are added. */
function joined<List extends Lists>(
  reports: readonly UsageReport[],
  list: List,
  keyOf: (entry: UsageReport[List][number]) => string,
  add: (a: UsageReport[List][number], b: UsageReport[List][number]) => UsageReport[List][number],
): UsageReport[List][number][] {
  const found = new Map<string, UsageReport[List][number]>();
  for (const report of reports) {
    for (const entry of report[list]) {
      const known = found.get(keyOf(entry));
      found.set(keyOf(entry), known === undefined ? entry : add(known, entry));
    }
  }
  return [...found.values()];
}
