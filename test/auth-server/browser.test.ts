import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { ClientApplication, connectAs } from '../auth/oauth-client.ts';
import { afterLast, beforeFirst } from '../support/around-tests.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { PASSWORD, type Stage, startStage } from './stage.ts';

let stage: Stage;
let browser: TestBrowser;
/** What a program on the user's machine listens with for the answer. */
let listener: Server;
let redirectUrl = '';
beforeFirst(async () => {
  [stage, browser] = await Promise.all([startStage(), startBrowser()]);
  listener = createServer((_request, response) => response.end('<title>Back</title>'));
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const address = listener.address();
  redirectUrl = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}/callback`;
});
afterLast(async () => {
  await browser[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  listener.close();
  listener.closeAllConnections();
});

/** Its user sits before a real browser. */
class WatchedApplication extends ClientApplication {
  readonly #page: Page;

  constructor(page: Page) {
    super({ redirectUrl });
    this.#page = page;
  }

  override async visit(): Promise<URLSearchParams> {
    await this.#page.goto(String(this.visits.at(-1)));
    const password = this.#page.getByLabel('Password');
    if ((await this.#page.title()).startsWith('Sign in')) {
      await this.#page.getByLabel('User name').fill('ada');
      await password.fill(PASSWORD);
      await password.press('Enter');
    }
    await this.#page.getByRole('button', { name: 'Allow', exact: true }).click();
    await this.#page.waitForURL(url => url.href.startsWith(redirectUrl));
    return new URL(this.#page.url()).searchParams;
  }
}

for (const [era, mode] of [
  ['legacy', 'legacy'],
  ['modern', 'auto'],
] as const) {
  test(`in a real browser a user signs in for a client of the ${era} era, and is asked each time whether it agrees`, async () => {
    const { page, said } = await browser.page();
    const application = new WatchedApplication(page);
    const client = await connectAs(application, stage.url, mode);
    assert.equal((await client.callTool({ name: 'workspace_create', arguments: {} })).isError ?? false, false);
    // The session of the browser is still there, so it is only asked whether it agrees.
    await page.goto(String(application.visits[0]));
    assert.match(await page.title(), /^Allow access/);
    await client.close();
    assert.deepEqual(said, []);
  });
}

test('the pages can be used with the keyboard alone, and say what went wrong', async () => {
  const { page, said } = await browser.page();
  const application = new WatchedApplication(page);
  await connectAs(application, stage.url, 'legacy').then(client => client.close());
  await page.goto(String(application.visits[0]));
  await page.getByRole('button', { name: 'Sign in as somebody else' }).click();
  await page.getByLabel('User name').waitFor();
  await page.keyboard.type('nobody');
  await page.keyboard.press('Tab');
  await page.keyboard.type('a wrong password');
  await page.keyboard.press('Enter');
  assert.match(await page.getByRole('alert').innerText(), /wrong/);
  // The browser itself tells of the 401.
  assert.equal(said.filter(line => !line.includes('401')).join('\n'), '');
});
