import { randomBytes } from 'node:crypto';
import type { Blobs } from './blobs.ts';
import type { S3Options } from './s3.ts';

/** Puts, reads and deletes some bytes. Throws what goes wrong, or when other bytes come back. */
export async function probeBlobs(blobs: Blobs): Promise<void> {
  const bytes = randomBytes(64);
  const { sha256 } = await blobs.put(bytes);
  try {
    const back = await blobs.read(sha256);
    if (!back?.equals(bytes)) throw new Error('other bytes came back than were put there');
  } finally {
    await blobs.delete(sha256);
  }
}

/** Whether a rule of the bucket removes what broken-off uploads leave; undefined where the service does not tell. */
export async function removesBrokenUploads(options: S3Options): Promise<boolean | undefined> {
  const { S3Client, GetBucketLifecycleConfigurationCommand, S3ServiceException } = await import('@aws-sdk/client-s3');
  const { bucket, endpoint, region, credentials, forcePathStyle } = options;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle, maxAttempts: 2 });
  try {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    return Rules.some(rule => rule.Status === 'Enabled' && rule.AbortIncompleteMultipartUpload !== undefined);
  } catch (error) {
    if (error instanceof S3ServiceException && error.name === 'NoSuchLifecycleConfiguration') return false;
    return undefined;
  } finally {
    client.destroy();
  }
}
