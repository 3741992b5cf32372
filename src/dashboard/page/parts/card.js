// A card: a region with a heading, something at its side, and a body.

import { h } from "../element.js";

let cards = 0;

/**
 * @param {string} title
 * @param {{class?: string, side?: Node[]}} [options]
 * @param {...Node} body
 */
export function card(title, { class: name = "", side = [] } = {}, ...body) {
  const id = `card-${(cards += 1)}`;
  return h("section", { class: `card ${name}`, "aria-labelledby": id },
    h("header", { class: "card-head" }, h("h2", { id }, title), h("div", { class: "card-side" }, ...side)),
    ...body);
}
