// A chip: a drawing, a word and a tone. The word says it; the colour only helps.

import { h } from "../element.js";
import { icon } from "./icon.js";

/** @typedef {"ok" | "info" | "warn" | "bad" | "idle"} Tone */

/**
 * A chip that can change.
 * @returns {{element: HTMLElement, update: (shown: {tone: Tone, mark: string, words: string, title?: string}) => void}}
 */
export function chip() {
  const element = h("span", { class: "chip" });
  let last = "";
  return {
    element,
    update({ tone, mark, words, title = "" }) {
      const next = `${tone} ${mark} ${words} ${title}`;
      if (next === last) return;
      last = next;
      element.dataset.tone = tone;
      element.title = title;
      element.replaceChildren(icon(mark), h("span", {}, words));
    },
  };
}

/** A chip that stays as it is. */
export function fixedChip(shown) {
  const made = chip();
  made.update(shown);
  return made.element;
}
