// Figures, times and codes as people read them.

/** What stands where a figure is unknown. */
export const UNKNOWN = "–";

const COUNT = new Intl.NumberFormat("en");
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** A count; a dash where it is unknown. */
export const count = (value) => value == null ? UNKNOWN : COUNT.format(value);

/** A count with its noun. */
export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

/** A ratio to one decimal place. */
export const ratio = (value) => value == null ? UNKNOWN : `${Number(value).toFixed(1)}×`;

/** A duration in seconds in its two largest units. */
export function duration(seconds) {
  if (seconds == null || Number.isNaN(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long ago, in one unit. */
export function ago(seconds) {
  if (seconds == null || Number.isNaN(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 2) return "now";
  if (whole < 60) return `${whole} s ago`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ago`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ago`;
  return `${Math.floor(whole / 86400)} d ago`;
}

/** A gap between two events, in milliseconds. */
export function gap(milliseconds) {
  if (milliseconds < 1000) return `+${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60000) return `+${(milliseconds / 1000).toFixed(1)} s`;
  return `+${duration(milliseconds / 1000)}`;
}

/** The time of day. */
export const clockTime = (at) => TIME.format(new Date(at));

/** The time of day with milliseconds. */
export const preciseTime = (at) => `${TIME.format(new Date(at))}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;

/** Day and time. */
export const dayAndTime = (at) => `${DAY.format(new Date(at))}, ${TIME.format(new Date(at))}`;

/** The end of an id, which is where two of the same moment differ. */
export const shortId = (id) => id ? `…${id.slice(-8)}` : UNKNOWN;

/** A word of the API for people: `no_answer` becomes "no answer". */
export const plain = (word) => String(word).replaceAll("_", " ").toLowerCase();

/** A code of the API as a title: `BUSINESS_LIMIT`. */
const REASONS = {
  GLOBAL_CAPACITY_EXCEEDED: "All slots taken",
  BUSINESS_LIMIT: "Business at its limit",
  PLAN_CAPACITY_RESERVED: "Reserved for other plans",
  POOL_PAUSED: "New calls paused",
  ELEVENLABS_429_RATE_LIMIT: "Provider full (429)",
  CAPACITY_STORE_UNAVAILABLE: "Ledger unavailable",
  CAPACITY_RECOVERING: "Gate recovering",
  EVENT_STORE_UNAVAILABLE: "Event store unavailable",
  OVERLOADED: "Gate overloaded",
  SUBSCRIPTION_INACTIVE: "Subscription inactive",
  SUBSCRIPTION_NOT_FOUND: "Unknown business",
  CONCURRENT_CALLS_DISABLED: "Calls switched off",
  DO_NOT_CALL_BLOCKED: "Number on the do-not-call list",
  capacity_inbound: "Inbound without a slot",
};

/** Why a call was refused. */
export function reason(code) {
  if (REASONS[code]) return REASONS[code];
  const words = plain(code);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
