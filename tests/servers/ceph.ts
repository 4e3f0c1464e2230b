/**
 * Ceph's S3 gateway with the smallest cluster there is: one monitor, one OSD that keeps its objects in memory, one
 * radosgw, all on loopback. Needs radosgw, ceph-mon, ceph-osd and ceph-common; starts in 15 to 20 s.
 */

import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { run } from "../tools.ts";
import { answers, type Daemons, freePort } from "./daemon.ts";

export const CEPH_TOOLS = [
  "radosgw",
  "radosgw-admin",
  "ceph-mon",
  "ceph-osd",
  "ceph",
  "ceph-authtool",
  "monmaptool",
];

/** Starts the cluster in the daemons' folder and gives the gateway's URL. */
export async function startCeph(
  daemons: Daemons,
  keys: { accessKey: string; secretKey: string },
): Promise<string> {
  const [monPort, rgwPort] = [await freePort(), await freePort()];
  const { folder } = daemons;
  const ids = { cluster: randomUUID(), osd: randomUUID() };
  await writeFile(join(folder, "ceph.conf"), configuration(folder, ids.cluster, monPort, rgwPort));
  const env = { CEPH_CONF: join(folder, "ceph.conf") };
  await makeKeyring(folder);
  await startMon(daemons, env, ids.cluster, monPort);
  await startOsd(daemons, env, ids.osd);
  daemons.start("radosgw", ["-f", "-n", "client.admin"], env);
  await tool(
    env,
    "radosgw-admin",
    "user",
    "create",
    "--uid=test",
    "--display-name=test",
    `--access-key=${keys.accessKey}`,
    `--secret-key=${keys.secretKey}`,
  );
  const url = `http://127.0.0.1:${rgwPort}`;
  await daemons.until("radosgw", 60, () => answers(url));
  return url;
}

async function tool(env: Record<string, string>, name: string, ...args: readonly string[]): Promise<void> {
  await run(name, args, { env: { ...process.env, ...env }, timeout: 180_000 });
}

/** The monitor takes over every key it finds here when its store is made. */
async function makeKeyring(folder: string): Promise<void> {
  const path = join(folder, "keyring");
  const key = (name: string, ...caps: readonly string[]) =>
    run("ceph-authtool", [path, "--gen-key", "-n", name, ...caps]);
  await run("ceph-authtool", ["--create-keyring", path]);
  await key("mon.", "--cap", "mon", "allow *");
  await key("client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *");
  await key("osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *");
}

async function startMon(
  daemons: Daemons,
  env: Record<string, string>,
  cluster: string,
  port: number,
): Promise<void> {
  const map = join(daemons.folder, "monmap");
  await mkdir(join(daemons.folder, "mon"));
  await run("monmaptool", ["--create", "--fsid", cluster, "--addv", "a", `[v2:127.0.0.1:${port}]`, map]);
  await tool(
    env,
    "ceph-mon",
    "--mkfs",
    "-i",
    "a",
    "--monmap",
    map,
    "--keyring",
    join(daemons.folder, "keyring"),
  );
  daemons.start("ceph-mon", ["-f", "-i", "a"], env);
}

async function startOsd(daemons: Daemons, env: Record<string, string>, id: string): Promise<void> {
  await mkdir(join(daemons.folder, "osd"));
  await tool(env, "ceph", "--connect-timeout", "30", "osd", "new", id);
  await tool(env, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", id);
  daemons.start("ceph-osd", ["-f", "-i", "0"], env);
}

/** No replicas, few placement groups, nothing outside the folder. */
function configuration(folder: string, cluster: string, monPort: number, rgwPort: number): string {
  return `[global]
fsid = ${cluster}
mon host = v2:127.0.0.1:${monPort}
public addr = 127.0.0.1
public network = 127.0.0.0/8
ms bind ipv6 = false
run dir = ${folder}
admin socket =
log file = ${folder}/$name.log
mon cluster log file = ${folder}/cluster.log
mon data = ${folder}/mon
osd data = ${folder}/osd
rgw data = ${folder}
keyring = ${folder}/keyring
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
mon max pg per osd = 2000
rgw frontends = beast endpoint=127.0.0.1:${rgwPort}
rgw run sync thread = false
`;
}
