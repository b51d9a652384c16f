// Builds the parts of a card. Texts are set as text, never as markup.
"use strict";

/** Returns an element with a class, and children or text. */
function element(name, kind, ...children) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  node.append(...children);
  return node;
}

const parts = (() => {
  function pairs({ pairs: held }) {
    const list = element("dl", "pairs");
    for (const [key, value] of held) list.append(element("dt", "", key), element("dd", "", value));
    return [list];
  }

  function grid({ head, rows }) {
    const table = element("table", "");
    const cells = (row, name) => row.map((text, at) => {
      const cell = element(at ? name : "th", at ? "" : "t", String(text));
      if (cell.tagName === "TH") cell.scope = name === "th" ? "col" : "row";
      return cell;
    });
    table.append(element("thead", "", element("tr", "", ...cells(head, "th"))));
    const lines = rows.map((row) => element("tr", "", ...cells(row, "td")));
    table.append(element("tbody", "", ...lines));
    return [element("div", "scroll", table)];
  }

  function command({ text, note }) {
    const copy = element("button", "press", "Copy");
    copy.type = "button";
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(copy.previousSibling);
        copy.textContent = "Selected";
      }
    });
    const box = element("div", "command", element("pre", "", text), copy);
    return note ? [box, element("p", "note", note)] : [box];
  }

  function log({ text }) {
    const box = element("pre", "", text);
    box.tabIndex = 0;
    return [box];
  }

  function curves({ stages, charts: held }) {
    const figures = held.map(([title, values]) =>
      element("figure", "", element("figcaption", "", title), charts.line(title, values, stages)));
    return [element("div", "charts", ...figures)];
  }

  function choice(label, options) {
    const select = element("select", "");
    for (const [name, value] of options) select.add(new Option(name, value));
    return [select, element("label", "", `${label} `, select)];
  }

  /** Returns one line: name, bar, number. `part` gives a length, `base` the majority class. */
  function bar(name, value, base, decimals, part) {
    const fill = element("div", "fill");
    fill.style.width = part(value ?? 0);
    const track = element("div", "track", fill);
    if (base != null) {
      const mark = element("div", "mark");
      mark.style.left = part(base);
      mark.title = `majority class ${base.toFixed(decimals)}`;
      track.append(mark);
    }
    const heading = element("th", "", name.replaceAll("_", " "));
    heading.scope = "row";
    const number = element("td", "", value === null ? "–" : value.toFixed(decimals));
    return element("tr", "", heading, element("td", "", track), number);
  }

  const MARKED = "The line in a bar is the accuracy of the train split's majority class.";

  function bars(places, pool) {
    const names = pool[places.names];
    const series = places.series.map((place) => pool[place]);
    const [metric, metrics] = choice("Metric", series.map((one, at) => [one.label, at]));
    const [order, orders] = choice("Order", [
      ["as in the data", "data"], ["smallest first", "up"], ["largest first", "down"],
    ]);
    const body = element("tbody", "");
    const note = element("p", "note");
    function show() {
      const { values, marks, percent, decimals } = series[metric.value];
      const scale = percent ? 100 : Math.max(...values.map((value) => value ?? 0)) || 1;
      const part = (value) => `${Math.max(0, Math.min(100, 100 * value / scale))}%`;
      const sign = { data: 0, up: 1, down: -1 }[order.value];
      const at = [...names.keys()];
      if (sign) at.sort((a, b) => sign * ((values[a] ?? Infinity) - (values[b] ?? Infinity)));
      body.replaceChildren(
        ...at.map((one) => bar(names[one], values[one], marks?.[one], decimals, part)));
      note.textContent = marks ? MARKED : "";
    }
    for (const select of [metric, order]) select.addEventListener("change", show);
    show();
    return [element("div", "choices", metrics, orders), element("table", "bars", body), note];
  }

  function faces({ note, faces: held }, pool) {
    const figures = held.map(([picture, image, said]) => {
      const caption = element("figcaption", "", element("span", "id", image));
      for (const line of said) caption.append(element("br", ""), line);
      if (!pool[picture]) return element("figure", "", caption);
      const img = element("img", "");
      img.src = pool[picture];
      img.alt = `Face ${image}`;
      return element("figure", "", img, caption);
    });
    return [element("p", "note", note), element("div", "faces", ...figures)];
  }

  return { pairs, grid, command, log, curves, bars, faces };
})();
