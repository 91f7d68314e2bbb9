/** Builds and changes DOM nodes. Data only ever becomes text or an attribute value, never markup. */

const SVG = 'http://www.w3.org/2000/svg';

export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Touches the document only when the text differs, so that a tick costs one small change. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value == null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Shows or hides a node. If hiding it would drop the keyboard focus, the focus goes to `refuge`. */
export function setShown(node, shown, refuge) {
  if (node.hidden === !shown) return;
  const loses = !shown && node.contains(document.activeElement);
  node.hidden = !shown;
  if (loses) refuge?.focus();
}
