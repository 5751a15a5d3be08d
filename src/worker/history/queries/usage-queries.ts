import { basename } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { UsageFilter, UsageReport } from '../../../protocol/history.ts';
import { type CostShare, costShares, type TotalRow } from './costs.ts';
import type { BookedSession, SessionBook } from './session-book.ts';
import { newSums, type Sums, SumsBy } from './sums.ts';
import { whoseOf } from './whose.ts';

const DAY_MS = 86_400_000;
const RECENT = 10;
const ACTIVE_MS = 7 * DAY_MS;

/** A report is never older than ten seconds. */
const MAX_AGE_MS = 8000;
/** Computing takes at most this part of the time. */
const SHARE = 1 / 50;
const REPORTS_KEPT = 50;

interface Computed {
  readonly report: UsageReport;
  readonly tookMs: number;
}

/** A small history is summed up anew every time. */
const keptMs = ({ tookMs }: Computed): number => (tookMs < 20 ? 0 : Math.min(MAX_AGE_MS, tookMs / SHARE));

interface CallRow {
  readonly session: number;
  readonly model: string;
  readonly day: number;
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cost: number | null;
}

/** Where the figures of each agent are read. */
const sources: Readonly<Record<string, { tokens: string; costs: string }>> = {
  claude: { tokens: 'assistant lines, once per message id', costs: 'cost-state lines' },
  codex: { tokens: 'token usage records, once per response', costs: 'none' },
  gemini: { tokens: 'messages', costs: 'none' },
  opencode: { tokens: 'messages', costs: 'messages' },
  scripted: { tokens: 'turns', costs: 'turns' },
};

/** Sums of what agents recorded. Nothing is estimated. */
export class UsageQueries {
  readonly #book: SessionBook;
  readonly #calls;
  readonly #totals;
  readonly #computed = new Map<string, Computed>();

