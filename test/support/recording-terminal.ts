import type { Terminal } from '../../src/cli/output.ts';

/** A terminal that keeps what was written to it. */
export class RecordingTerminal implements Terminal {
  readonly isInteractive: boolean;
  stdout = '';
  stderr = '';
  exitCode: number | undefined;
  readonly told: Parameters<Terminal['progress']>[0][] = [];

  constructor({ isInteractive = false }: { isInteractive?: boolean } = {}) {
    this.isInteractive = isInteractive;
  }

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  progress(progress: Parameters<Terminal['progress']>[0]): void {
    this.told.push(progress);
  }

  clearProgress(): void {
    this.told.length = 0;
  }

  exitWith(code: number): void {
    this.exitCode = code;
  }

  /** What its user types next. */
  typed = '';
  async ask(question: string): Promise<string> {
    this.stderr += question;
    return this.typed;
  }

  /** What its user types unseen, one after the other. */
  readonly secrets: string[] = [];
  async askSecret(question: string): Promise<string> {
    this.stderr += question;
    return this.secrets.shift() ?? '';
  }
}
