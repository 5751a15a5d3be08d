import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameSplitter, MalformedFrame, MAX_BODY_BYTES } from './frames.ts';

const frame = fc.record({
  header: fc.dictionary(fc.string(), fc.jsonValue()),
  payload: fc.uint8Array({ maxLength: 300 }),
});

const cut = (bytes: Buffer, sizes: number[]): Buffer[] => {
  const chunks: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const end = at + (sizes[i % sizes.length] ?? 1);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
};

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (sent, sizes) => {
        const stream = Buffer.concat(
          sent.flatMap(({ header, payload }) => [encodeFrame(header, payload.length), payload]),
        );
        const splitter = new FrameSplitter();
        const got: Frame[] = [];
        for (const chunk of cut(stream, sizes)) {
          // Payloads are views of what was received, so they are copied before the next chunk.
          for (const { header, payload } of splitter.feed(chunk))
            got.push({ header, payload: Uint8Array.from(payload) });
        }
        const wanted = sent.map(({ header, payload }) => ({ header: JSON.parse(JSON.stringify(header)), payload }));
        assert.deepEqual(
          got.map(({ header, payload }) => ({ header, payload: [...payload] })),
          wanted.map(({ header, payload }) => ({ header, payload: [...payload] })),
        );
      },
    ),
  );
});

test('any bytes give frames or MalformedFrame, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        for (const { payload } of new FrameSplitter().feed(Buffer.from(bytes))) assert.ok(payload.length < 200);
      } catch (error) {
        assert.ok(error instanceof MalformedFrame, String(error));
      }
    }),
  );
});

test('a frame that claims more than the cap is refused before it is received', () => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(MAX_BODY_BYTES + 1);
  assert.throws(() => [...new FrameSplitter().feed(head)], MalformedFrame);
});

test('a frame over the cap is not sent', () => {
  assert.throws(() => encodeFrame({ id: 1 }, MAX_BODY_BYTES), RangeError);
});