  constructor(database: Database, book: SessionBook) {
    this.#book = book;
    this.#calls = database.prepare<[number, number], CallRow>(
      `select session, model, time / ${DAY_MS} as day, sum(input) as input, sum(output) as output,
         sum(cache_read) as cacheRead, sum(cache_write) as cacheWrite, sum(cost) as cost
       from call where time between ? and ? group by session, model, day`,
    );
    this.#totals = database.prepare<[], TotalRow>(
      `select t.session, s.family, t.start_time as startTime, t.day, t.cost, t.input, t.output, t.models
       from total t join session s on s.id = t.session`,
    );
  }

  /** What was computed a moment ago, where computing takes long; else of this moment. */
  usage(filter: UsageFilter, now: number): UsageReport {
    const key = JSON.stringify(filter);
    const known = this.#computed.get(key);
    if (known !== undefined && now - known.report.computedAt < keptMs(known)) return known.report;
    const start = performance.now();
    const report = this.#compute(filter, now);
    if (this.#computed.size >= REPORTS_KEPT) this.#computed.clear();
    this.#computed.set(key, { report, tookMs: performance.now() - start });
    return report;
  }

  /** With `since` or `until`, tokens are those of calls between them and costs those of the days that they touch, in UTC. */
  #compute(filter: UsageFilter, now: number): UsageReport {
    const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter;
    const isWanted = whoseOf(filter);
    const sessions = new Map(
      [...this.#book.sessions].filter(([, session]) => isWanted(session) && fits(session, filter)),
    );
    const shares = costShares(this.#totals.all());
    const sums = new Tally(sessions);
    for (const row of this.#calls.iterate(since, until)) sums.call(row, shares.has(row.session));
    const firstDay = Math.floor(since / DAY_MS);
    const lastDay = Math.floor(until / DAY_MS);
    for (const share of shares.values()) sums.cost(share, { firstDay, lastDay });
    return sums.report(now);
  }
}

function fits(session: BookedSession, { slug, agent, since, until }: UsageFilter): boolean {
  return (
    (slug === undefined || session.project.slug === slug) &&
    (agent === undefined || session.agent === agent) &&
    (since === undefined || session.updatedAt >= since) &&
    (until === undefined || session.createdAt <= until)
  );
}

class Tally {
  readonly #sessions: ReadonlyMap<number, BookedSession>;
  readonly #all = newSums();
  readonly #bySession = new SumsBy<number>();
  readonly #byProject = new SumsBy<string>();
  readonly #byAgent = new SumsBy<string>();
  readonly #byModel = new SumsBy<string>();
  readonly #byDay = new SumsBy<number>();
  readonly #recorded = new SumsBy<string>();

  constructor(sessions: ReadonlyMap<number, BookedSession>) {
    this.#sessions = sessions;
  }

  /** `hasTotal`: what the session cost is known from a running total, so prices of single calls would count it twice. */
  call(row: CallRow, hasTotal: boolean): void {
    const session = this.#sessions.get(row.session);
    if (session === undefined) return;
    const { day, model, ...rest } = row;
    const cost = hasTotal ? 0 : (rest.cost ?? 0);
    for (const sums of this.#of(session, { day, model })) {
      sums.input += rest.input;
      sums.output += rest.output;
      sums.cacheRead += rest.cacheRead;
      sums.cacheWrite += rest.cacheWrite;
      sums.cost += cost;
      sums.sessions.add(session.id);
    }
    if (hasTotal || rest.cost !== null) this.#bySession.at(session.id).isPriced = true;
  }

  cost(share: CostShare, { firstDay, lastDay }: { firstDay: number; lastDay: number }): void {
    const session = this.#sessions.get(share.session);
    if (session === undefined) return;
    const days = [...share.byDay].filter(([day]) => day >= firstDay && day <= lastDay);
    const cost = days.reduce((sum, [, spent]) => sum + spent, 0);
    for (const [day, spent] of days) this.#byDay.at(day).cost += spent;
    // A model's part of some of the days is not recorded: it is taken to be its part of all of them.
    const part = share.cost === 0 ? 0 : cost / share.cost;
    for (const [model, spent] of share.byModel) this.#byModel.at(model).cost += spent * part;
    for (const sums of [
      this.#all,
      this.#bySession.at(session.id),
      this.#byProject.at(session.project.slug),
      this.#byAgent.at(session.agent),
    ]) {
      sums.cost += cost;
    }
    const recorded = this.#recorded.at(session.agent);
    recorded.input += share.input;
    recorded.output += share.output;
  }

  report(now: number): UsageReport {
    const sessions = [...this.#sessions.values()];
    const projects = [...Map.groupBy(sessions, ({ project }) => project.slug)].map(([slug, group]) => ({
      slug,
      path: group[0]?.project.path ?? '',
      sessions: group.length,
      lastActive: group.reduce((newest, { updatedAt }) => Math.max(newest, updatedAt), 0),
      sums: this.#byProject.at(slug),
    }));
    projects.sort((a, b) => b.lastActive - a.lastActive);
    return {
      totalSessions: sessions.length,
      totalCostUsd: this.#all.cost,
      totalInputTokens: this.#all.input,
      totalOutputTokens: this.#all.output,
      totalCacheReadTokens: this.#all.cacheRead,
      totalCacheWriteTokens: this.#all.cacheWrite,
      activeProjects: projects.filter(({ lastActive }) => lastActive >= now - ACTIVE_MS).map(({ slug }) => slug),
      recentActivity: projects.slice(0, RECENT).map(project => ({
        slug: project.slug,
        sessionCount: project.sessions,
        totalCost: project.sums.cost,
        lastActive: project.lastActive,
      })),
      projectBreakdown: projects.map(({ slug, path, sessions: count, sums }) => ({
        projectName: basename(path) || path,
        slug,
        sessions: count,
        cost: sums.cost,
        tokens: sums.input + sums.output,
      })),
      daily: this.#byDay.entries().map(([day, sums]) => ({
        date: new Date(day * DAY_MS).toISOString().slice(0, 10),
        totalCost: sums.cost,
        totalSessions: sums.sessions.size,
        totalInputTokens: sums.input,
        totalOutputTokens: sums.output,
      })),
      byAgent: [...Map.groupBy(sessions, ({ agent }) => agent)].map(([agent, group]) => ({
        agent,
        sessions: group.length,
        ...tokensOf(this.#byAgent.at(agent)),
        tokenSource: sources[agent]?.tokens ?? 'none',
        costSource: sources[agent]?.costs ?? 'none',
        recorded: this.#recordedOf(agent),
      })),
      byModel: this.#byModel.entries().map(([model, sums]) => ({ model, ...tokensOf(sums) })),
      unpricedSessions: this.#bySession.entries().filter(([, sums]) => sums.input + sums.output > 0 && !sums.isPriced)
        .length,
      computedAt: now,
    };
  }

  #recordedOf(agent: string): { inputTokens: number; outputTokens: number } | undefined {
    if (!this.#recorded.has(agent)) return undefined;
    const { input, output } = this.#recorded.at(agent);
    return { inputTokens: input, outputTokens: output };
  }

  #of(session: BookedSession, { day, model }: { day: number; model: string }): Sums[] {
    return [
      this.#all,
      this.#bySession.at(session.id),
      this.#byProject.at(session.project.slug),
      this.#byAgent.at(session.agent),
      this.#byModel.at(model),
      this.#byDay.at(day),
    ];
  }
}

const tokensOf = ({ cost, input, output, cacheRead, cacheWrite }: Sums) => ({
  cost,
  inputTokens: input,
  outputTokens: output,
  cacheReadTokens: cacheRead,
  cacheWriteTokens: cacheWrite,
});
