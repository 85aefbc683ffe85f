// The idle bill of a small stack.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containers, idle, prices, total } from '../cost/idle.ts';

test('a small stack costs at most 20 dollars a month while nobody uses it', () => {
  for (const stage of ['staging', 'prod']) {
    for (const cache of ['nodes', 'serverless']) {
      const lines = idle({ stage, size: 'small', cache });
      assert.ok(total(lines) <= 20, `${stage}, ${cache}: ${JSON.stringify(lines)}`);
    }
  }
});

test('a resource whose condition does not hold costs nothing', () => {
  const alarms = (cache: string): number => idle({ stage: 'staging', size: 'small', cache }).find((line) => line.what === 'alarms')!.amount;
  // One watches the policy of a node, which Serverless has not.
  assert.equal((alarms('nodes') - alarms('serverless')).toFixed(2), '0.10');
});

test('a paused Aurora is awake a while each day, and one that never pauses and RDS are not', () => {
  const awake = (context: Record<string, string>) => idle({ stage: 'prod', ...context }).find((line) => line.what.includes('daily wakes'))?.amount;
  // The maintenance: 11 of 1,440 minutes, at 0.5 ACU.
  assert.equal(awake({ size: 'small' })!.toFixed(2), (prices.hoursOfAMonth * 11 / 1440 * 0.5 * prices.hourly['aurora.acu']!).toFixed(2));
  assert.equal(awake({ size: 'small', database: 'rds' }), undefined);
  assert.equal(awake({ size: 'medium' }), undefined);
});

test('the sum is not empty, and an always-on pair costs more than the functions', () => {
  const lines = idle({ stage: 'staging', size: 'small' });
  for (const what of ['secrets', 'alarms', 'Aurora, storage']) assert.ok(lines.some((line) => line.what === what && line.amount > 0), what);
  assert.ok(total(containers()) > 0);
});
