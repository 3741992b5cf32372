// Elements. Whatever comes from outside becomes text or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `on` holds listeners, `data` the dataset; true is an empty attribute, false and null are none.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The same in the namespace of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child != null && child !== false).map((child) => child instanceof Node ? child : String(child)));
  return element;
}

/** Sets a text only where it changed, so that a selection survives. */
export function say(element, text) {
  const wanted = text == null ? "" : String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** A share from 0 to 1 as the custom property that the styles draw with. */
export function share(element, name, value) {
  element.style.setProperty(name, String(Math.min(1, Math.max(0, value || 0))));
}

/** Shows or hides an element. */
export function show(element, visible) {
  element.hidden = !visible;
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child stays the same element while its key does,
 * so that focus and selection survive.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => {element: HTMLElement, update: (item: T) => void}} make
 */
export function reconcile(parent, items, keyOf, make) {
  const known = (parent.rooms ??= new Map());
  const wanted = new Set(items.map(keyOf));
  for (const [key, room] of known) {
    if (!wanted.has(key)) {
      room.element.remove();
      known.delete(key);
    }
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let room = known.get(key);
    if (!room) known.set(key, (room = make(item)));
    room.update(item);
    if (room.element === place) place = place.nextElementSibling;
    else parent.insertBefore(room.element, place);
  }
}
