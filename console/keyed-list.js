/**
 * Keeps the children of a node in sync with a list, one component per key. Components are updated in
 * place and moved only if the order differs, so focus and typed text survive.
 *
 * A component is `{node, update(item)}`.
 */
export function createKeyedList(parent, { create, onFocusLost }) {
  const components = new Map();

  return function update(items, keyOf) {
    const keys = new Set(items.map(keyOf));
    for (const [key, component] of components) {
      if (!keys.has(key)) remove(key, component);
    }
    let cursor = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      if (!components.has(key)) components.set(key, create(item));
      const component = components.get(key);
      component.update(item);
      if (component.node === cursor) cursor = cursor.nextElementSibling;
      else parent.insertBefore(component.node, cursor);
    }
  };

  function remove(key, component) {
    const neighbour = component.node.nextElementSibling ?? component.node.previousElementSibling;
    const losesFocus = component.node.contains(document.activeElement);
    component.node.remove();
    components.delete(key);
    if (losesFocus) onFocusLost?.(neighbour);
  }
}
