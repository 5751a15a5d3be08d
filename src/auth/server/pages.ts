import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Html, html } from './html.ts';
import { meaningOf } from './scope-words.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 8vh auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; border: 1px solid #767676; border-radius: .25rem; }
button { font: inherit; margin: 1.25rem .5rem 0 0; padding: .5rem 1.25rem; border: 1px solid #767676; border-radius: .25rem; cursor: pointer; }
button.main { background: #0b57d0; border-color: #0b57d0; color: #fff; }
button.plain { border: 0; padding: 0; margin: 0; background: none; color: inherit; text-decoration: underline; }
:focus-visible { outline: 3px solid #f9ab00; outline-offset: 2px; }
.problem { border-left: .25rem solid #b3261e; padding-left: .75rem; }
form.inline { display: inline; }
small { opacity: .8; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Where a form of the page may lead to in the end, beside this server. */
  readonly formTarget?: string;
}

/** What asks: by its own words, which nobody has checked, and by where it lives, which its user will be sent to. */
export interface Asking {
  readonly client: string;
  /** The host at which the client describes itself; undefined for one that has only registered. */
  readonly host?: string;
  readonly place: string;
}

export function signInPage(
  asking: Asking,
  form: { action: string; formTarget: string; problem?: string; name?: string },
): Page {
  return {
    title: 'Sign in',
    formTarget: form.formTarget,
    body: html`<h1>Sign in to Boxswain</h1>
${introduction(asking)}
${form.problem === undefined ? '' : html`<p class="problem" role="alert" id="problem">${form.problem}</p>`}
<form method="post" action="${form.action}/login">
<label for="name">User name</label>
<input id="name" name="name" value="${form.name ?? ''}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required>
<button class="main" type="submit">Sign in</button>
</form>
${denial(form.action)}`,
  };
}

export function consentPage(
  asking: Asking,
  form: { action: string; user: string; scopes: readonly string[]; refused: readonly string[]; formTarget: string },
): Page {
  const { action, user, scopes, refused } = form;
  const list = (names: readonly string[]) =>
    html`<ul>${names.map(scope => html`<li>${meaningOf(scope)} <small>(${scope})</small></li>`)}</ul>`;
  return {
    title: 'Allow access',
    formTarget: form.formTarget,
    body: html`<h1>Allow access to Boxswain?</h1>
${introduction(asking)}
<div>You are signed in as <strong>${user}</strong>.
<form class="inline" method="post" action="${action}/switch"><button class="plain" type="submit">Sign in as somebody else</button></form></div>
${scopes.length === 0 ? html`<p class="problem">Your account may do nothing of what is asked for.</p>` : html`<p>It will be able to:</p>${list(scopes)}`}
${refused.length === 0 ? '' : html`<p>It asks for more than your account may do, and will not get:</p>${list(refused)}`}
${
  scopes.length === 0
    ? ''
    : html`<p>Allow this only if you have just started signing in from that program yourself.</p>
<form class="inline" method="post" action="${action}/consent"><button class="main" type="submit">Allow</button></form>`
}
${denial(action)}`,
  };
}

export function errorPage(problem: string): Page {
  return {
    title: 'Sign-in failed',
    body: html`<h1>That did not work</h1>
<p class="problem" role="alert">${problem}</p>
<p>Go back to the program that sent you here and start signing in again.</p>`,
  };
}

const introduction = ({ client, host, place }: Asking): Html =>
  html`<p><strong>${client}</strong> asks for access. ${
    host === undefined ? 'It has chosen this name itself.' : html`It describes itself at <strong>${host}</strong>.`
  } You will be sent to <strong>${place}</strong>.</p>`;

const denial = (action: string): Html =>
  html`<form class="inline" method="post" action="${action}/deny"><button type="submit">Cancel</button></form>`;

/** Sends a page that runs no script, loads nothing, is shown in no frame and is kept nowhere. */
export function sendPage(response: ServerResponse, { title, body, formTarget }: Page, { status = 200 } = {}): void {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Boxswain</title>
`.text;
  const targets = formTarget === undefined ? "'self'" : `'self' ${formTarget}`;
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${targets}; base-uri 'none'; frame-ancestors 'none'`,
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    // Not no-referrer: with that, browsers send forms with the Origin null, which is nobody's.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  });
  response.end(`${page}<style>${STYLE}</style>\n</head>\n<body>\n<main>\n${body.text}\n</main>\n</body>\n</html>\n`);
}
