/** Live pages: what is sent, when, to whom, and that nothing is left running. */
import assert from "node:assert/strict";
import { Live } from "../../web/live.ts";
import { PAGE_SURFACES } from "../../web/readings.ts";
import { appOver, movingStore, NOW_MS, readEvents, settled, storeWith } from "./web_fixtures.ts";

Deno.test("/events says hello, then sends everything the page shows", async () => {
  const store = await storeWith();
  const { app, live } = appOver(store);
  const response = await app.request("/events");
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const [hello, state] = await readEvents(response.body!, 2);
  assert.match(hello!.raw, /^retry: 2000$/m);
  assert.equal(hello!.event, "hello");
  assert.deepEqual(hello!.data, {
    build: "b0",
    seq: store.get("diagnostics")!.seq,
    now: NOW_MS,
  });
  assert.equal(state!.event, "state");
  const pushed = state!.data.state as Record<string, unknown>;
  assert.deepEqual(Object.keys(pushed).toSorted(), [...PAGE_SURFACES].toSorted());
  for (const name of PAGE_SURFACES) {
    assert.ok(state!.raw.includes(`"${name}":${store.text(name)}`), `${name} byte for byte`);
  }
  assert.deepEqual(state!.data.surfaces, { fresh: 15, total: 15 });
  await response.body!.cancel();
  assert.equal(live.clients, 0);
});

Deno.test("/events sends only what changed since, in one push, and nothing twice", async () => {
  const { store, publish } = await movingStore();
  const { app, live } = appOver(store);
  const from = live.idOf(Math.max(...PAGE_SURFACES.map((name) => store.version(name))));
  const response = await app.request(`/events?since=${from}`);
  const reading = readEvents(response.body!, 3);
  await settled();
  publish(["nav"], 2);
  await settled();
  publish(["nav"], 3);
  publish(["risk_snapshot"], 3);
  publish(["nav"], 4);
  const [hello, first, second] = await reading;
  assert.equal(hello!.event, "hello");
  assert.deepEqual(Object.keys(first!.data.state as object), ["nav"]);
  assert.deepEqual(Object.keys(second!.data.state as object).toSorted(), ["nav", "risk_snapshot"]);
  const { nav } = second!.data.state as { nav: { seq: number } };
  assert.equal(nav.seq, 4, "the latest of them");
  assert.equal(second!.id, live.idOf(store.version("nav")));
  await response.body!.cancel();
});

Deno.test("/events goes on from the last event's id; an id of another run gets everything", async () => {
  const { store } = await movingStore();
  const { app, live } = appOver(store);
  const firstOf = async (lastId: string) => {
    const response = await app.request("/events", { headers: { "last-event-id": lastId } });
    const [, state] = await readEvents(response.body!, 2);
    await response.body!.cancel();
    return Object.keys(state!.data.state as object);
  };
  const { length } = PAGE_SURFACES;
  assert.equal((await firstOf("r-other.999999")).length, length);
  assert.equal((await firstOf("nonsense")).length, length);
  const newest = Math.max(...PAGE_SURFACES.map((name) => store.version(name)));
  assert.equal((await firstOf(live.idOf(newest - 1))).length, 1);
});

Deno.test("a client that does not read has no queue, and then gets the latest", async () => {
  const { store, publish } = await movingStore();
  const live = new Live({ store, runId: "r", build: "b", nowMs: () => NOW_MS });
  const newest = Math.max(...PAGE_SURFACES.map((name) => store.version(name)));
  const stream = live.open(live.idOf(newest))!;
  for (let seq = 10; seq < 14; seq++) {
    publish(["nav"], seq);
    await settled(300);
  }
  const [hello, state] = await readEvents(stream, 2);
  assert.equal(hello!.event, "hello");
  assert.equal((state!.data.state as { nav: { seq: number } }).nav.seq, 13);
  await stream.cancel();
});

Deno.test("events beat while nothing changes, say goodbye at the end, and are limited", async () => {
  const whole = await storeWith({ wallMs: NOW_MS - 2_000 });
  let listeners = 0;
  const store = {
    get: whole.get.bind(whole),
    text: whole.text.bind(whole),
    version: whole.version.bind(whole),
    onChange: (listener: () => void) => {
      listeners += 1;
      const stop = whole.onChange(listener);
      return () => {
        listeners -= 1;
        stop();
      };
    },
  };
  const options = { store, runId: "r", build: "b", nowMs: () => NOW_MS, beatMs: 30 };
  const live = new Live(options);
  const stream = live.open("")!;
  const messages = await readEvents(stream, 3);
  assert.deepEqual(messages.map(({ event }) => event), ["hello", "state", "beat"]);
  const { now, loop_age_s } = messages[2]!.data;
  assert.deepEqual({ now, loop_age_s }, { now: NOW_MS, loop_age_s: 2 });
  const others = Array.from({ length: 63 }, () => live.open("")!);
  assert.ok(others.every((other) => other !== null));
  assert.equal(live.open(""), null, "a limit on everything");
  const bye = readEvents(others[0]!, 10);
  assert.equal(listeners, 1);
  live.close();
  assert.equal(listeners, 0);
  assert.equal((await bye).at(-1)!.event, "bye");
  assert.equal(live.clients, 0);
  assert.equal(live.open(""), null);
  await Promise.all([stream, ...others.slice(1)].map((other) => other.cancel()));
});
