/** A manifest with something of everything. Run as a program, it prints the hash of its image. */

import { imageHash, specOf } from "./images.ts";

export const KNOWN: ReturnType<typeof specOf> = specOf({
  "2019/Ä long name, with ünïcode 😀 and more than eight characters.jpeg": "one",
  "2019/straße.jpg": "two",
  "2019/STRASSE.JPG": "three",
  "i/ı/İ/I": "dotted",
  "ångström/a\u030angstro\u0308m": "decomposed",
  ["n".repeat(255)]: "long",
  "empty": "",
  "folder": null,
  "link": { link: "../" + "component/".repeat(90) },
  "again.jpg": "one",
}, true);

if (import.meta.main) console.log(imageHash(KNOWN.spec, KNOWN.read));
