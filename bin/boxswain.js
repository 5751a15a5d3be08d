#!/usr/bin/env node
// The published package has compiled sources; a clone runs the sources themselves, which needs Node 22.18 or newer.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/main.js', import.meta.url);
await import(existsSync(compiled) ? compiled.href : new URL('../src/main.ts', import.meta.url).href);
