/** The list of panels in reading order. A new one is a file beside this one and a line here. */
import { activity } from "./activity.tsx";
import { attention } from "./attention.tsx";
import { banners } from "./banners.tsx";
import { exits } from "./exits.tsx";
import { footer } from "./footer.tsx";
import { header } from "./header.tsx";
import { kpis } from "./kpis.tsx";
import type { Panel } from "./panel.ts";
import { positions } from "./positions.tsx";
import { risk } from "./risk.tsx";
import { why } from "./why.tsx";

export const PANELS: readonly Panel[] = [
  header,
  banners,
  attention,
  kpis,
  positions,
  risk,
  why,
  activity,
  exits,
  footer,
];
