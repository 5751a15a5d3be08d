import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installAgent } from '../../scripts/install-agents.ts';
import { AgentFixture } from '../agents/fixture.ts';
import { eventually } from './eventually.ts';
import { startScriptedModel } from './scripted-model/server.ts';
import { mainFile, type RunningServer, startServer } from './server.ts';
import { Terminal } from './terminal.ts';

/** Long enough for Claude Code on a busy machine. */
const PATIENCE_MS = 60_000;
/** What the screen shows when it takes prompts. */
export const READY = /manualmodeon/;

/** A user who has Claude Code in terminals, and a server of their own, which both know nothing but each other and a scripted model. */
export class ClaudeUser implements AsyncDisposable {
  readonly fixture: AgentFixture;
  readonly #program: string;
  readonly #model: Awaited<ReturnType<typeof startScriptedModel>>;
  readonly #terminals: Terminal[] = [];
  #server: RunningServer | undefined;
  /** The same at each start, as hooks need it. */
  #port = '0';

  private constructor(fixture: AgentFixture, program: string, model: Awaited<ReturnType<typeof startScriptedModel>>) {
    this.fixture = fixture;
    this.#program = program;
    this.#model = model;
  }

  static async arrive(name: string): Promise<ClaudeUser> {
    const { program } = await installAgent('claude');
    const user = new ClaudeUser(await AgentFixture.make(name), program, await startScriptedModel());
    await user.#answerFirstQuestions();
    return user;
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error('no server was started');
    return this.#server;
  }

  /** In the project, with its history in view. Starting it again is starting it where it was. */
  async startServer(): Promise<RunningServer> {
    this.#server = await startServer({
      directory: this.fixture.path('data'),
      args: ['--port', this.#port],
      env: { ...this.#env, BOXSWAIN_SESSIONS_ROOTS: this.fixture.path('work') },
    });
    this.#port = new URL(this.#server.url).port;
    return this.#server;
  }

  /** `boxswain …` as this user types it; what it printed. */
  async boxswain(...words: string[]): Promise<string> {
    const args = [mainFile, ...words, '--directory', this.fixture.path('data')];
    const env = { ...this.#env, BOXSWAIN_HTTP_PORT: this.#port };
    return (await promisify(execFile)(process.execPath, args, { env })).stdout;
  }

  /** `claude …` without a terminal, as from a script of the user's; what it printed. */
  async claude(...args: string[]): Promise<string> {
    const options = { cwd: this.fixture.path('work'), env: this.#env };
    const running = promisify(execFile)(this.#program, args, options);
    // It would wait for what is piped in.
    running.child.stdin?.end();
    return (await running).stdout;
  }

  /** Claude Code in a new window, once it takes prompts. */
  async open(...args: string[]): Promise<Terminal> {
    const terminal = await this.begin(...args);
    await terminal.until(READY);
    return terminal;
  }

  /** The same, as soon as the program runs, which is long before it says what it has open. */
  async begin(...args: string[]): Promise<Terminal> {
    const options = { program: this.#program, args, cwd: this.fixture.path('work'), env: this.#env };
    const terminal = await Terminal.open(options);
    this.#terminals.push(terminal);
    const program = await realpath(this.#program);
    await eventually(async () => (await readlink(`/proc/${terminal.pid}/exe`)) === program, PATIENCE_MS);
    return terminal;
  }

  /** Types a prompt whose lines are a script of the model. */
  async prompt(terminal: Terminal, ...lines: string[]): Promise<void> {
    const from = terminal.length;
    terminal.paste(lines.join('\n'));
    // Enter within a paste would be a new line of it.
    await terminal.until(/#say|#tool|\[Pastedtext/, { from });
    terminal.press('\r');
  }

  /** Settles when Claude Code has said exactly this, as its transcript tells; what a screen shows is drawn over many times. */
  async hears(text: string): Promise<void> {
    const said = `"type":"text","text":${JSON.stringify(text)}`;
    await eventually(async () => {
      const projects = this.fixture.path('config/projects');
      const files = (await readdir(projects, { recursive: true }).catch((): string[] => [])).filter(name =>
        name.endsWith('.jsonl'),
      );
      const texts = await Promise.all(files.map(name => readFile(join(projects, name), 'utf8')));
      return texts.some(lines =>
        lines.split('\n').some(line => line.includes('"type":"assistant"') && line.includes(said)),
      );
    }, PATIENCE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const terminal of this.#terminals) await terminal.close();
    await this.#server?.stop();
    await this.#model.close();
    await this.fixture.remove();
  }

  get #env(): Record<string, string> {
    const { environment } = this.fixture;
    return {
      ...environment,
      PATH: `${dirname(this.#program)}:${environment.PATH}`,
      CLAUDE_CONFIG_DIR: this.fixture.path('config'),
      ANTHROPIC_BASE_URL: this.#model.origin,
      ANTHROPIC_API_KEY: 'dummy-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    };
  }

  /** What Claude Code asks a new user, and whether it may decide by itself. */
  async #answerFirstQuestions(): Promise<void> {
    const trusted = { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true };
    const state = {
      ...{ hasCompletedOnboarding: true, theme: 'dark' },
      customApiKeyResponses: { approved: ['dummy-key'], rejected: [] },
      projects: { [this.fixture.path('work')]: trusted },
    };
    await writeFile(this.fixture.path('config/.claude.json'), JSON.stringify(state));
    const settings = { permissions: { defaultMode: 'default', disableAutoMode: 'disable' } };
    await writeFile(this.fixture.path('config/settings.json'), JSON.stringify(settings));
  }
}
