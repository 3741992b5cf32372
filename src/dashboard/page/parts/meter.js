// A row with a name, a bar and its figures. The bar is drawn; the words beside it say the same.

import { h, say, share } from "../element.js";

/**
 * @returns {{element: HTMLElement, update: (row: {name: string, figure: string, note?: string, filled: number, over?: number,
 *   reserved?: number, tone?: string, code?: string}) => void}}
 */
export function meter() {
  const name = h("span", { class: "meter-name" });
  const figure = h("span", { class: "meter-figure figure" });
  const note = h("span", { class: "meter-note" });
  const bar = h("span", { class: "meter-bar", "aria-hidden": "true" }, h("i", { class: "filled" }), h("i", { class: "over" }), h("i", { class: "reserved" }));
  const element = h("li", { class: "meter" }, name, figure, bar, note);
  return {
    element,
    update(row) {
      say(name, row.name);
      name.title = row.code ?? "";
      say(figure, row.figure);
      say(note, row.note ?? "");
      share(bar, "--filled", row.filled);
      share(bar, "--over", row.over ?? 0);
      share(bar, "--reserved", row.reserved ?? 0);
      element.dataset.tone = row.tone ?? "";
    },
  };
}
