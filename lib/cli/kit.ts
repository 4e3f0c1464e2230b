/**
 * The recovery kit as one HTML page for paper. Pure. The page loads nothing and runs nothing, and a policy
 * in it forbids what a mistake here might let in: the key must not leave by way of the browser.
 */

import { encodeQR } from "qr";
import { fingerprint, type KeyPair } from "../age/keys.ts";
import { paperLines } from "../age/paper.ts";
import type { Kit, KitStore } from "../jobs/kit.ts";
import { formatDay, printable } from "./format.ts";

/** When and where a kit is made. */
export interface KitOrigin {
  /** ms since 1970. */
  readonly made: number;
  /** The name of this machine. */
  readonly host: string;
  readonly version: string;
}

/** The page. It holds the secret keys. */
export function renderKit(kit: Kit, origin: KitOrigin): string {
  const names = kit.keys.map(({ recipient }) => fingerprint(recipient)).join(", ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Recovery kit, key ${escapeHtml(names)}</title>
<style>${STYLE}</style>
</head>
<body>
${introduction(origin)}
<h2>1. The key</h2>
${kit.keys.map(keySection).join("\n")}
${othersNote(kit.others)}
<h2>2. Where the files are</h2>
<ul>${kit.stores.map((store) => `<li>${describeStore(store)}</li>`).join("\n")}</ul>
${withColdframe(kit)}
${withoutColdframe(kit)}
</body>
</html>
`;
}

function introduction({ made, host, version }: KitOrigin): string {
  return `<h1>Recovery kit for the family’s photos</h1>
<p>Photos, videos and other files are kept, encrypted, in the places named below. <strong>Whoever has this paper
and can get at those places can read everything; without the key nobody can, ever.</strong> Keep it with the
passports, and a second print in another house. Made ${escapeHtml(formatDay(made))} on the computer
“${escapeHtml(host)}” by coldframe ${escapeHtml(version)}.</p>`;
}

function withColdframe({ stores }: Kit): string {
  const recover = `coldframe recover ${
    stores.map(({ url }) => shellQuote(url)).join(" ")
  } --identity key.txt`;
  const restore = "coldframe restore 'Pictures/2019/birthday.jpg' --to Restored";
  return `<h2>3. To get one photo back with coldframe</h2>
<ol>
<li>On any computer, get the program coldframe (free software), and write <code>key.txt</code> as said above.
Type <code>coldframe key kit --verify &lt; key.txt</code>: it must say the fingerprint printed above.</li>
${accessSteps(stores)}<li>Rebuild the list of all files: ${command(recover)}</li>
<li>Find names with <code>coldframe find '*birthday*'</code>, then bring back what you want
(<code>'**'</code> is everything): ${command(restore)}</li>
</ol>`;
}

function withoutColdframe({ keys, stores }: Kit): string {
  const list = command("age -d -i key.txt NAME.jsonl.gz.age | gunzip");
  const image = command("age -d -i key.txt -o volume.iso NAME.iso.age");
  const single = command("age -d -i key.txt -o photo.jpg NAME.age");
  return `<h2>4. The same without coldframe</h2>
<p>Needed: the program <code>age</code> (${ageVersion(keys)}; age-encryption.org/v1, several programs
read it) and one that opens ISO disc images: Windows, macOS and Linux do by double-click, or 7-Zip, xorriso, bsdtar.</p>
<ol>
<li>In those places there are folders. <code>volumes</code> holds disc images, named by the oldest and newest day in
them: <code>2019-01-05--2019-08-30--….iso.age</code>. For a list of what is in one, download the file of the same name from
<code>manifests</code>: ${list}</li>
${thawStep(stores)}<li>Download the image and decrypt it: ${image}</li>
<li>Open <code>volume.iso</code> (double-click) and copy the photo out. <code>README.txt</code> in it says more.</li>
<li>Files too new for an image are single files in <code>staged</code>, without their names: ${single}
The newest file in <code>catalog</code>, decrypted and unpacked like a list, is an SQLite database that knows
their names.</li>
</ol>`;
}

const STYLE = `
@page { size: auto; margin: 10mm 13mm }
body { font: 9pt/1.3 Georgia, "Times New Roman", serif; color: #000; background: #fff; max-width: 184mm; margin: 0 auto }
h1 { font-size: 16pt; margin: 0 0 1mm } h2 { font-size: 11pt; margin: 2.5mm 0 .8mm; break-after: avoid }
p, ul, ol { margin: 0 0 1.5mm } ul, ol { padding-left: 6mm } li { margin-bottom: .6mm; break-inside: avoid }
code, .key { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 8pt; overflow-wrap: anywhere }
code.command { display: block; margin: .4mm 0 .4mm 3mm } code.command::before { content: "$ " }
.keybox { display: flex; gap: 5mm; align-items: center; border: .4mm solid #000; padding: 2.5mm; margin-bottom: 1.5mm; break-inside: avoid }
.keybox > div { flex: none } .keybox svg { margin: -2mm -1mm -2mm auto; width: 42mm; height: 42mm; flex: none }
.key { font-size: 13pt; line-height: 1.5; margin: 0; padding: 0; list-style: none } .key span { margin-right: 3.2mm }
.key li::before { content: attr(value) "  "; font-size: 8pt; white-space: pre }
.small { font-size: 8.5pt }
`;

function keySection({ identity, recipient }: KeyPair): string {
  const lines = paperLines(identity).map((groups, i) =>
    `<li value="${i + 1}">${groups.map((group) => `<span>${escapeHtml(group)}</span>`).join("")}</li>`
  );
  return `<div class="keybox"><div><ol class="key">${lines.join("\n")}</ol>
Fingerprint of the key: <strong>${escapeHtml(fingerprint(recipient))}</strong></div>
<p class="small">To type it: write lines 1 to ${lines.length}, one after the other, as one line into a file <code>key.txt</code>. The hyphens
belong there, the blanks do not. From line 2 on there is no letter B, I or O and no digit 1: what looks like an O is a
zero. Or scan the square, with a telephone that is off the network.</p>
${qrSvg(identity)}</div>`;
}

/**
 * A QR code (ISO/IEC 18004) as SVG, one unit per module, with the quiet zone of four modules. Level Q: a
 * quarter of it may be stained or creased.
 */
export function qrSvg(text: string): string {
  const quiet = 4;
  const rows = encodeQR(text, "raw", { ecc: "quartile", border: quiet, scale: 1 });
  const size = rows.length;
  const path = rows.flatMap((row, y) => row.flatMap((dark, x) => dark ? [`M${x} ${y}h1v1h-1z`] : [])).join(
    "",
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges" role="img" aria-label="QR code of the key"><rect width="${size}" height="${size}" fill="#fff"/><path d="${path}"/></svg>`;
}

function othersNote(others: readonly string[]): string {
  if (others.length === 0) return "";
  const names = others.map((recipient) => `<strong>${escapeHtml(fingerprint(recipient))}</strong>`).join(
    ", ",
  );
  return `<p class="small">Other keys that open what was stored since they were added, each on a paper of its own: ${names}.</p>`;
}

function describeStore(store: KitStore): string {
  const address = `<code>${escapeHtml(store.url)}</code>`;
  switch (store.kind) {
    case "folder":
      return `${address}: the folder <code>${
        escapeHtml(store.path)
      }</code> of the computer named above, or of a disk or server that was connected to it there.`;
    case "drive":
      return `${address}: Google Drive, ${
        store.driveId === undefined
          ? "in “My Drive” of the owner’s account"
          : `in the shared drive ${escapeHtml(store.driveId)}`
      }, folder “${escapeHtml(store.folder)}”.`;
    case "s3":
      return `${address}: ${s3Place(store)}`;
    case "other":
      return `${address}.`;
  }
}

function s3Place({ bucket, prefix, region, endpoint, archived }: Extract<KitStore, { kind: "s3" }>): string {
  const service = endpoint === undefined ? "Amazon S3" : `the S3 service at ${escapeHtml(endpoint)}`;
  const parts = [
    `${service}, bucket “${escapeHtml(bucket)}”`,
    ...(prefix === "" ? [] : [`folder “${escapeHtml(prefix)}”`]),
    ...(region === undefined ? [] : [`region ${escapeHtml(region)}`]),
  ];
  const archive = archived
    ? " Its images are in a cold archive: asked for first, they can be read up to two days later."
    : "";
  return `${parts.join(", ")}. The account’s sign-in is not on this paper.${archive}`;
}

/** What must be set up on a new machine before its stores can be reached. */
function accessSteps(stores: readonly KitStore[]): string {
  const s3 = stores.filter((store) => store.kind === "s3");
  const steps: string[] = [];
  if (s3.length > 0) {
    const settings = ["AWS_ACCESS_KEY_ID=…", "AWS_SECRET_ACCESS_KEY=…", ...s3.flatMap(surroundings)];
    steps.push(
      `Make an access key in the account of the S3 service, and set: ${
        command(`export ${[...new Set(settings)].join(" ")}`)
      }`,
    );
  }
  if (stores.some((store) => store.kind === "drive")) {
    steps.push(`Sign in to the Google account that owns the files: ${command("coldframe auth google")}`);
  }
  return steps.map((step) => `<li>${step}</li>\n`).join("");
}

function surroundings({ region, endpoint }: Extract<KitStore, { kind: "s3" }>): string[] {
  return [
    ...(region === undefined ? [] : [`AWS_REGION=${shellQuote(region)}`]),
    ...(endpoint === undefined ? [] : [`AWS_ENDPOINT_URL_S3=${shellQuote(endpoint)}`]),
  ];
}

function thawStep(stores: readonly KitStore[]): string {
  if (!stores.some((store) => store.kind === "s3" && store.archived)) return "";
  return `<li>If the image is in a cold archive (S3 Glacier), ask for it in the web console of the service
(“Initiate restore”, Bulk, 7 days) and come back in two days.</li>\n`;
}

function ageVersion(keys: readonly KeyPair[]): string {
  return keys.some(({ kind }) => kind === "hybrid") ? "version 1.3 or newer" : "any version since 1.0";
}

function command(text: string): string {
  return `<code class="command">${escapeHtml(text)}</code>`;
}

/** One word of a POSIX shell (XCU 2.2.2); plain words stay as they are. */
function shellQuote(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Text for content and quoted attributes, with what would reorder or hide it on paper made visible. */
function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
