import type { Command } from 'commander';
import { AppError } from '../errors/app-error.ts';

/** What may follow the given words: subcommands, or the flags of the command they name. */
export function completionsFor(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? '';
  const command = commandAt(program, words.slice(0, -1));
  return ['--help', ...namesIn(command)].filter(name => name.startsWith(last)).sort();
}

/** The command that the words lead to; words that name no subcommand are passed over. */
export function commandAt(program: Command, words: readonly string[]): Command {
  return words.reduce(
    (command, word) => command.commands.find(candidate => candidate.name() === word) ?? command,
    program,
  );
}

/** Subcommands and flags, without the hidden ones. */
export function namesIn(command: Command): string[] {
  const names = command.commands.map(candidate => candidate.name()).filter(name => name !== '__complete');
  return [...names, ...command.options.filter(option => !option.hidden).flatMap(option => option.long ?? [])];
}

const scripts: Record<string, string> = {
  bash: `_boxswain() {
  local IFS=$'\\n'
  COMPREPLY=($(boxswain __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}"))
}
complete -o default -F _boxswain boxswain`,
  zsh: `#compdef boxswain
_boxswain() {
  local -a found
  found=("\${(@f)$(boxswain __complete -- "\${(@)words[2,CURRENT]}")}")
  compadd -a found
}
compdef _boxswain boxswain`,
  fish: `complete -c boxswain -f -a '(boxswain __complete -- (commandline -opc)[2..-1] (commandline -ct))'`,
};

/** The script that makes a shell ask \`boxswain __complete\`. */
export function completionScript(shell: string): string {
  const script = scripts[shell];
  if (!script) {
    throw new AppError('VALIDATION_ERROR', `there is no completion for "${shell}"`, {
      hint: `use one of: ${Object.keys(scripts).join(', ')}`,
    });
  }
  return script;
}
