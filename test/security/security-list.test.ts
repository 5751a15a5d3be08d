import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const AUTHENTICATE = 'src/auth/authenticate.test.ts';
const EDGE = 'test/auth/edge.test.ts';
const LOOPBACK = 'test/auth/loopback.test.ts';
const HOSTILE = 'test/mcp/hostile.test.ts';
const CLIENTS = 'test/security/clients.test.ts';
const FLOODS = 'test/security/floods.test.ts';
const ARGUMENTS = 'test/security/hostile-arguments.test.ts';
const ROUTES = 'test/security/every-route.test.ts';
const ISOLATION = 'test/isolation/isolation.test.ts';
const PATHS = 'src/worker/sandbox/boxd/path-attacks.test.ts';
const FILES = 'src/worker/sandbox/boxd/files.test.ts';

/** Where each attack that the server must withstand is tried: the file, and words of the titles in it. */
const LIST: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  'Host and Origin matrix': [
    [LOOPBACK, 'is refused, however it is written'],
    [LOOPBACK, 'is refused when it is only in the Origin'],
    [ROUTES, 'a page of another origin gets nothing from any route'],
  ],
  'forwarding headers': [
    [LOOPBACK, 'is asked for a token'],
    [ROUTES, 'what came through a proxy without a token'],
  ],
  'token with foreign audience, issuer or key': [
    [AUTHENTICATE, 'whose key is not that of the issuer is refused'],
    [AUTHENTICATE, 'of one known issuer with the keys of another is refused'],
    ['test/auth/golden.test.ts', 'one of another audience or without scope never does'],
  ],
  'alg none': [[AUTHENTICATE, 'is refused, also when it is signed with the public key']],
  'expired token': [['test/auth/golden.test.ts', 'a revoked or expired token stops working']],
  'token in the query': [
    [EDGE, 'in the address is refused, whatever the header says'],
    [ROUTES, 'a token in the query is accepted by no route'],
  ],
  'step-up 403': [[EDGE, 'is answered with 403 and all that the next token needs, in both eras']],
  'foreign and forged handles': [
    [ISOLATION, 'tells nothing of handles of somebody else'],
    ['test/isolation/routes.test.ts', 'tell nothing of what is somebody else'],
    ['test/mcp/sessions.test.ts', 'that never was answers 404'],
    ['test/mcp/tasks.test.ts', 'answers a foreign task like one that never was'],
  ],
  'requestState replayed and tampered': [[CLIENTS, 'that is replayed, tampered with or made up gives nothing']],
  'two clients with the same request ids': [
    [CLIENTS, 'although all use the same request ids at the same time'],
    ['test/mcp/sessions.test.ts', 'two sessions with the same request ids get their own answers'],
  ],
  'body over the cap': [[HOSTILE, 'over the cap gets 413']],
  'JSON nested 10,000 deep': [[FLOODS, 'a body nested 10,000 deep is refused by every surface']],
  'batch of 100,000': [[FLOODS, 'a batch of 100,000 is refused whole']],
  'slow headers and bodies': [
    [FLOODS, 'headers that come slowly are cut'],
    [FLOODS, 'bodies that come slowly keep nobody out'],
    ['src/http/listener.test.ts', 'a body that takes too long is cut'],
  ],
  'the 1,025th subscription': [
    [FLOODS, 'the 1,025th subscription is answered like the first'],
    [FLOODS, '1,025 readers of events keep nobody out'],
  ],
  'header and body mismatch': [[CLIENTS, 'headers that say otherwise than the body are refused']],
  'prefix and symlink escape': [
    [PATHS, 'a name that flips between a file and a link out never yields a byte from outside'],
    [FILES, 'links within the workspace are followed, links out of it are not'],
  ],
  'shell metacharacters': [
    [ARGUMENTS, 'in the URL of a repository are part of an address, or refused'],
    [ARGUMENTS, 'in a branch or a folder to clone into name just that'],
    [ARGUMENTS, 'in messages, authors and paths of a commit are written down as they are'],
    [ARGUMENTS, 'in names of packages and indexes are refused before anything is run'],
    [ARGUMENTS, 'in filters and paths of tests reach the runner as single words'],
    [ARGUMENTS, 'in options of agents reach the program as single words'],
  ],
  'exploding regular expressions': [
    [ARGUMENTS, 'are in no argument of any operation'],
    [ARGUMENTS, 'are none of the masks of a listing'],
    [ARGUMENTS, 'are none of what is searched for'],
  ],
  'secrets in errors': [
    ['test/mcp/calls.test.ts', 'never sees what was thrown'],
    ['test/http/api.test.ts', 'never shows what was thrown'],
  ],
  'ANSI and bidi text in output': [[CLIENTS, 'what a program writes for terminals reaches no client raw']],
  'disconnect frees the box': [[CLIENTS, 'a client that hangs up frees the box of what it ran']],
  'DNS rebinding': [[ROUTES, '(DNS rebinding) gets nothing from any route']],
  'one server shared by clients': [[CLIENTS, 'gives each its own answer']],
};

for (const [item, places] of Object.entries(LIST)) {
  test(`${item} is tried where the list says`, async () => {
    for (const [file, title] of places) {
      const source = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      const titles = [...source.matchAll(/\b(?:test|it)\(\s*(['"`])(.*?)\1,/gs)].map(match => match[2] ?? '');
      assert.ok(
        titles.some(one => one.includes(title)),
        `${file} has no test about: ${title}`,
      );
    }
  });
}
