// Makes the bucket that the configuration names, unless it is there; and lets the service clear away uploads that were broken off.
import {
  BucketAlreadyExists,
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';

const {
  BOXSWAIN_BLOBS_S3_BUCKET: Bucket,
  BOXSWAIN_BLOBS_S3_ENDPOINT: endpoint,
  BOXSWAIN_BLOBS_S3_REGION: region = 'us-east-1',
  BOXSWAIN_BLOBS_S3_PATH_STYLE: pathStyle,
} = process.env;
const client = new S3Client({ endpoint, region, forcePathStyle: pathStyle === 'true' });
try {
  await client.send(new CreateBucketCommand({ Bucket }));
  console.log(`made the bucket ${Bucket}`);
} catch (error) {
  if (!(error instanceof BucketAlreadyOwnedByYou || error instanceof BucketAlreadyExists)) throw error;
  console.log(`the bucket ${Bucket} is there`);
}
const abort = {
  ID: 'abort-broken-off-uploads',
  Status: 'Enabled',
  Filter: { Prefix: '' },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
};
try {
  const LifecycleConfiguration = { Rules: [abort] };
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
} catch (error) {
  console.log(`this service keeps no rule for uploads that were broken off (${error.name}): clear them away yourself`);
}
