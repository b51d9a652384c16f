// Draws small line charts as SVG: one value an epoch, with the stages of training.
"use strict";

const charts = (() => {
  const [WIDTH, HEIGHT] = [270, 138];
  const [LEFT, RIGHT, TOP, BOTTOM] = [44, WIDTH - 8, 24, HEIGHT - 18];

  function make(name, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  const short = (value) => String(Number(value.toPrecision(3)));

  /** Returns where each stage begins and ends; of names that would overlap the shorter's goes. */
  function spansOf(stages, x) {
    const spans = [];
    stages.forEach((stage, at) => {
      if (stage === stages[at - 1]) return;
      const from = at ? (x(at - 1) + x(at)) / 2 : LEFT;
      if (spans.length) spans.at(-1).to = from;
      spans.push({ stage, from, to: RIGHT });
    });
    if (spans.length < 2) return [];
    const placed = [];
    for (const span of [...spans].sort((a, b) => (b.to - b.from) - (a.to - a.from))) {
      const [middle, half] = [(span.from + span.to) / 2, 3 * span.stage.length];
      span.named = placed.every(([left, right]) => middle - half > right || middle + half < left);
      if (span.named) placed.push([middle - half, middle + half]);
    }
    return spans;
  }

  /** Returns the path of a line; between two stages there is none, for their losses differ. */
  function pathOf(values, stages, x, y) {
    let path = "";
    values.forEach((value, at) => {
      if (value === null) return;
      const joined = at && values[at - 1] !== null && stages[at] === stages[at - 1];
      path += `${joined ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    return path;
  }

  /** Returns a chart of `values` (null where there is none); `stages` names the stage of each. */
  function line(title, values, stages) {
    const known = values.filter((value) => value !== null);
    const [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
    const last = values.length - 1;
    const x = (at) => LEFT + (last ? at / last : 0.5) * (RIGHT - LEFT);
    const y = (value) => TOP + (high > low ? (high - value) / (high - low) : 0.5) * (BOTTOM - TOP);

    const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    const ends = known.length ? `${short(known[0])} to ${short(known.at(-1))}` : "no values";
    svg.append(make("title", {}, `${title}: ${ends} over ${values.length} epochs`));
    svg.append(make("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }));
    for (const value of known.length ? new Set([low, high]) : []) {
      const at = { x: LEFT - 6, y: y(value) + 3.5, "text-anchor": "end" };
      svg.append(make("text", at, short(value)));
    }
    for (const at of new Set([0, last])) {
      const anchor = at ? "end" : "start";
      svg.append(make("text", { x: x(at), y: HEIGHT - 5, "text-anchor": anchor }, at + 1));
    }
    for (const { stage, from, to, named } of spansOf(stages, x)) {
      if (from > LEFT) {
        svg.append(make("line", { class: "stage", x1: from, x2: from, y1: 4, y2: BOTTOM }));
      }
      const middle = { x: (from + to) / 2, y: 12, "text-anchor": "middle" };
      if (named) svg.append(make("text", middle, stage));
    }
    svg.append(make("path", { class: "line", d: pathOf(values, stages, x, y) }));
    if (values.length > 40) return svg;
    values.forEach((value, at) => {
      if (value === null) return;
      const dot = make("circle", { class: "dot", cx: x(at), cy: y(value), r: 2.4 });
      dot.append(make("title", {}, `${stages[at]} epoch ${at + 1}: ${value}`));
      svg.append(dot);
    });
    return svg;
  }

  return { line };
})();
