import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installAgent } from '../../scripts/install-agents.ts';
import { eventually } from './eventually.ts';
import { startScriptedModel } from './scripted-model/server.ts';
import { scratchDirectory } from './server.ts';
import { Terminal } from './terminal.ts';

const READY_MS = 60_000;

/** The real Claude Code in terminals: with folders of its own, a scripted model, and nothing that it would ask at its first start. */
export class ClaudeTerminals implements AsyncDisposable {
  readonly root: string;
  readonly work: string;
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly #end: () => Promise<void>;

  private constructor(made: {
    root: string;
    program: string;
    environment: Readonly<Record<string, string>>;
    end: () => Promise<void>;
  }) {
    this.root = made.root;
    this.work = join(made.root, 'work');
    this.program = made.program;
    this.environment = made.environment;
    this.#end = made.end;
  }

  /** `settings`: of Claude Code's user, beside what the tests need. */
  static async make(settings: Record<string, unknown> = {}): Promise<ClaudeTerminals> {
    const { program } = await installAgent('claude');
    const scratch = await scratchDirectory();
    const model = await startScriptedModel();
    const at = (...names: string[]) => join(scratch.path, ...names);
    for (const folder of ['home', 'config', 'work', 'tmp']) await mkdir(at(folder));
    await writeFile(
      at('config/settings.json'),
      JSON.stringify({ permissions: { defaultMode: 'default' }, ...settings }),
    );
    const trusted = { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true };
    const state = {
      ...{ hasCompletedOnboarding: true, theme: 'dark', hasSeenAutoDefaultNudge: true },
      customApiKeyResponses: { approved: ['dummy-key'], rejected: [] },
      projects: { [at('work')]: trusted },
    };
    await writeFile(at('config/.claude.json'), JSON.stringify(state));
    const environment = {
      HOME: at('home'),
      TMPDIR: at('tmp'),
      PATH: `${join(process.execPath, '..')}:/usr/local/bin:/usr/bin:/bin`,
      LANG: 'C.UTF-8',
      SHELL: '/bin/sh',
      USER: 'tester',
      CLAUDE_BIN: program,
      CLAUDE_CONFIG_DIR: at('config'),
      ANTHROPIC_BASE_URL: model.origin,
      ANTHROPIC_API_KEY: 'dummy-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    };
    const end = async () => {
      await model.close();
      await scratch.remove();
    };
    return new ClaudeTerminals({ root: scratch.path, program, environment, end });
  }

  /** What a server with these agents is started with. */
  get serverEnvironment(): Record<string, string> {
    return { ...this.environment, BOXSWAIN_SESSIONS_ROOTS: this.work };
  }

  /** Opens Claude Code; settles when it takes prompts. */
  async open(...args: string[]): Promise<ClaudeTerminal> {
    const terminal = await Terminal.open({ program: this.program, args, cwd: this.work, env: this.environment });
    await terminal.until(/forshortcuts|manualmodeon/, { withinMs: READY_MS });
    return new ClaudeTerminal(terminal);
  }

  /** Ids of the sessions that have transcripts. */
  async transcripts(): Promise<string[]> {
    const folder = await this.#folder();
    return folder === undefined
      ? []
      : (await readdir(folder)).flatMap(name => (name.endsWith('.jsonl') ? [name.slice(0, -6)] : []));
  }

  async transcript(sessionId: string): Promise<string> {
    return await readFile(join((await this.#folder()) ?? '', `${sessionId}.jsonl`), 'utf8');
  }

  async #folder(): Promise<string | undefined> {
    const projects = join(this.root, 'config/projects');
    const [name] = await readdir(projects).catch((): string[] => []);
    return name === undefined ? undefined : join(projects, name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

/** Claude Code as its user has it before them. */
export class ClaudeTerminal implements AsyncDisposable {
  readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  get pid(): number {
    return this.terminal.pid;
  }

  /** Types a prompt of one line and sends it off. */
  async ask(line: string): Promise<void> {
    const from = this.terminal.length;
    this.terminal.paste(line);
    await this.terminal.until(new RegExp(escaped(line)), { from });
    this.terminal.press('\r');
  }

  /** Settles when the screen shows the text, whatever its blanks, as an answer shows and not only as it was asked. */
  async shows(text: string, options: { from?: number } = {}): Promise<void> {
    await this.terminal.until(new RegExp(escaped(text)), options);
  }

  /** Ends it as users do. */
  async quit(): Promise<void> {
    const ended = this.terminal.ended();
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    await eventually(() => {
      if (!isOver) this.terminal.press('\x03');
      return isOver;
    }, READY_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal.close();
  }
}

/** As a pattern for a screen without blanks. */
const escaped = (text: string): string => text.replaceAll(/\s+/g, '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
