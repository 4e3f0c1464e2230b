import { World } from "./world.ts";
import * as C from "./catalog.ts";
const w = new World("/tmp/bench/m", 1, 1);
await (C as any).makeHome(w, 1_000_000);
