// The page: one connection to the gate, the shell around everything, and the room that the address names.

import { ask, onLocked, read } from "./gate.js";
import { learnTime } from "./clock.js";
import { CallPage } from "./call/page.js";
import { OverviewPage } from "./overview/page.js";
import { Shell } from "./shell.js";
import { Stream } from "./stream.js";
import { toast } from "./parts/toast.js";

/** As many events as the feed shows. */
const EVENTS = 100;

const main = document.getElementById("main");
const overview = new OverviewPage();
let room = null;
let latest = null;

const rooms = () => new Set(room ? [overview, room] : [overview]);

/** Tells every room. One that fails takes none of the others with it. */
function everywhere(tell) {
  for (const each of rooms()) {
    try {
      tell(each);
    } catch (error) {
      console.error(error);
    }
  }
}

const stream = new Stream({
  path: "api/events/stream?overview=true",
  async prepare(signal) {
    const { events } = await read(`api/concurrent-metrics/events?limit=${EVENTS}`, signal);
    everywhere((each) => each.begin(events));
    return String(events[0]?.position ?? 0);
  },
  hear({ type, data }) {
    if (type !== "overview") {
      everywhere((each) => each.hear(data));
      return;
    }
    learnTime(data.at);
    latest = data;
    shell.update(data);
    everywhere((each) => each.update(data));
  },
  turn: (state, because) => shell.turn(state, because),
});

const shell = new Shell({
  retry: () => stream.hurry(),
  reopen: () => stream.open(),
  resume: async () => {
    await ask("PUT", "api/pools/default", { body: { paused: false }, scope: "admin" });
    toast("New calls are admitted again.");
  },
});

/** The call that the address names, if it names one. What cannot be decoded names a call that nobody knows. */
function named(address) {
  const [, callId = null] = /^#\/calls\/([^/]+)$/.exec(address) ?? [];
  try {
    return callId && decodeURIComponent(callId);
  } catch {
    return callId;
  }
}

/** Shows what the address names: `#/` or `#/calls/ID`. */
function enter() {
  const callId = named(location.hash);
  const first = room === null;
  if (room instanceof CallPage) room.close();
  room = callId ? new CallPage(callId) : overview;
  main.replaceChildren(room.element);
  document.title = `${room.title} · callgate`;
  if (latest) room.update(latest);
  if (first) return;
  scrollTo(0, 0);
  room.heading.focus({ preventScroll: true });
}

// The address belongs to the rooms, so the link only moves the focus.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
onLocked(() => shell.turn("locked"));
window.addEventListener("hashchange", enter);
stream.open();
enter();
