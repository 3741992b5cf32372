// A button that does something at the gate. It is busy meanwhile, and says why where the key does not open it.

import { lacks, onScopes, undone } from "../gate.js";
import { h } from "../element.js";
import { icon } from "./icon.js";
import { toast } from "./toast.js";

const because = (scope) => `The key does not have the scope “${scope}”, which this needs.`;

function look(button) {
  const { scope } = button.dataset;
  if (lacks(scope)) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
  button.title = lacks(scope) ? because(scope) : "";
}

onScopes(() => document.querySelectorAll("button[data-scope]").forEach(look));

/**
 * @param {string} words
 * @param {{scope?: "read" | "call" | "admin", kind?: "plain" | "primary" | "danger" | "quiet", mark?: string, label?: string,
 *   run: (button: HTMLButtonElement) => Promise<void> | void}} options
 * @returns {HTMLButtonElement}
 */
export function action(words, { scope = "read", kind = "plain", mark, label, run }) {
  const text = h("span", {}, words);
  const button = h("button", { type: "button", class: `button ${kind}`, "aria-label": label }, mark && icon(mark), text);
  button.dataset.scope = scope;
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy")) return;
    if (lacks(scope)) {
      toast(because(scope), "warn");
      return;
    }
    button.setAttribute("aria-busy", "true");
    try {
      await run(button);
    } catch (error) {
      toast(lacks(scope) ? `${because(scope)} The gate says: ${error.message}.` : undone(error), "bad");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  look(button);
  button.say = (other) => (text.textContent = other);
  return button;
}
