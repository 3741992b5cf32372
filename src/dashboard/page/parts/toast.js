// Short messages about what was just done. Errors stay until they are closed; the focus goes back to where it came from.

import { h } from "../element.js";
import { icon } from "./icon.js";

const MARKS = { ok: "check", warn: "warn", bad: "cross" };
const SHOWN = 3;
const READING_TIME = 6_000;

/** @param {string} words @param {"ok" | "warn" | "bad"} tone */
export function toast(words, tone = "ok") {
  const place = document.getElementById("toasts");
  const close = h("button", { type: "button", class: "button quiet small", "aria-label": "Close this message" }, icon("cross"));
  const element = h("div", { class: "toast", data: { tone } }, icon(MARKS[tone]), h("p", {}, words), close);
  let came = null;
  close.addEventListener("focus", (event) => (came = event.relatedTarget));
  element.leave = () => {
    const focused = element.contains(document.activeElement);
    element.remove();
    if (!focused) return;
    const next = came?.isConnected ? came : place.querySelector("button") ?? document.getElementById("main");
    next.focus({ preventScroll: true });
  };
  close.addEventListener("click", element.leave);
  while (place.children.length >= SHOWN) (place.querySelector("[data-tone=ok]") ?? place.firstElementChild).leave();
  place.append(element);
  if (tone === "ok") setTimeout(element.leave, READING_TIME);
}
