#!/usr/bin/env node
// The published package has compiled sources; a clone runs the sources themselves, which needs Node 22.18 or newer.
import { existsSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

keepCompiledCode();
const compiled = new URL('../dist/main.js', import.meta.url);
await import(existsSync(compiled) ? compiled.href : new URL('../src/main.ts', import.meta.url).href);

/**
 * Most of what a command takes is compiling the program: what was compiled once is kept in the user's cache folder. Whoever could write
 * there could run code, so this is done only below a folder that belongs to who runs it: not, for one, with `sudo` in another's home.
 */
function keepCompiledCode() {
  try {
    const { XDG_CACHE_HOME: named } = process.env;
    const base = named || homedir();
    const user = process.getuid?.();
    if (user !== undefined && statSync(base).uid !== user) return;
    enableCompileCache(join(named || join(base, '.cache'), 'boxswain', 'compiled'));
  } catch {
    // Without a home everything is compiled anew.
  }
}
