/**
 * Keeps the children of a node in step with a list, one part for each key. Parts are changed in
 * place and moved only when the order really differs, so focus and typed text survive.
 *
 * A part is `{node, update(item)}`.
 */
export function keyed(parent, { create, onFocusLost }) {
  const parts = new Map();

  return function update(items, keyOf) {
    const wanted = new Set(items.map(keyOf));
    for (const [key, part] of parts) {
      if (!wanted.has(key)) discard(key, part);
    }
    let cursor = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      if (!parts.has(key)) parts.set(key, create(item));
      const part = parts.get(key);
      part.update(item);
      if (part.node === cursor) cursor = cursor.nextElementSibling;
      else parent.insertBefore(part.node, cursor);
    }
  };

  function discard(key, part) {
    const neighbour = part.node.nextElementSibling ?? part.node.previousElementSibling;
    const loses = part.node.contains(document.activeElement);
    part.node.remove();
    parts.delete(key);
    if (loses) onFocusLost?.(neighbour);
  }
}
