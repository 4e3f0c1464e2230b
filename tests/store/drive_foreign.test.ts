/** Reading a Drive folder that another program filled. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { collect, utf8 } from "../../lib/bytes.ts";
import { hasCode } from "../../lib/errors.ts";
import { DRIVE_FILE_SCOPE, DRIVE_READ_SCOPE } from "../../lib/store/google/google.ts";
import { openForeign } from "../../lib/store/open.ts";
import type { Store } from "../../lib/store/store.ts";
import { create } from "../servers/drive/files.ts";
import { FOLDER } from "../servers/drive/world.ts";
import { type Setting, signInAs, withSetting } from "./drive_world.ts";

const CREATED = "2019-05-03T10:00:00.000Z";

/** Another program of the same user. */
class OtherProgram {
  readonly #setting: Setting;
  #made = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  folder(name: string, parent?: string): string {
    return this.#make({ name, mimeType: FOLDER, parents: parent === undefined ? undefined : [parent] }, "");
  }

  file(name: string, parent: string, content: string): string {
    const id = this.#make({ name, parents: [parent] }, content);
    const made = this.#setting.server.world.files.get(id);
    if (made !== undefined) made.createdTime = Date.parse(CREATED) + this.#made++;
    return id;
  }

  #make(metadata: Record<string, unknown>, content: string): string {
    const { server, account } = this.#setting;
    const principal = { account, app: "lomob.apps.googleusercontent.com", scopes: [] };
    const whole = { ...principal, scopes: ["https://www.googleapis.com/auth/drive"] };
    return create(server.world, whole, metadata, new URL("http://drive/"), utf8(content)).id;
  }
}

async function keys(store: Store, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found.sort();
}

test("every file below the folder is listed by its path and read, whatever it is called", () =>
  withSetting(async (setting) => {
    const other = new OtherProgram(setting);
    const top = other.folder("lomorage");
    const root = other.folder("home_ada_Pictures", top);
    const year = other.folder("it's 2019", root);
    other.file("IMG_1.jpg", year, "one");
    other.file("a/b.jpg", year, "slash");
    other.file("..", year, "dots");
    const twice = other.file("IMG_1.jpg", root, "first");
    const second = other.file("IMG_1.jpg", root, "second");
    const binned = other.file("gone.jpg", root, "bin");
    const thrown = setting.server.world.files.get(binned);
    if (thrown !== undefined) thrown.explicitlyTrashed = true;
    await signInAs(setting.context, setting.server, setting.account.email, setting.client, [
      DRIVE_FILE_SCOPE,
      DRIVE_READ_SCOPE,
    ]);
    const store = await openForeign("gdrive:lomorage", setting.context);
    assert.deepEqual(await keys(store), [
      "home_ada_Pictures/IMG_1.jpg",
      `home_ada_Pictures/IMG_1.jpg~${second}`,
      "home_ada_Pictures/it's 2019/IMG_1.jpg",
      "home_ada_Pictures/it's 2019/_..",
      "home_ada_Pictures/it's 2019/a_b.jpg",
    ]);
    assert.ok(twice !== second);
    const read = async (key: string) => new TextDecoder().decode(await collect(store.read(key)));
    assert.equal(await read("home_ada_Pictures/IMG_1.jpg"), "first");
    assert.equal(await read(`home_ada_Pictures/IMG_1.jpg~${second}`), "second");
    const info = await store.head("home_ada_Pictures/it's 2019/IMG_1.jpg");
    assert.deepEqual([info?.size, info?.modified], [3, Date.parse(CREATED)]);
    await assert.rejects(
      () => store.put("x", utf8("x"), { kind: "text" }),
      (error) => hasCode(error, "store-denied"),
    );
    await assert.rejects(
      () => store.remove("home_ada_Pictures/IMG_1.jpg"),
      (error) => hasCode(error, "store-denied"),
    );
  }));

test("with a sign-in for our own files only, the hint says which sign-in sees the folder", () =>
  withSetting(async (setting) => {
    new OtherProgram(setting).folder("lomorage");
    await assert.rejects(
      () => openForeign("gdrive:lomorage", setting.context),
      (error) => hasCode(error, "store-missing") && /coldframe auth google --read-all/.test(error.hint ?? ""),
    );
  }));
