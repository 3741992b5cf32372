// Dialogs: a question with a way out. Esc and Cancel change nothing; focus goes back to where it came from.

import { h, show } from "../element.js";

let dialogs = 0;

/**
 * Opens a dialog and returns when it is closed: what `confirm` returned, or null.
 * `confirm` runs while the dialog is open; what it throws is shown in it.
 * @template T
 * @param {{title: string, body: Node[], confirm: string, kind?: "primary" | "danger", cancel?: string,
 *   run?: () => Promise<T> | T, explain?: (error: Error) => string}} options
 * @returns {Promise<T | null>}
 */
export function dialog({ title, body, confirm, kind = "primary", cancel = "Cancel", run = () => true, explain = (error) => `Not done: ${error.message}.` }) {
  const id = `dialog-${(dialogs += 1)}`;
  const came = document.activeElement;
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const no = h("button", { type: "button", class: "button plain" }, cancel);
  const yes = h("button", { type: "submit", class: `button ${kind}` }, confirm);
  const form = h("form", { novalidate: true }, h("h2", { id }, title), ...body, trouble, h("div", { class: "dialog-foot" }, no, yes));
  const element = h("dialog", { class: "dialog", "aria-labelledby": id }, form);
  document.body.append(element);
  return new Promise((resolve) => {
    let answer = null;
    // All at once: between a closed dialog and its answer nothing else may happen.
    const leave = () => {
      if (!element.isConnected) return;
      element.close();
      element.remove();
      if (came?.isConnected) came.focus();
      resolve(answer);
    };
    element.addEventListener("cancel", (event) => {
      event.preventDefault();
      leave();
    });
    element.addEventListener("close", leave);
    no.addEventListener("click", leave);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (yes.getAttribute("aria-busy")) return;
      yes.setAttribute("aria-busy", "true");
      show(trouble, false);
      try {
        answer = await run();
        leave();
      } catch (error) {
        trouble.textContent = explain(error);
        show(trouble, true);
      } finally {
        yes.removeAttribute("aria-busy");
      }
    });
    element.showModal();
    const first = form.querySelector("input, textarea");
    (first ?? no).focus();
    first?.select?.();
  });
}
