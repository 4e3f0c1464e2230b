/** `import lomob` from a Drive folder that lomo-backup filled, beginning with the sign-in. */

import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { test } from "node:test";
import { utf8 } from "../../lib/bytes.ts";
import { filesBelow } from "../cli/files.ts";
import { withUser } from "../cli/harness.ts";
import { create } from "../servers/drive/files.ts";
import { withDrive } from "../servers/drive/server.ts";
import { FOLDER } from "../servers/drive/world.ts";
import { googleEnv, keepClient } from "../store/drive_world.ts";
import { MASTER_KEY, seal, TAKEN } from "./lomob-world.ts";

/** What the browser's address bar shows in the end. */
async function addressBar(shown: string): Promise<string> {
  const address = /https?:\/\/\S+\/auth\?\S+/.exec(shown)?.[0] ?? "";
  const response = await fetch(address, { redirect: "manual" });
  await response.body?.cancel();
  return response.headers.get("location") ?? "";
}

test("a sign-in with --read-all sees lomo-backup's files, and restores them with their times", () =>
  withDrive((server) =>
    withUser(async (user) => {
      const account = server.world.addUser("ada@example.com");
      server.oauth.browserUser = account.email;
      await keepClient(user.path("Downloads"), server.world.addClient("cold.apps.googleusercontent.com"));
      user.env = { ...googleEnv(server), LOMOB_MASTER_KEY: MASTER_KEY };
      user.clock = server.world.now;
      const scopes = ["https://www.googleapis.com/auth/drive"];
      const make = (metadata: Record<string, unknown>, bytes: Uint8Array) =>
        create(server.world, { account, app: "lomob", scopes }, metadata, new URL("http://drive/"), bytes);
      const folder = (name: string, parents?: string[]) =>
        make({ name, mimeType: FOLDER, parents }, new Uint8Array(0)).id;
      const root = folder("home_ada_Pictures", [folder("lomorage")]);
      make({ name: "IMG_1.jpg", parents: [root] }, await seal(utf8("photo"))).createdTime = TAKEN;

      const signIn = async (...flags: string[]) => {
        user.answers = [addressBar];
        const download = user.path("Downloads/google/credentials.json");
        return await user.ok("auth", "google", "--no-browser", "--credentials", download, ...flags);
      };
      await signIn();
      const blind = await user.run("import", "lomob", "gdrive:lomorage", "--list");
      assert.match(blind.err, /sees no folder “lomorage” on Drive\n→ .*--read-all/);

      assert.match(await signIn("--read-all"), /Allowed: drive\.file, drive\.readonly/);
      await user.ok("import", "lomob", "gdrive:lomorage", "--to", user.path("out"));
      assert.deepEqual(await filesBelow(user.path("out")), ["home_ada_Pictures/IMG_1.jpg"]);
      const restored = user.path("out/home_ada_Pictures/IMG_1.jpg");
      assert.equal(await readFile(restored, "utf8"), "photo");
      assert.equal((await stat(restored)).mtimeMs, TAKEN);
    })
  ));
