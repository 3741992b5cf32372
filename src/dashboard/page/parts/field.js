// A labelled field of a form.

import { h } from "../element.js";

let fields = 0;

/** @returns {{element: HTMLElement, input: HTMLInputElement}} */
export function field(label, attributes = {}, hint = "") {
  const id = `field-${(fields += 1)}`;
  const input = h("input", { id, class: "input", "aria-describedby": hint ? `${id}-hint` : null, ...attributes });
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { id: `${id}-hint`, class: "hint" }, hint)), input };
}

/** A choice of a few. @param {Array<[string, string]>} options value and words @returns {{element: HTMLElement, input: HTMLSelectElement}} */
export function choice(label, options) {
  const id = `field-${(fields += 1)}`;
  const input = h("select", { id, class: "input" }, ...options.map(([value, words]) => h("option", { value }, words)));
  return { element: h("div", { class: "field inline" }, h("label", { for: id, class: "unseen" }, label), input), input };
}
