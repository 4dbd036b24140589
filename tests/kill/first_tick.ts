/**
 * From one life to the next: a process begins with exactly what the files say, and its first tick
 * changes levels, baselines and the operator's word only where it tells so.
 */
import type { EngineEvent } from "../../core/events.ts";
import type { Memory } from "../../core/memory.ts";
import { diff } from "../../core/patch.ts";
import { type PositionKey, signOf } from "../../core/types.ts";
import type { FirstTick } from "./witness.ts";

/** What one life's first tick breaks of the memory that the life before had left on disk. */
export function firstTickViolations(recovered: Memory, tick: FirstTick): readonly string[] {
  return [
    ...begunOtherwise(recovered, tick.before),
    ...movedLevels(tick),
    ...movedBaselines(tick),
    ...overruled(tick),
  ].map((text) => `first tick: ${text}`);
}

/** Nothing is different from the files but the phase: a start has everything to look at again. */
function begunOtherwise(recovered: Memory, before: Memory): string[] {
  return diff(recovered, before)
    .map(([path]) => path.join("/"))
    .filter((path) => path !== "pulse/phase")
    .map((path) => `it began with another ${path} than the files have`);
}

type Told<K extends EngineEvent["kind"]> = Extract<EngineEvent, { kind: K }>;
const toldOf = <K extends EngineEvent["kind"]>({ events }: FirstTick, kind: K) =>
  events.filter((event): event is Told<K> => event.kind === kind);

/** Levels stay, unless this tick tells that they were tightened, or that the leg is another one. */
function movedLevels(tick: FirstTick): string[] {
  const { before, memory } = tick;
  const told = toldOf(tick, "registry");
  return (Object.keys(before.registry) as PositionKey[]).flatMap((key) => {
    const [was, is] = [before.registry[key]!, memory.registry[key]];
    const about = told.filter((event) => event.key === key);
    if (is === undefined || is.episodeId !== was.episodeId) {
      return about.some(({ change }) => change === "removed") ? [] : [`${key} went untold`];
    }
    return diff(was.levels, is.levels).flatMap(([[field]]) => {
      const isTold = field === "slPx" &&
        about.some(({ change, slPx }) =>
          change === "tightened" && slPx === is.levels.slPx &&
          signOf(was.side) * (slPx! - (was.levels.slPx ?? -Infinity)) > 0
        );
      return isTold ? [] : [`${key}: ${field} moved untold`];
    });
  });
}

const BASELINES = ["peakUsd", "highUsd", "dayPeakUsd", "dayStartUsd", "day"] as const;
const LATCHES = ["circuit", "latch"] as const;

/** A baseline is reached by the NAV that was read, or moves with what this tick tells of the account. */
function movedBaselines(tick: FirstTick): string[] {
  const { before: { nav: was }, memory: { nav: is } } = tick;
  const rules = new Set<string>(toldOf(tick, "account_rule").map(({ rule }) => rule));
  if (toldOf(tick, "operator").length > 0) rules.add("operator");
  const isTold = (...by: string[]) => by.some((rule) => rules.has(rule));
  const money = ["transfer", "nav_level_accepted"];
  const navUsd = is.level?.navUsd ?? null;
  const baselines = BASELINES.filter((name) => {
    if (was[name] === is[name]) return false;
    const isOfDay = name.startsWith("day") && isTold("new_day");
    const isReached = name !== "dayStartUsd" && name !== "day" && is[name] === navUsd &&
      (was[name] === null || navUsd! > was[name]);
    return !isOfDay && !isReached && !isTold(...money, "circuit_rebased", "operator");
  });
  const latches = LATCHES.filter((name) => diff(was[name], is[name]).length > 0).filter((name) =>
    name === "circuit"
      ? !isTold("circuit_tripped", "circuit_rebased", "operator")
      : !isTold("drawdown_latched", "operator")
  );
  return [...baselines, ...latches].map((name) => `nav ${name} moved untold`);
}

/** What the operator has said holds until somebody says something else. */
function overruled(tick: FirstTick): string[] {
  const { before: { operator: was }, memory: { operator: is } } = tick;
  const isTold = toldOf(tick, "operator").length > 0 ||
    toldOf(tick, "account_rule").some(({ rule }) =>
      rule === "entries_paused" || rule === "flattened"
    );
  return diff(was, is).length === 0 || isTold ? [] : [`${was.state} became ${is.state} untold`];
}
