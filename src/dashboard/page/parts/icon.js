// The few drawings of the page, on a grid of 16. Always beside words, so they are hidden from screen readers.

import { svg } from "../element.js";

const PATHS = {
  dot: "M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6",
  ring: "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9",
  half: "M8 3.5a4.5 4.5 0 1 0 0 9z M8 3.5a4.5 4.5 0 0 1 0 9",
  question: "M5.8 6.2a2.2 2.2 0 1 1 3.3 1.9c-.7.4-1.1.8-1.1 1.6M8 12.2v.1",
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  ban: "M8 2.8a5.2 5.2 0 1 0 0 10.4a5.2 5.2 0 1 0 0-10.4M4.4 4.4l7.2 7.2",
  warn: "M8 2.6l6 10.6H2zM8 6.6v3M8 11.3v.1",
  out: "M5 11l6-6M6.5 5H11v4.5",
  in: "M11 5l-6 6M9.5 11H5V6.5",
  pause: "M6 4v8M10 4v8",
  play: "M5.5 3.8v8.4l6.5-4.2z",
  sweep: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M12.8 9.7A5.3 5.3 0 0 1 6.3 3.2a5.3 5.3 0 1 0 6.5 6.5z",
  auto: "M2.5 4h11v7h-11zM6 13.5h4M8 11v2.5",
  key: "M10.3 2.7a3 3 0 1 0 0 6a3 3 0 1 0 0-6M8.1 7.9L3 13v-2.2M5 11l1.5 1.5",
  back: "M9.5 3.5L5 8l4.5 4.5",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  phone: "M4 2.5h2l1 3-1.5 1a7 7 0 0 0 4 4l1-1.5 3 1v2c0 1-.8 1.5-1.5 1.5A10.5 10.5 0 0 1 2.5 4c0-.7.5-1.5 1.5-1.5z",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4M10.2 10.2l3.3 3.3",
  slots: "M2.5 5h3v6h-3zM6.5 5h3v6h-3zM10.5 5h3v6h-3z",
};

/** One of the drawings. */
export function icon(name) {
  const drawing = name === "hangup" ? svg("path", { d: PATHS.phone, transform: "rotate(135 8 8)" }) : svg("path", { d: PATHS[name] });
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false", data: { icon: name } }, drawing);
}
