/** The folder that a round protects: some dozens of small files, changed at random between runs. */

import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256Hex } from "../../lib/store/checksum.ts";
import { pseudoRandom } from "../tools.ts";
import type { Random } from "./random.ts";

/** How large the files of a source are. */
export interface SourceShape {
  readonly files: number;
  /** Bytes. */
  readonly largest: number;
}

/** The SHA-256 of every file, by its path below the source. */
export type Contents = Readonly<Record<string, string>>;

/** A folder with files, and the only one that changes them. */
export class Source {
  readonly root: string;
  readonly #random: Random;
  readonly #shape: SourceShape;
  #made = 0;

  private constructor(root: string, random: Random, shape: SourceShape) {
    this.root = root;
    this.#random = random;
    this.#shape = shape;
  }

  static async make(root: string, random: Random, shape: SourceShape): Promise<Source> {
    const source = new Source(root, random, shape);
    for (let i = 0; i < shape.files; i++) await source.#add();
    await mkdir(join(root, "nothing in it"));
    return source;
  }

  /** Adds, changes, renames, copies and removes some files; at least one is new. */
  async mutate(): Promise<void> {
    await this.#add();
    const changes = [
      this.#add,
      this.#add,
      this.#change,
      this.#change,
      this.#rename,
      this.#copy,
      this.#remove,
    ];
    for (let left = this.#random.between(0, 5); left > 0; left--) {
      await this.#random.pick(changes).call(this);
    }
  }

  async contents(): Promise<Contents> {
    return await contentsBelow(this.root);
  }

  async #add(): Promise<void> {
    const folder = this.#random.pick(["2023", "2024", "2024/Sämmer", ""]);
    await this.#write(join(folder, `IMG_${this.#made}.jpg`));
  }

  async #change(): Promise<void> {
    await this.#write(await this.#any());
  }

  async #rename(): Promise<void> {
    await rename(join(this.root, await this.#any()), join(this.root, `renamed ${this.#made++}.jpg`));
  }

  async #copy(): Promise<void> {
    const bytes = await readFile(join(this.root, await this.#any()));
    await writeFile(join(this.root, `copy ${this.#made++}.jpg`), bytes);
  }

  async #remove(): Promise<void> {
    await rm(join(this.root, await this.#any()));
  }

  async #write(path: string): Promise<void> {
    const size = this.#random.chance(0.05) ? 0 : this.#random.between(1, this.#shape.largest);
    const full = join(this.root, path);
    await mkdir(dirname(full), { recursive: true });
    // Never the same bytes twice, so that a change is one.
    await writeFile(full, pseudoRandom(size, this.#random.below(2 ** 31) + ++this.#made));
  }

  async #any(): Promise<string> {
    const files = await filesOf(this.root);
    return this.#random.pick(files);
  }
}

/** The SHA-256 of every file below a folder. */
export async function contentsBelow(root: string): Promise<Contents> {
  const found: Record<string, string> = {};
  for (const path of await filesOf(root)) found[path] = sha256Hex(await readFile(join(root, path)));
  return found;
}

async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).sort();
}
