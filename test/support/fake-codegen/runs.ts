import type { CodegenApi } from '../../../src/providers/codegen/api.gen.ts';

/** A run as the API document describes it; statuses may be any word. */
export type FakeRun = CodegenApi['AgentRunResponse'];
export type FakeLog = CodegenApi['AgentRunLogResponse'];
export type FakeRepo = CodegenApi['RepoResponse'];
export type RunChange = Partial<Omit<FakeRun, 'id' | 'organization_id'>>;

/** What there is at the service. */
export class FakeRuns {
  readonly #orgId: number;
  readonly #runs = new Map<number, FakeRun>();
  readonly #scripts = new Map<number, RunChange[]>();
  readonly #logs = new Map<number, FakeLog[]>();
  readonly #prompts = new Map<number, string[]>();
  readonly #repos: FakeRepo[] = [];
  #nextId = 12_345;
  /** What a run goes through that was just created or resumed: a step each time it is read. */
  script: readonly RunChange[] = [];
  /** Told of each run that was created or resumed. */
  onStarted: (run: FakeRun) => void = () => {};

  constructor(orgId: number) {
    this.#orgId = orgId;
  }

  add(fields: RunChange & { id?: number } = {}): FakeRun {
    const id = fields.id ?? this.#nextId++;
    const run: FakeRun = {
      status: 'ACTIVE',
      created_at: new Date().toISOString().replace('T', ' ').replace('Z', '000'),
      web_url: `https://codegen.com/runs/${id}`,
      result: null,
      summary: null,
      source_type: 'API',
      github_pull_requests: [],
      metadata: null,
      ...fields,
      id,
      organization_id: this.#orgId,
    };
    this.#runs.set(id, run);
    return run;
  }

  start({ prompt, metadata }: CodegenApi['CreateAgentRunInput']): FakeRun {
    const run = this.add({ metadata: metadata ?? null });
    this.#started(run, prompt);
    return run;
  }

  resume(id: number, prompt: string): FakeRun | undefined {
    const run = this.#runs.get(id);
    if (!run) return undefined;
    this.change(id, { status: 'ACTIVE', result: null });
    this.#started(run, prompt);
    return run;
  }

  change(id: number, change: RunChange): void {
    const run = this.#runs.get(id);
    if (!run) throw new Error(`there is no run ${id}`);
    Object.assign(run, change);
  }

  /** As it is read: it may go a step further by that. */
  read(id: number): FakeRun | undefined {
    const run = this.#runs.get(id);
    const step = this.#scripts.get(id)?.shift();
    if (run && step) Object.assign(run, step);
    return run;
  }

  /** All of them, the newest first. */
  all(): FakeRun[] {
    return [...this.#runs.keys()].sort((a, b) => b - a).flatMap(id => this.read(id) ?? []);
  }

  /** What a run was told, with its first prompt. */
  promptsOf(id: number): readonly string[] {
    return this.#prompts.get(id) ?? [];
  }

  remove(id: number): void {
    this.#runs.delete(id);
  }

  /** Nothing is left, and new runs have other numbers than those before. */
  clear(): void {
    for (const kept of [this.#runs, this.#scripts, this.#logs, this.#prompts]) kept.clear();
    this.#repos.length = 0;
    this.script = [];
    this.onStarted = () => {};
  }

  addLogs(id: number, ...logs: Omit<FakeLog, 'agent_run_id'>[]): void {
    this.#logs.set(id, [...(this.#logs.get(id) ?? []), ...logs.map(log => ({ agent_run_id: id, ...log }))]);
  }

  logsOf(id: number): readonly FakeLog[] {
    return this.#logs.get(id) ?? [];
  }

  addRepo(fullName: string): FakeRepo {
    const id = this.#repos.length + 1;
    const repo: FakeRepo = {
      id,
      name: fullName.split('/').at(-1) ?? fullName,
      full_name: fullName,
      description: null,
      github_id: String(1000 + id),
      organization_id: this.#orgId,
      visibility: 'private',
      archived: false,
      setup_status: 'COMPLETE',
      language: null,
    };
    this.#repos.push(repo);
    return repo;
  }

  repos(): readonly FakeRepo[] {
    return this.#repos;
  }

  #started(run: FakeRun, prompt: string): void {
    this.#prompts.set(run.id, [...this.promptsOf(run.id), prompt]);
    if (this.script.length > 0) this.#scripts.set(run.id, [...this.script]);
    this.onStarted(run);
  }
}
