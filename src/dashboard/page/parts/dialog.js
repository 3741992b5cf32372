// Dialogs: a question with a way out. Esc and Cancel change nothing, so what is under way is waited for; focus goes back to where it came from.

import { undone } from "../gate.js";
import { h, show } from "../element.js";
import { toast } from "./toast.js";

/** What is under way keeps the dialog open for so long; then it may be left, and is told of when its end is known. */
const PATIENCE = 10_000;

let dialogs = 0;

/**
 * Opens a dialog and returns when it is closed: what `confirm` returned, or null.
 * `run` runs while the dialog is open; what it throws is shown in it, or thrown on where the dialog is left meanwhile.
 * @template T
 * @param {{title: string, body: Node[], confirm: string, kind?: "primary" | "danger", cancel?: string,
 *   run?: () => Promise<T> | T, explain?: (error: Error) => string}} options
 * @returns {Promise<T | null>}
 */
export function dialog({ title, body, confirm, kind = "primary", cancel = "Cancel", run = () => true, explain = undone }) {
  const id = `dialog-${(dialogs += 1)}`;
  const came = document.activeElement;
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const no = h("button", { type: "button", class: "button plain" }, cancel);
  const yes = h("button", { type: "submit", class: `button ${kind}` }, confirm);
  const form = h("form", { novalidate: true }, h("h2", { id }, title), ...body, trouble, h("div", { class: "dialog-foot" }, no, yes));
  const element = h("dialog", { class: "dialog", "aria-labelledby": id }, form);
  document.body.append(element);
  return new Promise((resolve, reject) => {
    let answer = null;
    /** @type {"idle" | "busy" | "overdue"} */
    let state = "idle";
    // All at once: between a closed dialog and its answer nothing else may happen.
    const leave = () => {
      if (!element.isConnected) return;
      element.close();
      element.remove();
      if (came?.isConnected) came.focus();
      if (state === "idle") resolve(answer);
      else toast(`“${confirm}” is under way: whether it is done is not known yet.`, "warn");
    };
    const giveUp = () => state === "busy" || leave();
    element.addEventListener("cancel", (event) => {
      event.preventDefault();
      giveUp();
    });
    // A browser closes it all the same where Esc is pressed again and again.
    element.addEventListener("close", leave);
    no.addEventListener("click", giveUp);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (yes.getAttribute("aria-busy")) return;
      yes.setAttribute("aria-busy", "true");
      no.setAttribute("aria-disabled", "true");
      show(trouble, false);
      state = "busy";
      const patience = setTimeout(() => {
        state = "overdue";
        no.removeAttribute("aria-disabled");
      }, PATIENCE);
      try {
        answer = await run();
        state = "idle";
        if (element.isConnected) leave();
        else resolve(answer);
      } catch (error) {
        state = "idle";
        if (!element.isConnected) {
          reject(error);
          return;
        }
        trouble.textContent = explain(error);
        show(trouble, true);
      } finally {
        clearTimeout(patience);
        no.removeAttribute("aria-disabled");
        yes.removeAttribute("aria-busy");
      }
    });
    element.showModal();
    const first = form.querySelector("input, textarea");
    (first ?? no).focus();
    first?.select?.();
  });
}
