// The idle bill of a small stack.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containers, idle, total } from '../cost/idle.ts';

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

test('the sum is not empty, and an always-on pair costs more than the functions', () => {
  const lines = idle({ stage: 'staging', size: 'small' });
  for (const what of ['secrets', 'alarms', 'Aurora, storage']) assert.ok(lines.some((line) => line.what === what && line.amount > 0), what);
  assert.ok(total(containers()) > 0);
});
