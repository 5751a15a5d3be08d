import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBrowser } from './browser.ts';
import { serveLocally } from './local-server.ts';

test('pages of one browser share nothing, tell what they say, and reach this machine only', async () => {
  const server = await serveLocally((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<title>here</title><script>console.log(document.cookie || "no cookie")</script>');
  });
  await using browser = await startBrowser();
  const [one, other] = [await browser.page(), await browser.page()];
  await one.page.goto(server.origin);
  assert.equal(await one.page.title(), 'here');
  await one.page.evaluate('document.cookie = "mine=1"');
  await one.page.goto(server.origin);
  await other.page.goto(server.origin);
  assert.deepEqual([one.said, other.said], [['no cookie', 'mine=1'], ['no cookie']]);
  await assert.rejects(other.page.goto('http://example.com/'), /ERR_NAME_NOT_RESOLVED/);
  await server.close();
});
