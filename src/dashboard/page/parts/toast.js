// Short messages about what was just done. Errors stay until they are closed.

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
  close.addEventListener("click", () => element.remove());
  while (place.children.length >= SHOWN) place.firstElementChild.remove();
  place.append(element);
  if (tone === "ok") setTimeout(() => element.remove(), READING_TIME);
}
