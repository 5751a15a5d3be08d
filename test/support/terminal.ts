import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

/**
 * Python's own pseudo-terminal: nothing has to be compiled for it. Says the program's pid on standard error, hands keys in and the
 * screen out, and ends with the program; when its own input ends it hangs up, as a closed window does.
 */
const relay = `
import errno, fcntl, os, pty, select, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 160, 0, 0))
os.write(2, b'%d\\n' % pid)
keys = [0]
while True:
    ready, _, _ = select.select([terminal] + keys, [], [])
    if terminal in ready:
        try:
            shown = os.read(terminal, 65536)
        except OSError as error:
            if error.errno != errno.EIO: raise
            shown = b''
        if not shown: break
        os.write(1, shown)
    if keys and 0 in ready:
        typed = os.read(0, 65536)
        if typed: os.write(terminal, typed)
        else: break
os.close(terminal)
os.waitpid(pid, 0)
`;

export interface TerminalOptions {
  readonly program: string;
  readonly args?: readonly string[];
  readonly cwd: string;
  /** The whole of it. */
  readonly env: Readonly<Record<string, string>>;
}

/** A program in a pseudo-terminal, as its user sees it. */
export class Terminal implements AsyncDisposable {
  /** Of the program, not of what holds its terminal. */
  readonly pid: number;
  readonly #relay: ReturnType<typeof start>;
  /** Whole lines without colours and movements, and what came since as it came. */
  #lines = '';
  #rest = '';
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  private constructor(started: ReturnType<typeof start>, pid: number) {
    this.#relay = started;
    this.pid = pid;
    started.stdout.on('data', (text: string) => {
      this.#show(text);
      this.#wake();
    });
    // After the last of what it showed.
    started.once('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  static async open(options: TerminalOptions): Promise<Terminal> {
    const started = start(options);
    const [said]: unknown[] = await once(started.stderr, 'data');
    return new Terminal(started, Number.parseInt(String(said), 10));
  }

  /** All that was written to the screen, without colours and movements. What one read does not end with may stand in the next. */
  get text(): string {
    return this.#lines + stripVTControlCharacters(this.#rest);
  }

  /** Position for `until`: only what comes after it. */
  get length(): number {
    return this.text.length;
  }

  /** Settles when the screen shows it; programs draw words apart, so blanks do not count. Rejects with what it shows instead. */
  async until(wanted: RegExp, { from = 0, withinMs = 60_000 } = {}): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, withinMs);
    try {
      while (!wanted.test(this.text.slice(from).replaceAll(/\s+/g, ''))) {
        if (isLate || this.#isOver)
          throw new Error(`the terminal never showed ${wanted}, but:\n${this.text.slice(-3000)}`);
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** No control sequence goes on beyond a line. */
  #show(text: string): void {
    const shown = this.#rest + text;
    const end = shown.lastIndexOf('\n') + 1;
    this.#lines += stripVTControlCharacters(shown.slice(0, end));
    this.#rest = shown.slice(end);
  }

  /** Whoever waits looks again. */
  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Keys as they are, such as `\r` for Enter and `\x1b` for Escape. */
  press(keys: string): void {
    this.#relay.stdin.write(keys);
  }

  /** A text put in at once, as from the clipboard. */
  paste(text: string): void {
    this.press(`\x1b[200~${text}\x1b[201~`);
  }

  /** Kills the program, and nobody takes notice of its end until the window is closed. */
  killUnnoticed(): void {
    this.#relay.kill('SIGSTOP');
    process.kill(this.pid, 'SIGKILL');
  }

  /** Closes the window; settles when the program has ended. */
  async close(): Promise<void> {
    if (this.#relay.exitCode !== null || this.#relay.signalCode !== null) return;
    const ended = once(this.#relay, 'exit');
    this.#relay.kill('SIGCONT');
    this.#relay.stdin.end();
    await ended;
  }

  /** The program's end, when it was asked to end by keys. */
  async ended(): Promise<void> {
    if (this.#relay.exitCode === null && this.#relay.signalCode === null) await once(this.#relay, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function start({ program, args = [], cwd, env }: TerminalOptions) {
  const relayed = ['-I', '-c', relay, program, ...args];
  const started = spawn('python3', relayed, { cwd, env: { TERM: 'xterm-256color', ...env } });
  started.stdout.setEncoding('utf8');
  started.stderr.setEncoding('utf8');
  started.stdin.on('error', () => undefined);
  return started;
}
