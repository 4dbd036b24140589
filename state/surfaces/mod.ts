/** The list of surfaces. A new one is a file beside this one and an entry here. */
import type { z } from "zod";
import { Diagnostics, projectDiagnostics } from "./diagnostics.ts";
import {
  AccountBaseline,
  OperatorState,
  PositionTpSl,
  projectAccountBaseline,
  projectOperatorState,
  projectPositionTpSl,
} from "./durable.ts";
import { EngineMetadata, projectEngineMetadata } from "./engine_metadata.ts";
import {
  Expectancy,
  FactorDiagnostics,
  projectExpectancy,
  projectFactorDiagnostics,
  projectRiskAllocationSuggestions,
  projectSymbolScores,
  RiskAllocationSuggestions,
  SymbolScores,
} from "./intel.ts";
import { FillTracker, projectFillTracker } from "./fill_tracker.ts";
import { Kpis, projectKpis } from "./kpis_v7.ts";
import { Nav, projectNav } from "./nav.ts";
import { NavState } from "./nav_state.ts";
import { PnlAttribution, projectPnlAttribution } from "./pnl_attribution.ts";
import {
  PositionsLedger,
  PositionsState,
  projectPositionsLedger,
  projectPositionsState,
} from "./positions.ts";
import { projectRiskSnapshot, RiskSnapshot } from "./risk_snapshot.ts";
import { projectRouterHealth, RouterHealth } from "./router_health.ts";
import { projectRouterPolicySuggestions, RouterPolicySuggestions } from "./router_policy.ts";
import type { Cadence, Envelope, Owner, Published, Surface } from "./surface.ts";

const executor = <S extends z.ZodType>(
  file: `${string}.json`,
  cadence: Exclude<Cadence, "mirror">,
  schema: S,
) => ({ file, owner: "executor", cadence, schema }) as const;

export const SURFACES = {
  positions_state: executor("positions_state.json", "loop", PositionsState),
  positions_ledger: executor("positions_ledger.json", "loop", PositionsLedger),
  nav: executor("nav.json", "loop", Nav),
  risk_snapshot: executor("risk_snapshot.json", "loop", RiskSnapshot),
  router_health: executor("router_health.json", "loop", RouterHealth),
  kpis_v7: executor("kpis_v7.json", "loop", Kpis),
  expectancy_v6: executor("expectancy_v6.json", "intel", Expectancy),
  symbol_scores_v6: executor("symbol_scores_v6.json", "intel", SymbolScores),
  factor_diagnostics: executor("factor_diagnostics.json", "intel", FactorDiagnostics),
  router_policy_suggestions_v6: executor(
    "router_policy_suggestions_v6.json",
    "intel",
    RouterPolicySuggestions,
  ),
  risk_allocation_suggestions_v6: executor(
    "risk_allocation_suggestions_v6.json",
    "intel",
    RiskAllocationSuggestions,
  ),
  pnl_attribution: executor("pnl_attribution.json", "intel", PnlAttribution),
  position_tp_sl: executor("position_tp_sl.json", "change", PositionTpSl),
  operator_state: executor("operator_state.json", "change", OperatorState),
  account_baseline: executor("account_baseline.json", "change", AccountBaseline),
  fill_tracker: executor("fill_tracker.json", "change", FillTracker),
  engine_metadata: executor("engine_metadata.json", "loop", EngineMetadata),
  /** Last of the executor's: when it is there, everything of its tick is. */
  diagnostics: executor("diagnostics.json", "loop", Diagnostics),
  nav_state: { file: "nav_state.json", owner: "mirror", cadence: "mirror", schema: NavState },
} as const satisfies Record<string, Surface>;

type Surfaces = typeof SURFACES;
export type SurfaceName = keyof Surfaces;
export type Payload<N extends SurfaceName> = z.output<Surfaces[N]["schema"]>;
/** A payload without the envelope, which the store adds. */
export type Body<N extends SurfaceName> = Omit<Payload<N>, keyof Envelope>;
export type OwnedBy<O extends Owner> = {
  [N in SurfaceName]: Surfaces[N]["owner"] extends O ? N : never;
}[SurfaceName];

/** How each of the executor's surfaces is made from one reading. */
export const PROJECTIONS: { readonly [N in OwnedBy<"executor">]: (from: Published) => Body<N> } = {
  positions_state: projectPositionsState,
  positions_ledger: projectPositionsLedger,
  nav: projectNav,
  risk_snapshot: projectRiskSnapshot,
  router_health: projectRouterHealth,
  kpis_v7: projectKpis,
  expectancy_v6: projectExpectancy,
  symbol_scores_v6: projectSymbolScores,
  factor_diagnostics: projectFactorDiagnostics,
  router_policy_suggestions_v6: projectRouterPolicySuggestions,
  risk_allocation_suggestions_v6: projectRiskAllocationSuggestions,
  pnl_attribution: projectPnlAttribution,
  position_tp_sl: projectPositionTpSl,
  operator_state: projectOperatorState,
  account_baseline: projectAccountBaseline,
  fill_tracker: projectFillTracker,
  engine_metadata: projectEngineMetadata,
  diagnostics: projectDiagnostics,
};
/** Written when it changes, synced, with the generation before it kept; the others are views. */
export function isDurable(name: SurfaceName): boolean {
  return SURFACES[name].cadence === "change";
}

export const EXECUTOR_SURFACES = Object.keys(PROJECTIONS) as readonly OwnedBy<"executor">[];
