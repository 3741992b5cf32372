// What surrounds every page: who is shown, whether the figures are fresh, what everybody has to know, the key.

import { forgetScopes, prove } from "./gate.js";
import { h, say, show } from "./element.js";
import { forget, keep, key } from "./key.js";
import { nextTheme, theme } from "./theme.js";
import { action } from "./parts/action.js";
import { chip } from "./parts/chip.js";
import { dialog } from "./parts/dialog.js";
import { field } from "./parts/field.js";
import { icon } from "./parts/icon.js";
import { toast } from "./parts/toast.js";
import { clockTime, duration } from "./words.js";

const LEDGERS = {
  memory: { tone: "idle", mark: "slots", words: "Memory ledger" },
  redis: { tone: "ok", mark: "slots", words: "Redis ledger" },
  database: { tone: "warn", mark: "warn", words: "Database ledger" },
  recovering: { tone: "bad", mark: "warn", words: "Recovering" },
};
const CONNECTIONS = {
  connecting: { tone: "idle", mark: "ring", words: "Connecting" },
  live: { tone: "ok", mark: "dot", words: "Live" },
  lost: { tone: "bad", mark: "warn", words: "Stale" },
  locked: { tone: "warn", mark: "key", words: "Key needed" },
};
const THEMES = { auto: ["auto", "Theme: as the system"], light: ["sun", "Theme: light"], dark: ["moon", "Theme: dark"] };

const place = (id) => document.getElementById(id);
const announce = (words) => say(place("announcements"), words);

function notice(tone, mark, name, ...side) {
  const words = h("p", {});
  const element = h("div", { class: "notice", data: { tone, notice: name }, hidden: true }, icon(mark), words, ...side);
  place("notices").append(element);
  return { element, words };
}

export class Shell {
  /** @param {{retry: () => void, reopen: () => void, resume: () => Promise<void>}} options */
  constructor({ retry, reopen, resume }) {
    this.reopen = reopen;
    this.state = "connecting";
    this.heard = null;
    this.ledger = chip();
    this.connection = chip();
    this.connection.element.id = "connection";
    this.provider = chip();
    this.node = h("span", { class: "mono" });
    this.version = h("span");
    place("facts").append(this.ledger.element, this.provider.element, this.connection.element);
    place("colophon").append(this.node, " · ", this.version);
    this.themeButton = h("button", { type: "button", class: "button quiet icon-only" });
    this.themeButton.addEventListener("click", nextTheme);
    this.keyButton = h("button", { type: "button", class: "button quiet icon-only", "aria-label": "API key", title: "API key" }, icon("key"));
    this.keyButton.addEventListener("click", () => this.askForKey());
    place("tools").append(this.themeButton, this.keyButton);
    document.addEventListener("themechange", () => this.showTheme());
    this.showTheme();
    const again = h("button", { type: "button", class: "button plain small" }, "Try now");
    again.addEventListener("click", retry);
    const enter = h("button", { type: "button", class: "button plain small" }, "Enter key");
    enter.addEventListener("click", () => this.askForKey());
    this.stale = notice("bad", "warn", "stale", again);
    this.locked = notice("warn", "key", "locked", enter);
    this.recovering = notice("bad", "warn", "recovering");
    this.cutOff = notice("bad", "warn", "cut-off");
    this.paused = notice("warn", "pause", "paused", action("Resume", { scope: "admin", kind: "plain small", run: resume }));
    say(this.locked.words, "This gate asks for an API key with the scope read, or a wider one.");
    say(this.paused.words, "New calls are paused: every one is refused until somebody resumes.");
    say(this.cutOff.words, "This replica alone is cut off from the ledger. It refuses new calls; the others go on.");
    setInterval(() => this.showAge(), 1000);
  }

  showTheme() {
    const [mark, words] = THEMES[theme()];
    this.themeButton.replaceChildren(icon(mark));
    this.themeButton.setAttribute("aria-label", words);
    this.themeButton.title = words;
  }

