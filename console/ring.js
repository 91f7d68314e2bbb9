/** Rings that show shares of a whole, one inside the other. They only illustrate: texts beside them say the same. */
import { setAttribute, svg } from './dom.js';

const CENTER = 50;

/** `rings` are `{name, radius}`; the class `ring-<name>` gives a ring its colour. */
export function createRing(rings) {
  const node = svg('svg', { class: 'ring', viewBox: '0 0 100 100', 'aria-hidden': 'true' });
  const arcs = new Map();
  for (const { name, radius } of rings) {
    const circle = { cx: CENTER, cy: CENTER, r: radius };
    const length = 2 * Math.PI * radius;
    const progress = svg('circle', { class: `ring-progress ring-${name}`, ...circle, 'stroke-dasharray': length });
    node.append(svg('circle', { class: `ring-track ring-${name}-track`, ...circle }), progress);
    arcs.set(name, { progress, length });
  }

  return {
    node,
    /** Shows a share from 0 to 1 on a ring. An empty ring has no cap, which would look like a small share. */
    update(name, share) {
      const { progress, length } = arcs.get(name);
      const filled = Math.min(1, Math.max(0, share));
      setAttribute(progress, 'stroke-dashoffset', (length * (1 - filled)).toFixed(2));
      setAttribute(progress, 'data-empty', filled === 0);
    },
  };
}
