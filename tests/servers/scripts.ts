/** What every S3 server must do, as scripts for boto3: our own strict one and those of others. */

/** Put, get, range, list, and an upload in parts. */
export const ROUND_TRIP = `
body = os.urandom(6 << 20)
s3.put_object(Bucket=BUCKET, Key="a/b c.bin", Body=body)
same(s3.get_object(Bucket=BUCKET, Key="a/b c.bin")["Body"].read(), body)
same(s3.get_object(Bucket=BUCKET, Key="a/b c.bin", Range="bytes=5-9")["Body"].read(), body[5:10])
same([o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]], ["a/b c.bin"])
upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
parts = []
for number in (1, 2):
    tag = s3.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=number, Body=body)["ETag"]
    parts.append({"PartNumber": number, "ETag": tag})
s3.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
same(s3.head_object(Bucket=BUCKET, Key="parts")["ContentLength"], 2 * len(body))
`;

/** A conditional write does not overwrite, and of twelve at once one wins. */
export const ONE_WINNER = `
s3.put_object(Bucket=BUCKET, Key="once", Body=b"first", IfNoneMatch="*")
refused("PreconditionFailed", s3.put_object, Bucket=BUCKET, Key="once", Body=b"second", IfNoneMatch="*")
same(s3.get_object(Bucket=BUCKET, Key="once")["Body"].read(), b"first")
wins = []
def write(number):
    try:
        s3.put_object(Bucket=BUCKET, Key="race", Body=b"%d" % number, IfNoneMatch="*")
        wins.append(number)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412), error.response
threads = [threading.Thread(target=write, args=(n,)) for n in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
same(len(wins), 1)
same(s3.get_object(Bucket=BUCKET, Key="race")["Body"].read(), b"%d" % wins[0])
`;

/** A wrong secret, a wrong body hash and a wrong clock are refused. */
export const REFUSALS = `
S3SigV4Auth = python_signer().S3SigV4Auth
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
guesser = client(aws_access_key_id=key, aws_secret_access_key="wrong")
refused("SignatureDoesNotMatch", guesser.put_object, Bucket=BUCKET, Key="x", Body=b"x")

# The hash of other bytes, signed as if it were right.
plain = S3SigV4Auth.payload
S3SigV4Auth.payload = lambda self, request: hashlib.sha256(b"other").hexdigest()
s3 = client()
refused("XAmzContentSHA256Mismatch", s3.put_object, Bucket=BUCKET, Key="x", Body=b"x")
S3SigV4Auth.payload = plain

set_clock(-1)
refused("RequestTimeTooSkewed", s3.put_object, Bucket=BUCKET, Key="x", Body=b"x")
`;

/** An unknown key is refused. Not for versitygw, which answers XAdminUserNotFound of its own. */
export const UNKNOWN_KEY = `
stranger = client(aws_access_key_id="AKIANOBODY", aws_secret_access_key="any")
refused("InvalidAccessKeyId", stranger.put_object, Bucket=BUCKET, Key="x", Body=b"x")
`;

/** An archived object must be thawed before it is read. */
export const GLACIER = `
s3.put_object(Bucket=BUCKET, Key="cold", Body=b"brr", StorageClass="DEEP_ARCHIVE")
same(s3.head_object(Bucket=BUCKET, Key="cold")["StorageClass"], "DEEP_ARCHIVE")
refused("InvalidObjectState", s3.get_object, Bucket=BUCKET, Key="cold")
s3.restore_object(Bucket=BUCKET, Key="cold", RestoreRequest={"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}})
assert "ongoing-request" in s3.head_object(Bucket=BUCKET, Key="cold")["Restore"]
`;
