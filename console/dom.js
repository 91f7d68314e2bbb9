/** Creates and updates DOM nodes. Data becomes text or an attribute value, never markup. */

const SVG = 'http://www.w3.org/2000/svg';

export function el(tag, attributes = {}, ...children) {
  return populate(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return populate(document.createElementNS(SVG, tag), attributes, children);
}

function populate(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** Writes to the document only if the text differs, which keeps a tick cheap. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value == null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Shows or hides a node. If the hidden node contains the keyboard focus, the focus moves to `focusFallback`. */
export function setVisible(node, visible, focusFallback) {
  if (node.hidden === !visible) return;
  const losesFocus = !visible && node.contains(document.activeElement);
  node.hidden = !visible;
  if (losesFocus) focusFallback?.focus();
}
