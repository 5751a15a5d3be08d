import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../scripts/chromium.ts';
import { cleanEnvironment, scratchDirectory } from './server.ts';

/** What cannot be asked for by a page under test: anything but this machine. */
const LOOPBACK_ONLY = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]';
const START_LIMIT_MS = 120_000;
/** For each step of a page that waits, such as a click or a navigation; generous, since machines are busy. */
const STEP_LIMIT_MS = 60_000;

/** A headless Chromium of a test's own: gone with all that it wrote when it is disposed of. */
export interface TestBrowser extends AsyncDisposable {
  /** Another page, with a profile of its own: no cookies, storage or permissions are shared with any other page. */
  page(): Promise<TestPage>;
}

export interface TestPage {
  /** Playwright's: `goto`, `getByRole(…).click()`, `waitForURL`, `evaluate`, `screenshot`. */
  readonly page: Page;
  /** What the page said so far: lines of its console, and its uncaught errors as `error: …`. */
  readonly said: readonly string[];
}

/**
 * Starts the system's Chromium with an empty home and profile, and no network but loopback; `npm test` installs it where it is missing.
 * Sharing one browser between the tests of a file costs a page each, not a start:
 *
 *     await using browser = await startBrowser();
 *     const { page, said } = await browser.page();
 *     await page.goto(server.url);
 *     await page.getByRole('button', { name: 'Allow' }).click();
 *
 * Throws when there is no Chromium.
 */
export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('Chromium is missing. Run: node scripts/bootstrap.ts --for-tests, or apt-get install chromium');
  const home = await scratchDirectory();
  let browser: Browser;
  try {
    browser = await chromium.launch({
      executablePath,
      headless: true,
      // As root, and in containers, it cannot make its own sandbox; it sees pages of the tests only.
      chromiumSandbox: false,
      args: [LOOPBACK_ONLY, '--disable-gpu', '--disable-dev-shm-usage'],
      env: cleanEnvironment({ HOME: home.path, TMPDIR: home.path, XDG_RUNTIME_DIR: home.path }),
      timeout: START_LIMIT_MS,
    });
  } catch (error) {
    await home.remove();
    throw error;
  }
  return {
    page: () => openPage(browser),
    async [Symbol.asyncDispose]() {
      await browser.close();
      await home.remove();
    },
  };
}

async function openPage(browser: Browser): Promise<TestPage> {
  const context = await browser.newContext();
  context.setDefaultTimeout(STEP_LIMIT_MS);
  const page = await context.newPage();
  const said: string[] = [];
  page.on('console', message => said.push(message.text()));
  page.on('pageerror', error => said.push(`error: ${error.message}`));
  return { page, said };
}
