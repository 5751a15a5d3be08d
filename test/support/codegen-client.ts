import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { AppError } from '../../src/errors/app-error.ts';
import {
  type CodegenClient,
  type CodegenClientOptions,
  createCodegenClient,
} from '../../src/providers/codegen/codegen-client.ts';
import { SharedLimits } from '../../src/providers/http/shared-limits.ts';
import { type FakeCodegen, type FakeCodegenOptions, startFakeCodegen } from './fake-codegen/fake-codegen.ts';

interface ClientOfFake {
  readonly fake: FakeCodegen;
  readonly client: CodegenClient;
}

/** A client before a fake Codegen: patient enough that a busy machine is no failure, and quick to repeat. Both end with the test. */
export async function codegenClient(
  t: TestContext,
  { fake: fakeOptions, ...options }: Partial<CodegenClientOptions> & { fake?: FakeCodegenOptions } = {},
): Promise<ClientOfFake> {
  const fake = await startFakeCodegen(fakeOptions);
  t.after(() => fake.close());
  const { origin: baseUrl, orgId, token } = fake;
  const client = createCodegenClient(
    { baseUrl, orgId, token },
    { shared: new SharedLimits(), firstRetryMs: 10, ...options },
  );
  return { fake, client };
}

/** For `assert.rejects`: an AppError with this code, and at least these details. */
export const failsWith =
  (code: string, details: Record<string, unknown> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, code);
    for (const [name, value] of Object.entries(details)) assert.deepEqual(error.details[name], value);
    return true;
  };
