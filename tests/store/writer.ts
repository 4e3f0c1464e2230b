/** Writes objects until it is killed: `writer.ts URL NAME [once]`. Its body is `pseudoRandom` of the last number of the key. */

import process from "node:process";
import { openFile } from "../../lib/store/file.ts";
import { partRange, type Store } from "../../lib/store/store.ts";
import { pseudoRandom } from "../tools.ts";
import { testContext } from "./context.ts";

const SIZE = 300_000;

const [url = "", name = "", once] = process.argv.slice(2);
const store = await openFile(url, testContext(), { create: true, partSize: 100_000 });
for (let i = 1; i === 1 || once === undefined; i++) await writeOne(store, i);

async function writeOne(store: Store, i: number): Promise<void> {
  const body = pseudoRandom(SIZE, i);
  await store.put(`staged/${name}-${i}`, body, { kind: "staged" });
  if (i === 1) process.stdout.write("one is there\n");
  if (once !== undefined) return;
  const upload = await store.beginUpload(`volumes/${name}-${i}`, SIZE, { kind: "volume" });
  const receipts = await Promise.all([0, 1, 2].map((part) => {
    const { offset, length } = partRange(SIZE, upload.partSize, part);
    return upload.send(part, body.subarray(offset, offset + length));
  }));
  await upload.complete(receipts);
}
