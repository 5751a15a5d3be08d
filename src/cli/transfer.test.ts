import assert from 'node:assert/strict';
import { it } from 'node:test';
import { exportAsText, importAsText } from './transfer.ts';

const workspace = { name: 'work', caller: 'alice', checkpoint_taken_at: null };
const report = {
  tables: { task: 3, workspace: 2 },
  blobs: 4,
  blob_bytes: 1000,
  missing_blobs: [],
  workspaces: [
    { ...workspace, workspace_id: 'ws_1', checkpoint_id: 'cp_1' },
    { ...workspace, workspace_id: 'ws_2', checkpoint_id: null },
  ],
};

it('an export names every workspace whose files it does not hold, and says how to take them along', () => {
  const text = exportAsText(report);
  assert.match(text, /exported 5 records \(task 3, workspace 2\) and 4 blobs \(1000 bytes\)/);
  assert.match(text, /without files: ws_2 work/);
  assert.doesNotMatch(text, /ws_1/);
  assert.match(text, /boxswain sandbox checkpoint WORKSPACE_ID/);
});

it('an export of workspaces that all have checkpoints warns of nothing', () => {
  const text = exportAsText({ ...report, workspaces: report.workspaces.slice(0, 1) });
  assert.doesNotMatch(text, /without files|take them along|warning/);
});

it('a lost blob is a warning', () => {
  assert.match(exportAsText({ ...report, missing_blobs: ['abc'] }), /warning: blob abc was lost/);
});

it('an import says what came and from when', () => {
  const text = importAsText({ exported_at: '2026-01-01T00:00:00.000Z', tables: {}, blobs: 0 });
  assert.equal(text, 'imported no records and 0 blobs, exported at 2026-01-01T00:00:00.000Z');
});
