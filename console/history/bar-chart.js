/** Stacked bars, drawn by uPlot on a canvas. The table beside it has the same data for those who do not see it. */
import { formatDay } from '../calendar.js';
import { el } from '../dom.js';
import { formatHours } from '../format.js';
import uPlot from '../lib/uplot/uPlot.esm.js';

const HEIGHT_PX = 260;

/** Width of a bar: its share of the room for a period, and the most pixels. */
const BAR_SIZE = [0.62, 48];

/** Room for a label of the axis, in pixels. */
const LABEL_PX = { day: 64, week: 76 };

/** Sensible distances between the lines, in hours. */
const HOUR_STEPS = [0.25, 0.5, 1, 2, 4, 8, 12, 24, 48, 96, 168];

/** Shows the period under the pointer by `onPoint(index)`, or null. */
export function createBarChart({ onPoint }) {
  const node = el('div', { class: 'chart', 'aria-hidden': 'true' });
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  let chart = null;
  let shown = null;

  function draw() {
    chart?.destroy();
    chart = null;
    if (!shown || node.clientWidth === 0) return;
    const fills = shown.series.map(({ color }, index) => color ?? fillOf(node, index));
    const options = optionsOf({ ...shown, width: node.clientWidth, style: getComputedStyle(node), fills, onPoint });
    chart = new uPlot(options, stackedData(shown), node);
  }

  new ResizeObserver(resize).observe(node);
  // A canvas does not follow the colours of the page.
  scheme.addEventListener('change', draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ['data-theme'] });

  function resize() {
    if (!chart) draw();
    else if (chart.width !== node.clientWidth) chart.setSize({ width: node.clientWidth, height: HEIGHT_PX });
  }

  return {
    node,
    /** `totals` are those of `totalsOf`. */
    update(totals, unit) {
      shown = { ...totals, unit };
      draw();
    },
  };
}

/** Bars of sums are drawn from the highest to the lowest, so that each covers all but its own part of the one before. */
function stackedData({ periods, series }) {
  const sums = periods.map(() => 0);
  const stacked = series.map(({ seconds }) => seconds.map((value, index) => (sums[index] += value / 3600)));
  return [periods.map((_, index) => index), ...stacked.toReversed().map((hours) => hours.map((value) => value || null))];
}

function optionsOf({ periods, unit, width, style, fills, onPoint }) {
  const font = `12px ${style.fontFamily}`;
  const axis = { font, stroke: style.color, ticks: { show: false } };
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.5, periods.length - 0.5] }, y: { range: (_, __, max) => [0, Math.max(max, 0.25) * 1.05] } },
    axes: [
      { ...axis, grid: { show: false }, size: 36, space: LABEL_PX[unit], incrs: wholeSteps(periods.length), values: (_, splits) => splits.map((index) => labelOf(periods[index])) },
      { ...axis, size: 56, incrs: HOUR_STEPS, grid: { stroke: style.borderTopColor, width: 1 }, values: (_, splits) => splits.map((hours) => formatHours(hours * 3600)) },
    ],
    series: [{}, ...fills.map((fill) => barOf(fill, style.backgroundColor)).toReversed()],
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}

/** Returns the colour of a series without one of its own, which the style sheet defines. */
function fillOf(node, index) {
  const probe = el('span', { class: `swatch-${index + 1}` });
  node.append(probe);
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor;
}

function barOf(fill, gap) {
  return { fill, stroke: gap, width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: BAR_SIZE }) };
}

function wholeSteps(count) {
  return Array.from({ length: Math.max(1, count) }, (_, index) => index + 1);
}

function labelOf(day) {
  return day === undefined ? '' : formatDay(day, { day: 'numeric', month: 'short' });
}
