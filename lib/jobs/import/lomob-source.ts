/** lomo-backup's objects in one place, with what tells about them: its database and its master key. */

import { type LomobKind, lomobKind } from "../../import/names.ts";
import type { ObjectInfo } from "../../store/store.ts";
import type { HashedFile, LomobDatabase, RecordedImage } from "./lomob-database.ts";
import { type ForeignPlace, objectsOf } from "./place.ts";

/** An open source of an import. */
export interface LomobSource {
  readonly place: ForeignPlace;
  /** Gives the master key; asked for only when something must be decrypted. */
  masterKey(): Promise<string>;
  /** Images that the database names, by file name; none without one. */
  images(): Promise<ReadonlyMap<string, RecordedImage>>;
  /** The files that were meant for an image, by path. */
  filesOf(image: number): Promise<ReadonlyMap<string, readonly HashedFile[]>>;
  /** Files that were uploaded alone, by their path on Drive. */
  alone(): Promise<ReadonlyMap<string, readonly HashedFile[]>>;
}

/** Joins the parts of a source; what the database says is read once. */
export function lomobSource(
  place: ForeignPlace,
  db: LomobDatabase | undefined,
  masterKey: () => Promise<string>,
): LomobSource {
  let images: Promise<ReadonlyMap<string, RecordedImage>> | undefined;
  let alone: Promise<ReadonlyMap<string, readonly HashedFile[]>> | undefined;
  let key: Promise<string> | undefined;
  return {
    place,
    masterKey: () => key ??= masterKey(),
    images: () => images ??= db?.images() ?? Promise.resolve(new Map()),
    filesOf: (image) => db?.filesOf(image) ?? Promise.resolve(new Map()),
    alone: () => alone ??= db?.alone() ?? Promise.resolve(new Map()),
  };
}

/** An object of lomo-backup. */
export interface LomobObject {
  readonly kind: LomobKind;
  readonly info: ObjectInfo;
  /** What the database says of an image. */
  readonly recorded: RecordedImage | undefined;
}

/** Every object of a source, by key. */
export async function listLomob(source: LomobSource): Promise<LomobObject[]> {
  const images = await source.images();
  return (await objectsOf(source.place)).map((info) => ({
    kind: lomobKind(info.key),
    info,
    recorded: images.get(info.key.slice(info.key.lastIndexOf("/") + 1)),
  }));
}
