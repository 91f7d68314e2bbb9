/** The band of a session: its counted seconds in order, active, idle, or from before this page displayed them. */
import { svg } from '../dom.js';
import { formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';

const WIDTH = 1000;
const HEIGHT = 28;

/** Idle seconds are lower too, so that the colours alone do not tell. */
const HEIGHTS = { active: HEIGHT, unseen: HEIGHT, idle: HEIGHT / 2 };

export function createBand() {
  const node = svg('svg', { class: 'band', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  let shown = null;

  return {
    node,
    /** The band is as long as the target, or as the session if that is longer. */
    update({ runs, activeSeconds, idleSeconds, targetSeconds }) {
      if (shown === runs) return;
      shown = runs;
      node.setAttribute('aria-label', t('focus.band', { active: formatMinutes(activeSeconds), idle: formatMinutes(idleSeconds) }));
      const total = Math.max(targetSeconds, runs.reduce((sum, { seconds }) => sum + seconds, 0));
      node.replaceChildren(svg('rect', { class: 'band-track', x: 0, y: 0, width: WIDTH, height: HEIGHT }), ...segments(runs, WIDTH / total));
    },
  };
}

function segments(runs, pixelsPerSecond) {
  let x = 0;
  return runs.map(({ kind, seconds }) => {
    const width = seconds * pixelsPerSecond;
    const node = svg('rect', { class: `band-${kind}`, x: x.toFixed(2), y: HEIGHT - HEIGHTS[kind], width: width.toFixed(2), height: HEIGHTS[kind] });
    x += width;
    return node;
  });
}
