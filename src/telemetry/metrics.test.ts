import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addGauge, createCallMeter, renderMetrics } from './metrics.ts';

test('calls, errors by code, and durations are counted per operation', async () => {
  const meter = createCallMeter('metered');
  meter.count('ok', 3);
  meter.count('DISK_FULL', 700);
  const { body, contentType } = await renderMetrics();
  assert.match(contentType, /^text\/plain/);
  assert.match(body, /boxswain_operation_calls_total\{operation="metered"\} 2/);
  assert.match(body, /boxswain_operation_errors_total\{operation="metered",code="DISK_FULL"\} 1/);
  assert.doesNotMatch(body, /operation="metered",code="ok"/);
  assert.match(body, /boxswain_operation_duration_seconds_bucket\{le="0.005",operation="metered"\} 1/);
  assert.match(body, /boxswain_operation_duration_seconds_sum\{operation="metered"\} 0.703/);
});

test('a gauge is read when the metrics are asked for', async () => {
  let value = 1;
  addGauge('boxswain_test_things', 'Things', () => value);
  assert.match((await renderMetrics()).body, /boxswain_test_things 1/);
  value = 2;
  assert.match((await renderMetrics()).body, /boxswain_test_things 2/);
});

test('a later gauge of the same name takes the place of the earlier one', async () => {
  addGauge('boxswain_test_replaced', 'Old', () => 1);
  addGauge('boxswain_test_replaced', 'New', async () => 2);
  assert.match((await renderMetrics()).body, /boxswain_test_replaced 2/);
});
