import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOfFile } from './file-kind.ts';

test('a picture is known by its bytes, whatever was claimed', () => {
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1]);
  assert.equal(kindOfFile(png, 'text/plain'), 'image/png');
  assert.equal(kindOfFile(Buffer.from([0xff, 0xd8, 0xff, 0xe0]), ''), 'image/jpeg');
  assert.equal(kindOfFile(Buffer.from('GIF89a...'), 'application/octet-stream'), 'image/gif');
  assert.equal(kindOfFile(Buffer.from('RIFF\n\0\0\0WEBPVP8 '), ''), 'image/webp');
  assert.equal(kindOfFile(Buffer.from('%PDF-1.7'), ''), 'application/pdf');
});

test('what claims to be a picture and is none is not passed on as one', () => {
  assert.equal(kindOfFile(Buffer.from('hello'), 'image/png'), 'application/octet-stream');
  assert.equal(kindOfFile(Buffer.alloc(0), 'no type at all'), 'application/octet-stream');
  assert.equal(kindOfFile(Buffer.from('hello'), 'text/markdown'), 'text/markdown');
});
