/** The regions of the ISO side: descriptors, path tables and directories of both trees. */

import { fillDirectory, type Hierarchy, rootRecord } from "./directories.ts";
import { sectorsOf } from "./fields.ts";
import { fillIso, isoHierarchy } from "./iso-directories.ts";
import { jolietHierarchy } from "./joliet-directories.ts";
import { dataStart, type Layout } from "./layout.ts";
import { fillPathTable, type PathTable } from "./path-table.ts";
import { type Region, sectorRegion } from "./regions.ts";
import { jolietDescriptor, primaryDescriptor, terminator, type TreePlace } from "./volume-descriptors.ts";

/** All regions of the ISO side, in image order. */
export function isoRegions(layout: Layout): Region[] {
  const { spec, tree, starts, isoTable, jolietTable } = layout;
  const data = (node: number) => dataStart(layout, node);
  const iso = isoHierarchy(tree, layout.iso, starts.iso, data);
  const joliet = jolietHierarchy(tree, layout.joliet, starts.joliet, data);
  const facts = { volumeId: spec.volumeId, created: spec.created, sectors: starts.sectors };
  const isoPlace = placeOf(isoTable, starts.isoL, starts.isoM, iso);
  const jolietPlace = placeOf(jolietTable, starts.jolietL, starts.jolietM, joliet);
  return [
    sectorRegion(16, () => primaryDescriptor(facts, isoPlace)),
    sectorRegion(17, () => jolietDescriptor(facts, jolietPlace)),
    sectorRegion(18, terminator),
    ...tableRegions(isoTable, isoPlace, iso),
    ...tableRegions(jolietTable, jolietPlace, joliet),
    ...directoryRegions(layout, iso, joliet),
  ];
}

function placeOf(table: PathTable, pathTableL: number, pathTableM: number, hierarchy: Hierarchy): TreePlace {
  return { pathTableBytes: table.bytes, pathTableL, pathTableM, root: rootRecord(hierarchy) };
}

/** The type L and the type M table. */
function tableRegions(table: PathTable, place: TreePlace, hierarchy: Hierarchy): Region[] {
  return [place.pathTableL, place.pathTableM].map((start, form) => ({
    start,
    sectors: sectorsOf(table.bytes),
    fill: (index, out) => fillPathTable(table, hierarchy, form === 0, index, out),
  }));
}

function directoryRegions(layout: Layout, iso: Hierarchy, joliet: Hierarchy): Region[] {
  const { starts } = layout;
  return [
    {
      start: starts.iso,
      sectors: starts.joliet - starts.iso,
      fill: (index, out) => fillIso(iso, layout.iso, index, out),
    },
    {
      start: starts.joliet,
      sectors: starts.udfEntries - starts.joliet,
      fill: (index, out) => fillDirectory(joliet, index, out),
    },
  ];
}
