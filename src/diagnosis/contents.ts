import { probeBlobs, removesBrokenUploads } from '../blobs/s3-probe.ts';
import type { Check } from '../cli/doctor.ts';
import { openBlobs, s3OptionsOf } from '../parts.ts';
import { attempted, type Subject } from './checks.ts';

const RULE = 'add a lifecycle rule to the bucket that aborts incomplete multipart uploads after 2 days';

/** The bucket, by putting, reading and deleting some bytes there. */
export async function contentChecks({ config, log }: Subject, { isWorker }: { isWorker: boolean }): Promise<Check[]> {
  const options = s3OptionsOf(config, log);
  if (options === undefined)
    return [{ name: 'contents', state: 'ok', detail: isWorker ? 'over a hub' : 'in a directory of this machine' }];
  const name = 'S3';
  const fix = 'check blobs.s3.endpoint, region and bucket, and the rights of AWS_ACCESS_KEY_ID to get, put and delete';
  return await attempted(name, fix, async () => {
    await probeBlobs(await openBlobs(config, log));
    const detail = `bucket ${options.bucket}: put, read and deleted`;
    return [{ name, state: 'ok', detail }, uploadsCheck(await removesBrokenUploads(options))];
  });
}

export function uploadsCheck(removes: boolean | undefined): Check {
  const name = 'broken uploads';
  if (removes === true) return { name, state: 'ok', detail: 'a rule of the bucket removes them' };
  const detail =
    removes === false ? 'no rule removes their parts' : 'the service does not tell whether a rule removes them';
  return { name, state: removes === false ? 'warn' : 'ok', detail, fix: RULE };
}
