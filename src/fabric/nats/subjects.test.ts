import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  answerSubject,
  parseHubSubject,
  parseReplyTo,
  replySubjects,
  requestSubject,
  textOf,
  tokenOf,
  topicSubject,
} from './subjects.ts';

const name = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('all', '', '*', '>', '=', '=61ll', 'a.b', '$SYS', 'wk_0'),
);

it('any text is one token, and comes back', () => {
  fc.assert(
    fc.property(name, text => {
      assert.match(tokenOf(text), /^[A-Za-z0-9_:@~=-]+$/);
      assert.notEqual(tokenOf(text), 'all');
      assert.equal(textOf(tokenOf(text)), text);
    }),
  );
});

it('only what tokenOf makes is a name', () => {
  fc.assert(
    fc.property(fc.string(), token => {
      const text = textOf(token);
      assert.ok(text === undefined || tokenOf(text) === token);
    }),
  );
  for (const token of ['all', '=6', '=zz', '=2e', '=41', '=FF', 'a b', 'ü'])
    assert.equal(textOf(token), undefined, token);
});

it('text that is not well-formed is no name', () => {
  assert.throws(() => tokenOf('\ud800'), TypeError);
});

it('two topics are never one subject, and an owner stays one token', () => {
  const part = fc.string().filter(text => !text.includes('.'));
  fc.assert(
    fc.property(part, name, part, (kind, owner, last) => {
      const subject = topicSubject(`${kind}.${owner}.${last}`);
      assert.equal(subject.split('.').length, 3);
      const [, token = ''] = subject.split('.');
      assert.equal(token === 'all' && kind === 'w' ? 'all' : textOf(token), owner);
    }),
  );
});

it('an answer finds its request, and tells who gave it', () => {
  fc.assert(
    fc.property(name, name, fc.nat(), (asker, worker, request) => {
      const replyTo = parseReplyTo(replySubjects(asker, '0f').replyTo(request));
      assert.deepEqual(replyTo, { asker, nonce: '0f', request });
      assert.ok(replyTo);
      assert.deepEqual(parseHubSubject(answerSubject({ worker }, replyTo)), { from: worker, request });
      assert.equal(answerSubject({ hub: 'h1' }, replyTo), replySubjects(asker, '0f').replyTo(request));
      assert.equal(parseHubSubject(requestSubject({ hub: 'any' }, worker))?.from, worker);
    }),
  );
});

it('what is no inbox of ours is nowhere to answer', () => {
  const foreign = ['', 'w.w1.rpc', '_INBOX.a.1', '_INBOX_w1.a', '_INBOX_w1.*.1', '_INBOX_w1.a.>', '_INBOX_w1.a.1.b'];
  for (const subject of [...foreign, '_INBOX_w1.a.-1', '_INBOX_.a.1']) assert.equal(parseReplyTo(subject), undefined);
});
