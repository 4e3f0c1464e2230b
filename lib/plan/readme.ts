/** README.txt of a volume: for whoever finds the image in thirty years, without coldframe. */

/** The text, in plain ASCII with CRLF line ends, so that the oldest editor shows it right. */
export function volumeReadme(volume: { readonly name: string; readonly created: number }): string {
  const lines = [
    `COLDFRAME VOLUME ${volume.name}`,
    "",
    `This is a disc image (ISO 9660 with Rock Ridge and Joliet names, and usually UDF), made on`,
    `${
      new Date(volume.created).toISOString()
    }. It holds photos, videos and other files of a household as they`,
    "were, with their folders, names and times. Nothing but what is in this image is needed to read them.",
    "",
    "If you read this, the image is already open: copy what you want out of it.",
    "",
    "If you have the encrypted file (NAME.iso.age) and the key (a text that begins with AGE-SECRET-KEY-):",
    "",
    "  1. Decrypt:   age -d -i key.txt -o volume.iso NAME.iso.age",
    "     The format is age v1, published at age-encryption.org/v1; several programs read it.",
    "     A key that begins with AGE-SECRET-KEY-PQ- needs age 1.3 or newer.",
    "  2. Open:      mount -o loop,ro volume.iso /mnt     (Linux)",
    "                double-click it                      (Windows, macOS)",
    "                bsdtar -xf volume.iso                (anywhere; 7-Zip and xorriso do it, too)",
    "  3. Prove:     sha256sum -c SHA256SUMS              (in the folder with the files)",
    "",
    "If the encrypted file is in Amazon S3 Glacier, ask for it first; this takes up to two days. In the AWS",
    'console: open the bucket, choose the file, "Initiate restore". Or on a command line:',
    "",
    `  K=PREFIX/volumes/${volume.name}.iso.age`,
    "  aws s3api restore-object --bucket BUCKET --key $K \\",
    `    --restore-request '{"Days":7,"GlacierJobParameters":{"Tier":"Bulk"}}'`,
    `  aws s3api head-object --bucket BUCKET --key $K    (ready when it says ongoing-request="false")`,
    "  aws s3api get-object --bucket BUCKET --key $K volume.iso.age",
    "",
    "SHA256SUMS     the SHA-256 of every file",
    "MANIFEST.jsonl one line of JSON per file: path, size, time, mode, SHA-256, and the byte offset in this",
    "               image at which the file begins. Lines with a volume instead of an offset name files",
    "               whose bytes are in that earlier volume.",
    "",
  ];
  return lines.join("\r\n");
}
