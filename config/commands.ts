/** The command line: every command with its options, parsed strictly. It decides nothing else. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { closest, distance } from "fastest-levenshtein";
import { ACK_SUBJECTS, type AckSubject, STATE_ORDERS, type StateOrder } from "../core/operator.ts";
import { MODES } from "./files.ts";

export type RunFlags = {
  readonly config?: string;
  readonly data: string;
  readonly mode?: (typeof MODES)[number];
  readonly candles?: string;
  readonly speed?: number;
  readonly universe?: "config" | "all";
  readonly positions?: string;
  readonly ticks?: number;
  readonly seed?: number;
  readonly host: string;
  readonly port: number;
  readonly web: boolean;
  readonly record?: boolean;
};

export type ReplayFlags = {
  readonly config?: string;
  readonly data: string;
  readonly candles: string;
  readonly universe?: "config" | "all";
  readonly positions?: string;
  readonly from?: number;
  readonly to?: number;
  readonly seed?: number;
  readonly json: boolean;
  readonly fresh: boolean;
  readonly record?: boolean;
};

/** What was recorded, decided again. */
export type RejudgeFlags = {
  readonly journal: string;
  readonly config?: string;
  readonly json: boolean;
};

export type AckFlags = {
  readonly data: string;
  readonly by: string;
  readonly reason: string;
};

export type CtlFlags = AckFlags & { readonly yes: boolean };

export type Handlers = {
  readonly ctl: (order: StateOrder, flags: CtlFlags) => Promise<number>;
  readonly ack: (what: AckSubject, flags: AckFlags) => Promise<number>;
  readonly run: (flags: RunFlags) => Promise<number>;
  readonly replay: (flags: ReplayFlags) => Promise<number>;
  readonly rejudge: (flags: RejudgeFlags) => Promise<number>;
  readonly check: (flags: { readonly config?: string; readonly json: boolean }) => Promise<number>;
  readonly init: (dir: string, flags: { readonly force: boolean }) => Promise<number>;
  readonly status: (flags: { readonly data: string; readonly json: boolean }) => Promise<number>;
};

export type Output = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
};

const ORDER_NAMES = Object.keys(STATE_ORDERS) as StateOrder[];
const ORDER_WORDS = ORDER_NAMES.map((name) => `${name} (${STATE_ORDERS[name]})`).join(", ");
const EXIT_OK = 0;
const EXIT_USAGE = 2;
const SUGGESTION_DISTANCE_MAX = 3;

/** Parses the arguments, calls the one handler that is meant, and returns the exit code. */
export async function dispatch(
  args: readonly string[],
  handlers: Handlers,
  { version, out, err }: Output & { version: string },
): Promise<number> {
  let code = EXIT_OK;
  const program = new Command("ballast")
    .description("Risk-first execution engine for crypto perpetual futures.")
    .version(version, "-V, --version", "print version, commit and runtime")
    .configureOutput({ writeOut: out, writeErr: err })
    .showHelpAfterError("(add --help for what is allowed)")
    .exitOverride();
  const inherit = (command: Command) => command.copyInheritedSettings(program);

  inherit(runCommand(program.command("run", { isDefault: true })))
    .action(async (flags: RunFlags) => void (code = await handlers.run(flags)));

  inherit(replayCommand(program.command("replay")))
    .action(async (flags: ReplayFlags | RejudgeFlags, command: Command) => {
      if ("journal" in flags) code = await handlers.rejudge(flags);
      else if ("candles" in flags) code = await handlers.replay(flags);
      else command.error("error: expected --candles <dir> or --journal <dir>, got neither");
    });

  inherit(program.command("check"))
    .description("validate the config folder and print every effective value with its origin")
    .addOption(configOption())
    .option("--json", "print as JSON", false)
    .action(async (flags) => void (code = await handlers.check(flags)));

  inherit(program.command("init"))
    .description("write the default config folder with JSON Schemas for editors")
    .argument("[dir]", "where to write it", "config")
    .option("--force", "overwrite existing files", false)
    .action(async (dir: string, flags) => void (code = await handlers.init(dir, flags)));

  inherit(program.command("status"))
    .description("one screen of text from logs/state; exit 1 if the engine looks dead")
    .addOption(dataOption())
    .option("--json", "print as JSON", false)
    .action(async (flags) => void (code = await handlers.status(flags)));

  inherit(ackCommand(program.command("ack")))
    .action(async (what: AckSubject, flags: AckFlags) =>
      void (code = await handlers.ack(what, flags))
    );

  inherit(ctlCommand(program.command("ctl")))
    .action(async (order: StateOrder, flags: CtlFlags) =>
      void (code = await handlers.ctl(order, flags))
    );

  const stranger = unknownCommand(program, args);
  if (stranger !== null) {
    err(`error: unknown command '${args[0]}'\n${stranger}\n(add --help for what is allowed)\n`);
    return EXIT_USAGE;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    throw error;
  }
  return code;
}

