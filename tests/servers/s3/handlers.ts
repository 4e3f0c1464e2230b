/** The code behind each operation. */

import * as buckets from "./buckets.ts";
import type { Handler } from "./call.ts";
import { completeUpload } from "./complete.ts";
import { deleteObject, deleteObjects } from "./delete.ts";
import * as list from "./list.ts";
import * as lock from "./lock.ts";
import * as multipart from "./multipart.ts";
import { copyObject, getAttributes, getObject, putObject } from "./objects.ts";
import { restoreObject } from "./restore.ts";
import type { Operation } from "./routes.ts";

export const HANDLERS: Readonly<Record<Operation, Handler>> = {
  ListBuckets: buckets.listBuckets,
  CreateBucket: buckets.createBucket,
  DeleteBucket: buckets.deleteBucket,
  HeadBucket: buckets.headBucket,
  GetBucketLocation: buckets.getLocation,
  GetBucketVersioning: buckets.getVersioning,
  PutBucketVersioning: buckets.putVersioning,
  GetObjectLockConfiguration: buckets.getLockConfiguration,
  PutObjectLockConfiguration: buckets.putLockConfiguration,
  GetBucketLifecycleConfiguration: buckets.getSetting,
  PutBucketLifecycleConfiguration: buckets.putSetting,
  DeleteBucketLifecycle: buckets.deleteSetting,
  GetBucketPolicy: buckets.getSetting,
  PutBucketPolicy: buckets.putSetting,
  DeleteBucketPolicy: buckets.deleteSetting,
  GetPublicAccessBlock: buckets.getSetting,
  PutPublicAccessBlock: buckets.putSetting,
  GetBucketEncryption: buckets.getEncryption,
  ListObjects: list.listObjects,
  ListObjectsV2: list.listObjectsV2,
  ListObjectVersions: list.listVersions,
  ListMultipartUploads: list.listUploads,
  DeleteObjects: deleteObjects,
  PutObject: putObject,
  CopyObject: copyObject,
  GetObject: getObject,
  HeadObject: getObject,
  GetObjectAttributes: getAttributes,
  DeleteObject: deleteObject,
  GetObjectRetention: lock.getRetention,
  PutObjectRetention: lock.putRetention,
  GetObjectLegalHold: lock.getLegalHold,
  PutObjectLegalHold: lock.putLegalHold,
  RestoreObject: restoreObject,
  CreateMultipartUpload: multipart.createUpload,
  UploadPart: multipart.uploadPart,
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: multipart.abortUpload,
  ListParts: multipart.listParts,
};