  update(overview) {
    this.heard = Date.now();
    const { ledger, node, pool, provider, version, uptimeSeconds } = overview;
    const epoch = ledger.epoch == null ? "" : `Epoch ${ledger.epoch}`;
    this.ledger.update({ ...(LEDGERS[ledger.mode] ?? { tone: "idle", mark: "slots", words: ledger.mode }), title: epoch });
    const simulated = provider.kind === "simulator";
    this.provider.update({ tone: simulated ? "info" : "idle", mark: "phone", words: simulated ? "Simulated provider" : "ElevenLabs", title: provider.simulatorUrl ?? "" });
    say(this.node, node);
    say(this.version, `callgate ${version}, up ${duration(uptimeSeconds)}`);
    show(this.paused.element, pool.paused);
    show(this.cutOff.element, Boolean(ledger.cutOff));
    show(this.recovering.element, ledger.mode === "recovering");
    say(this.recovering.words, "The ledger is recovering: how many slots are taken is not proven yet, so new calls are refused.");
  }

  /** The connection turned. */
  turn(state, because) {
    // A new attempt does not make old figures fresh.
    if (state === "connecting" && this.state !== "connecting") {
      this.because = null;
      this.showAge();
      return;
    }
    const before = this.state;
    [this.state, this.because] = [state, because];
    document.documentElement.dataset.connection = state;
    this.connection.update(CONNECTIONS[state]);
    show(this.stale.element, state === "lost");
    show(this.locked.element, state === "locked");
    this.showAge();
    if (state === before) return;
    if (state === "lost") announce(`Connection lost: ${because.reason}. ${this.since()}`);
    if (state === "live" && before === "lost") announce("Connected again. The figures are live.");
    if (state === "locked") this.askForKey();
  }

  since() {
    return this.heard ? `The figures are from ${clockTime(this.heard)}.` : "There are no figures yet.";
  }

  showAge() {
    if (this.state !== "lost") return;
    const old = this.heard ? ` They are ${duration((Date.now() - this.heard) / 1000)} old.` : "";
    const left = this.because ? Math.max(0, Math.ceil((this.because.next - Date.now()) / 1000)) : 0;
    const reason = this.because?.reason ?? this.reason;
    this.reason = reason;
    say(this.stale.words, `Connection lost: ${reason}. ${this.since()}${old} ${left > 0 ? `Trying again in ${left} s.` : "Trying again."}`);
  }

  /** Asks for the key; tries it before it is kept. */
  async askForKey() {
    if (document.querySelector("dialog[open]")) return;
    const { element, input } = field("API key", { type: "password", autocomplete: "off", spellcheck: "false" }, "Kept in this tab only, until it is closed.");
    const known = key() !== null;
    const gone = h("button", { type: "button", class: "button quiet small" }, "Forget key");
    gone.addEventListener("click", () => {
      forget();
      forgetScopes();
      gone.closest("dialog").close();
      this.reopen();
    });
    const proven = await dialog({
      title: known ? "Another API key" : "API key",
      body: [h("p", {}, "Keys are made with ", h("code", {}, "callgate keys create"), ". Reading needs the scope read, ending calls the scope call, the rest admin."), element, known && gone].filter(Boolean),
      confirm: "Use key",
      run: async () => {
        const given = input.value.trim();
        if (!/^[\x21-\x7e]+$/.test(given)) throw new Error("a key is one word of visible ASCII characters");
        gone.disabled = true;
        await prove(given).finally(() => (gone.disabled = false));
        return given;
      },
      explain: (error) => error.status === 401 ? "The gate does not know this key." : `Not done: ${error.message}.`,
    }).catch((error) => toast(`The key is not used: ${error.message}.`, "bad"));
    if (!proven) return;
    keep(proven);
    forgetScopes();
    this.reopen();
  }
}