/** `run` is the default command and would take a mistyped one for an argument of its own. */
function unknownCommand(program: Command, [first]: readonly string[]): string | null {
  const known = ["help", ...program.commands.map((command) => command.name())];
  if (first === undefined || first.startsWith("-") || known.includes(first)) return null;
  const nearest = closest(first, known);
  return distance(first, nearest) <= SUGGESTION_DISTANCE_MAX
    ? `(Did you mean ${nearest}?)`
    : `(Known: ${known.join(", ")})`;
}

function ackCommand(command: Command): Command {
  return command
    .description("open a latched circuit, or take note of state_corrupt; exit 1 if nothing changes")
    .addArgument(new Argument("<what>", "the circuit or the notice").choices(ACK_SUBJECTS))
    .addOption(dataOption())
    .requiredOption("--reason <text>", "why trading may go on; it is kept in the books")
    .option("--by <name>", "who says so", "operator");
}

function ctlCommand(command: Command): Command {
  return command
    .description(`tell the running engine what to do: ${ORDER_WORDS}`)
    .addArgument(new Argument("<order>", "what to do").choices(ORDER_NAMES))
    .addOption(dataOption())
    .requiredOption("--reason <text>", "why; it is kept in the books and shown on the page")
    .option("--by <name>", "who says so", "operator")
    .option("--yes", "flatten only: yes, close every position at market", false);
}

function runCommand(command: Command): Command {
  return command
    .description("run the engine (the default command)")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(new Option("--mode <mode>", "sim, paper or live (runtime.yaml)").choices(MODES))
    .option("--candles <dir>", "sim plays these recorded candles instead of the synthetic market")
    .option("--speed <n>", "simulated seconds per second, 0 = full speed (sim.speed)", nonNegative)
    .addOption(universeOption())
    .option("--positions <file>", "start the sim with these positions (JSON)")
    .option("--ticks <n>", "stop after n loops", wholeNumber)
    .option("--seed <n>", "seed of the simulated market (sim.seed)", wholeNumber)
    .option("--host <host>", "address the page listens on", "127.0.0.1")
    .option("--port <n>", "port the page listens on", portNumber, 8787)
    .option("--no-web", "serve no page")
    .addOption(recordOption());
}

function replayCommand(command: Command): Command {
  return command
    .description(
      "play recorded candles through the same loop as fast as it goes, and report; " +
        "or decide a recorded run again",
    )
    .option("--candles <dir>", "folder of SYMBOL.csv or SYMBOL.csv.gz")
    .addOption(
      new Option(
        "--journal <dir>",
        "decide the recording of this data directory again (under its own config, or --config), " +
          "hold it against the journal there; exit 1 where they differ",
      ).conflicts(OF_CANDLES),
    )
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(universeOption())
    .option("--positions <file>", "start with these positions (JSON)")
    .option("--from <iso>", "first instant, e.g. 2025-10-10T00:00:00Z", instant)
    .option("--to <iso>", "last instant", instant)
    .option("--seed <n>", "seed of the exchange's chance (sim.seed)", wholeNumber)
    .option("--json", "print the report as JSON", false)
    .option("--fresh", "move the data directory's old logs aside", false)
    .addOption(recordOption());
}

/** Options of a replay that mean nothing where no candles are played. */
const OF_CANDLES = [
  "candles",
  "data",
  "universe",
  "positions",
  "from",
  "to",
  "seed",
  "fresh",
  "record",
];

function recordOption(): Option {
  return new Option(
    "--record",
    "write down what every decision was given, for replay --journal (recording in runtime.yaml)",
  );
}

function configOption(): Option {
  return new Option(
    "--config <dir>",
    "config folder (./config, else the one beside the binary, else built-in defaults)",
  );
}

function dataOption(): Option {
  return new Option("--data <dir>", "data directory; logs/ is written there").default(".");
}

function universeOption(): Option {
  return new Option("--universe <which>", "symbols of the config, or all the feed has")
    .choices(["config", "all"]);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("Expected a whole number.");
  }
  return value;
}

function nonNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("Expected a number of 0 or more.");
  }
  return value;
}

function portNumber(text: string): number {
  const value = wholeNumber(text);
  if (value > 65_535) throw new InvalidArgumentError("Expected a port up to 65535.");
  return value;
}

function instant(text: string): number {
  const ms = Date.parse(text);
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text);
  if (Number.isNaN(ms) || !zoned) {
    throw new InvalidArgumentError("Expected an ISO time with zone, e.g. 2025-10-10T00:00:00Z.");
  }
  return ms;
}
