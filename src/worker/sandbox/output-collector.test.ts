import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OutputCollector, SHOWN_BYTES } from './output-collector.ts';

const marker = /\[… (\d+) bytes omitted …\]/;

async function spooled(collector: OutputCollector): Promise<Buffer | undefined> {
  const spool = collector.takeSpool();
  if (spool === undefined) return undefined;
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of spool.read()) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    spool.dispose();
  }
}

function collect(bytes: Buffer, sizes: readonly number[]): OutputCollector {
  const collector = new OutputCollector();
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    collector.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return collector;
}

describe('output collector', () => {
  it('shows all of what fits, and spools nothing', async () => {
    const bytes = Buffer.from('x'.repeat(SHOWN_BYTES));
    const collector = collect(bytes, [1000]);
    assert.deepEqual(collector.show(), { text: bytes.toString(), bytes: SHOWN_BYTES, isCut: false });
    assert.equal(await spooled(collector), undefined);
  });

  it('shows a character that is split over two chunks', () => {
    assert.equal(collect(Buffer.from('aé€😀z'), [1]).show().text, 'aé€😀z');
  });

  it('turns bytes that are no UTF-8 into U+FFFD', () => {
    assert.equal(collect(Buffer.from([0x61, 0xff, 0x62]), [3]).show().text, 'a\ufffdb');
  });

  it('shows the end of a flood in few pushes as in many', () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => 97 + (i % 26)));
    const one = collect(bytes, [bytes.length]).show();
    assert.deepEqual(collect(bytes, [7, 4096, 50_000]).show(), one);
    assert.ok(one.text.endsWith(bytes.subarray(-1000).toString()));
  });

  it('tells what is new, in whole characters, each once', () => {
    const collector = new OutputCollector();
    let [text, next] = ['', 0];
    for (const byte of Buffer.from('aé€😀z'.repeat(40_000))) {
      collector.push(Buffer.from([byte]));
      if (collector.bytes % 997 !== 0) continue;
      const news = collector.since(next, 4096);
      text += news.text;
      next = news.next;
    }
    text += collector.since(next, 4096).text;
    assert.equal(text, 'aé€😀z'.repeat(40_000));
    assert.deepEqual(collector.since(collector.bytes, 10), { text: '', next: collector.bytes });
    assert.equal(collector.since(0, 3).text, 'z');
    collector.dispose();
  });

  it('accounts for every byte and never splits a character', async () => {
    const alphabet = fc.constantFrom('a', 'é', '€', '😀', '\n');
    const sizes = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 8 });
    const piece = fc.array(alphabet, { minLength: 1, maxLength: 50 }).map(letters => letters.join(''));
    await fc.assert(
      fc.asyncProperty(piece, fc.integer({ min: 1, max: 200_000 }), sizes, async (text, length, cuts) => {
        const repeated = text.repeat(Math.ceil(length / text.length));
        const bytes = Buffer.from(repeated);
        const collector = collect(bytes, cuts);
        const shown = collector.show();
        assert.equal(shown.bytes, bytes.length);
        assert.equal(shown.isCut, bytes.length > SHOWN_BYTES);
        const all = await spooled(collector);
        if (!shown.isCut) {
          assert.equal(shown.text, repeated);
          assert.equal(all, undefined);
          return;
        }
        assert.ok(all?.equals(bytes));
        assert.ok(!shown.text.includes('\ufffd'));
        const found = marker.exec(shown.text) ?? assert.fail('there is a marker');
        const [head, tail] = shown.text.split(found[0]);
        const visible = Buffer.byteLength(head ?? '') + Buffer.byteLength(tail ?? '');
        assert.ok(visible <= SHOWN_BYTES && visible > SHOWN_BYTES - 8);
        assert.equal(visible + Number(found[1]), bytes.length);
        assert.ok(repeated.startsWith(head ?? '') && repeated.endsWith(tail ?? ''));
      }),
      { numRuns: 60 },
    );
  });
});
