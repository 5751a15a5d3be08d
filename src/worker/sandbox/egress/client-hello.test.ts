import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { MAX_HELLO_BYTES, parseClientHello } from './client-hello.ts';

/** What a real client sends first. */
function realHello(servername: string | undefined): Promise<Buffer> {
  return new Promise(resolve => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        resolve(chunk);
        done();
        this.destroy();
      },
    });
    connect({ socket: wire, servername }).on('error', () => {});
  });
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

test('the name in a real ClientHello is found, in one record or in many', async () => {
  const hello = await realHello('Api.Example.com');
  assert.deepEqual(parseClientHello(hello), { kind: 'hello', name: 'api.example.com' });
  assert.deepEqual(parseClientHello(inRecords(hello, 7)), { kind: 'hello', name: 'api.example.com' });
});

test('a ClientHello without a name has none', async () => {
  assert.deepEqual(parseClientHello(await realHello(undefined)), { kind: 'hello', name: undefined });
});

test('every beginning of a ClientHello asks for more', async () => {
  const hello = await realHello('a.example.com');
  for (let length = 0; length < hello.length; length += 1) {
    assert.deepEqual(parseClientHello(hello.subarray(0, length)), { kind: 'more' }, `at ${length}`);
  }
});

test('what is no TLS is invalid at its first byte', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0', '\x80\x2e\x01\x00\x02']) {
    assert.deepEqual(parseClientHello(Buffer.from(text, 'latin1')), { kind: 'invalid' });
  }
});

test('a message that never ends is invalid once it is too long', () => {
  const endless = Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xff]), Buffer.alloc(MAX_HELLO_BYTES)]);
  assert.notEqual(parseClientHello(endless.subarray(0, MAX_HELLO_BYTES)).kind, 'more');
});

test('no change of a real ClientHello makes it name another host than its bytes hold', async () => {
  const hello = await realHello('a.example.com');
  fc.assert(
    fc.property(fc.nat(hello.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(hello);
      changed[at] = value;
      const parsed = parseClientHello(changed);
      if (parsed.kind !== 'hello' || parsed.name === undefined) return;
      assert.ok(changed.toString('latin1').toLowerCase().includes(parsed.name));
    }),
    { numRuns: 2000 },
  );
});

test('any bytes are parsed without an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      parseClientHello(bytes);
      parseClientHello(Buffer.concat([Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 200]), bytes]));
    }),
  );
});
