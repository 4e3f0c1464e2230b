/** What an administrator of the buckets in use should set up. */

import { ColdframeError } from "../errors.ts";
import { type BucketSetting, bucketSettings, type IamPolicy, policyFor } from "../store/s3/policy.ts";
import { parseS3Url } from "../store/s3/url.ts";

/** For one S3 store. */
export interface StorePolicy {
  readonly url: string;
  readonly bucket: string;
  readonly policy: IamPolicy;
  readonly settings: readonly BucketSetting[];
}

/**
 * The policies and settings for S3 stores; other stores have none.
 *
 * @throws ColdframeError `usage` when none of the URLs is an S3 store
 */
export function storePolicies(urls: readonly string[]): StorePolicy[] {
  const s3 = [...new Set(urls)].filter((url) => /^s3:/i.test(url));
  if (s3.length === 0) {
    throw new ColdframeError("usage", "there is no s3: store to make a policy for", {
      hint: "Name one: coldframe doctor --policy --cold 's3://bucket/prefix?region=eu-central-1'",
    });
  }
  return s3.map((url) => {
    const location = parseS3Url(url);
    return { url, bucket: location.bucket, policy: policyFor(location), settings: bucketSettings(location) };
  });
}
