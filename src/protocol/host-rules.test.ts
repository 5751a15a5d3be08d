import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '../errors/app-error.ts';
import {
  hostProblem,
  isWithin,
  matchesRule,
  networkRules,
  operatorRule,
  parseHostRule,
  ruleOfUrl,
} from './host-rules.ts';

const isRefused = (error: unknown) => error instanceof AppError && error.code === 'VALIDATION_ERROR';

test('a rule is a host or a suffix, with port 443 unless another is named', () => {
  assert.deepEqual(parseHostRule('API.Example.com'), { host: 'api.example.com', port: 443 });
  assert.deepEqual(parseHostRule('*.example.com:8443'), { host: '*.example.com', port: 8443 });
  assert.deepEqual(parseHostRule('localhost:80'), { host: 'localhost', port: 80 });
});

test('addresses in any form, bare wildcards and what is no host name are refused', () => {
  const refused = [
    ...[
      '1.2.3.4',
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '::1',
      '1.2.3.4:80',
      '*.1.2.3.4',
    ],
    ...['*', '*:443', '*.', '*.com', '*.*', 'a.*', '*a.example.com', '**.example.com'],
    ...['', '.', 'a.', '.a', 'a..b', '-a.example', 'a-.example', 'a_b.example', 'user@a.example', 'https://a.example'],
    ...['a.example/', 'a.example:0', 'a.example:65536', 'a.example:x', 'a.example:', 'a\0.example', 'ä.example', 'a b'],
    ...[`${'a'.repeat(64)}.example`, `${'a.'.repeat(127)}example`, 'a.example\n'],
  ];
  for (const text of refused) assert.throws(() => parseHostRule(text), isRefused, JSON.stringify(text));
});

test('whatever text is parsed, a rule is a plain name or a refusal', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'a1.*:-@/\0') }));
  fc.assert(
    fc.property(text, given => {
      let host: string;
      try {
        host = parseHostRule(given).host;
      } catch (error) {
        assert.ok(isRefused(error));
        return;
      }
      assert.equal(hostProblem(host.replace(/^\*\./, '')), undefined);
    }),
  );
});

test('a suffix matches what is below it and nothing else', () => {
  const rule = parseHostRule('*.example.com');
  assert.ok(matchesRule(rule, { host: 'a.example.com', port: 443 }));
  assert.ok(matchesRule(rule, { host: 'a.b.example.com', port: 443 }));
  for (const host of ['example.com', 'badexample.com', '.example.com', 'a.example.com.evil.net']) {
    assert.equal(matchesRule(rule, { host, port: 443 }), false, host);
  }
  assert.equal(matchesRule(rule, { host: 'a.example.com', port: 80 }), false);
});

test('an exact rule matches its own name only', () => {
  fc.assert(
    fc.property(fc.domain(), fc.domain(), (one, other) => {
      const rule = operatorRule(one);
      assert.equal(
        matchesRule(rule, { host: other.toLowerCase(), port: 443 }),
        one.toLowerCase() === other.toLowerCase(),
      );
    }),
  );
});

test("the operator's bound holds names, suffixes and ports", () => {
  const bounds = ['api.example.com', '*.cdn.example.com', 'data.example.com:8443'];
  const within = [
    'api.example.com',
    'api.example.com:80',
    'a.cdn.example.com',
    '*.cdn.example.com',
    '*.b.cdn.example.com',
  ];
  for (const text of [...within, 'data.example.com:8443']) assert.ok(isWithin(parseHostRule(text), bounds), text);
  const outside = ['example.com', '*.example.com', 'data.example.com', '*.api.example.com', 'cdn.example.com'];
  for (const text of outside) assert.equal(isWithin(parseHostRule(text), bounds), false, text);
  assert.ok(isWithin(parseHostRule('anything.example'), ['*']));
});

test('a rule within a bound allows nothing that the bound does not', () => {
  const name = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 4 }).map(labels => labels.join('.'));
  const pattern = fc.tuple(fc.boolean(), name).map(([isWide, host]) => (isWide ? `*.${host}` : host));
  fc.assert(
    fc.property(pattern, pattern, name, (rule, bound, host) => {
      const target = { host, port: 443 };
      if (!isWithin(operatorRule(rule), [bound]) || !matchesRule(operatorRule(rule), target)) return;
      assert.ok(matchesRule(operatorRule(bound), target), `${rule} is within ${bound}, but only it matches ${host}`);
    }),
  );
});

test('the network of a workspace becomes rules', () => {
  const bounds = { registries: ['pypi.org', '127.0.0.1:8765'], max: ['*.example.com'] };
  assert.deepEqual(networkRules('off', bounds), []);
  const registries = [
    { host: 'pypi.org', port: 443 },
    { host: '127.0.0.1', port: 8765 },
  ];
  assert.deepEqual(networkRules('registries', bounds), registries);
  assert.deepEqual(networkRules({ allow: ['a.example.com'] }, bounds), [{ host: 'a.example.com', port: 443 }]);
  assert.throws(() => networkRules({ allow: ['a.example.com', 'pypi.org'] }, bounds), {
    code: 'VALIDATION_ERROR',
    message: 'host pypi.org is outside what the operator allows',
    hint: 'allowed: *.example.com',
  });
});

test('a URL leads to its host and port', () => {
  assert.deepEqual(ruleOfUrl(new URL('https://Example.com/x')), { host: 'example.com', port: 443 });
  assert.deepEqual(ruleOfUrl(new URL('http://127.0.0.1:8765/')), { host: '127.0.0.1', port: 8765 });
  assert.deepEqual(ruleOfUrl(new URL('http://example.com/')), { host: 'example.com', port: 80 });
});
