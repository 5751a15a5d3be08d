import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AdmissionPolicy, admissionPolicy, admit, isLoopback, type RequestFacts } from './admission.ts';

const policy = admissionPolicy({
  address: '127.0.0.1',
  port: 4097,
  allowedHosts: ['Box.example.com', 'exact.example.com:8443'],
  allowedOrigins: ['https://App.example.com/'],
});
const direct: RequestFacts = {
  transport: 'tcp',
  peer: '127.0.0.1',
  headers: { host: 'localhost:4097' },
  hasSeveralHosts: false,
};

function statusOf(facts: Partial<RequestFacts>, under: AdmissionPolicy = policy): number {
  const admission = admit({ ...direct, ...facts }, under);
  return 'caller' in admission ? 200 : admission.refusal.status;
}
const withHeaders = (headers: Record<string, string | string[]>): Partial<RequestFacts> => ({
  headers: { ...direct.headers, ...headers },
});

describe('a direct loopback request', () => {
  for (const host of ['localhost:4097', '127.0.0.1:4097', '[::1]:4097', 'LOCALHOST:4097']) {
    test(`is answered under Host ${host}`, () => assert.equal(statusOf(withHeaders({ host })), 200));
  }
  for (const peer of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1']) {
    test(`is answered from peer ${peer}`, () => assert.equal(statusOf({ peer }), 200));
  }
  test('acts for the local user', () => {
    const admission = admit(direct, policy);
    assert.equal('caller' in admission && admission.caller.id, 'local');
  });
});

describe('the Host header', () => {
  const foreign = ['evil.example', 'localhost:1', 'localhost', '127.0.0.1.evil.example:4097', '0.0.0.0:4097', '', ' '];
  for (const host of [...foreign, 'localhost:4097@evil.example', 'exact.example.com', 'exact.example.com:1']) {
    test(`${JSON.stringify(host)} is refused with 403`, () => assert.equal(statusOf(withHeaders({ host })), 403));
  }
  test('is required', () => assert.equal(statusOf({ headers: {} }), 403));
  test('may come only once', () => assert.equal(statusOf({ hasSeveralHosts: true }), 403));
  test('may be one that the operator listed', () => {
    assert.equal(statusOf(withHeaders({ host: 'box.example.com' })), 200);
    assert.equal(statusOf(withHeaders({ host: 'box.example.com:9999' })), 200);
    assert.equal(statusOf(withHeaders({ host: 'exact.example.com:8443' })), 200);
  });
});

describe('the Origin header', () => {
  const foreign = [
    'https://evil.example',
    'null',
    'http://localhost:1',
    'http://localhost',
    'https://localhost:4097',
    '',
  ];
  for (const origin of foreign) {
    test(`${JSON.stringify(origin)} is refused with 403`, () => assert.equal(statusOf(withHeaders({ origin })), 403));
  }
  for (const origin of [
    'http://localhost:4097',
    'http://127.0.0.1:4097',
    'http://[::1]:4097',
    'https://app.example.com',
  ]) {
    test(`${origin} is accepted`, () => assert.equal(statusOf(withHeaders({ origin })), 200));
  }
});

describe('a request that came through something', () => {
  const headers = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];
  for (const name of [...headers, 'cf-connecting-ip', 'cf-ray', 'tailscale-user-login', 'true-client-ip']) {
    test(`shows by ${name} and gets 401`, () => assert.equal(statusOf(withHeaders({ [name]: 'x' })), 401));
  }
  for (const peer of ['192.168.1.5', '10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', undefined]) {
    test(`from peer ${peer} gets 401`, () => assert.equal(statusOf({ peer }), 401));
  }
  test('is told what is missing', () => {
    const admission = admit({ ...direct, peer: '10.0.0.1' }, policy);
    assert.equal('refusal' in admission && admission.refusal.message, 'Unauthorized: Bearer token required');
  });
});

test('a server on an address that is not loopback refuses everything but its unix socket', () => {
  const open = admissionPolicy({ address: '0.0.0.0', port: 4097, allowedHosts: [], allowedOrigins: [] });
  assert.equal(statusOf({}, open), 401);
  assert.equal(statusOf({ transport: 'unix', peer: undefined, headers: {} }, open), 200);
});

test('port 80 is also named by no port', () => {
  const plain = admissionPolicy({ address: '::1', port: 80, allowedHosts: [], allowedOrigins: [] });
  assert.equal(statusOf({ headers: { host: 'localhost', origin: 'http://localhost' } }, plain), 200);
});

test('only loopback addresses are loopback', () => {
  for (const address of ['127.0.0.1', '::1', '::FFFF:127.0.0.1']) assert.equal(isLoopback(address), true, address);
  for (const address of ['0.0.0.0', '::', '128.0.0.1', '127.0.0.1.evil', 'localhost', '::ffff:1.2.3.4', '']) {
    assert.equal(isLoopback(address), false, address);
  }
});
