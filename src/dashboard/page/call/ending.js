// Ending a call: the questions that are asked before.

import { ask } from "../gate.js";
import { h } from "../element.js";
import { dialog } from "../parts/dialog.js";
import { field } from "../parts/field.js";
import { toast } from "../parts/toast.js";
import { nameOf } from "../names.js";

const about = (call) => h("p", { class: "about" }, h("strong", {}, nameOf(call.businessId)), ` · ${call.toNumber ?? call.fromNumber ?? "no number"}`);
const path = (call) => `api/calls/${encodeURIComponent(call.callId)}`;

/** Asks whether to hang up, and does so. */
export async function endCall(call) {
  const done = await dialog({
    title: "End this call?",
    body: [about(call), h("p", {}, "The provider is asked to hang up. The slot is free once that is confirmed.")],
    confirm: "End call",
    kind: "danger",
    cancel: "Keep it",
    run: () => ask("DELETE", path(call), { scope: "call" }),
  });
  if (done) toast(`The call of ${nameOf(call.businessId)} is being hung up.`);
  return done;
}

/** Asks for the operator's word that a call is over, with a reason for the record. */
export async function forceEnd(call) {
  const { element, input } = field("Reason", { required: true, maxlength: 300, autocomplete: "off" }, "Kept with the call's events, for the audit.");
  const done = await dialog({
    title: "Say that this call is over?",
    body: [
      about(call),
      h("p", {}, "Nothing is hung up. The gate takes your word that the call is over and frees its slot. If it is still live at the provider, it is no longer counted until a sweep finds it."),
      element,
    ],
    confirm: "Force end",
    kind: "danger",
    run: () => {
      if (!input.value.trim()) throw new Error("a reason is needed");
      return ask("POST", `${path(call)}/force-end`, { body: { reason: input.value.trim() }, scope: "admin" });
    },
  });
  if (done) toast("The call is over, by your word. Its slot is free.");
  return done;
}
