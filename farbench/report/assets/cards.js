// Opens the card of a cell, or a list of several, when the address names them (#cell-, #cells-).
"use strict";

(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const [cards, pool] = [read("cards"), read("pool")];
  const byId = new Map(cards.map((card) => [card.id, card]));
  const sheet = document.getElementById("sheet");
  let before = null;

  const where = (card) => `${card.dataset}, seed ${card.seed}`;

  function top(title) {
    const heading = element("h2", "", title);
    heading.id = "sheet-title";
    heading.tabIndex = -1;
    heading.autofocus = true; // what is read aloud first
    const close = element("button", "press", "Close");
    close.type = "button";
    close.addEventListener("click", () => sheet.close());
    return element("div", "top", heading, close);
  }

  function cardOf(card) {
    const minutes = card.minutes === null ? "" : `, ${card.minutes.toFixed(1)} minutes`;
    const facts = element("p", "facts", where(card) + minutes);
    const folder = element("p", "folder", element("code", "", card.id));
    const why = [card.state, card.reason].filter(Boolean).join(": ");
    const trouble = card.state === "finished" ? [] : [element("p", "bad", why)];
    const folds = card.parts.map(([kind, title, open, place]) => {
      const fold = element("details", "", element("summary", "", element("h3", "", title)));
      fold.open = Boolean(open);
      // What is folded is built when it is opened.
      const fill = () => {
        if (fold.open && fold.children.length === 1) fold.append(...parts[kind](pool[place], pool));
      };
      fold.addEventListener("toggle", fill);
      fill();
      return fold;
    });
    return [top(card.label), folder, facts, ...trouble, ...folds];
  }

  function listOf(several) {
    const scored = several.find((card) => card.scores.length);
    const names = scored ? scored.scores.map(([name]) => name) : [];
    const head = ["Cell", ...names, "Minutes"].map((text) => element("th", "", text));
    const rows = several.map((card) => {
      const link = element("a", "", where(card));
      link.href = `#cell-${card.id}`;
      const own = new Map(card.scores);
      const values = names.map((name) => element("td", "", own.get(name) ?? ""));
      if (card.state !== "finished" && values.length) values[0].textContent = card.state;
      const minutes = card.minutes === null ? "" : card.minutes.toFixed(1);
      return element("tr", "", element("th", "", link), ...values, element("td", "", minutes));
    });
    const table = element("table", "");
    table.append(element("thead", "", element("tr", "", ...head)), element("tbody", "", ...rows));
    const labels = [...new Set(several.map((card) => card.label))];
    const facts = element("p", "facts", `${several.length} cells: a number over all of them`);
    return [top(labels.join(", ")), facts, element("div", "scroll", table)];
  }

  function named(hash) {
    if (hash.startsWith("#cell-")) {
      const card = byId.get(hash.slice(6));
      return card ? [card] : [];
    }
    if (!hash.startsWith("#cells-")) return [];
    const wanted = hash.slice(7);
    const slash = wanted.indexOf("/") + 1;
    const [benchmark, hashes] = [wanted.slice(0, slash), wanted.slice(slash).split(",")];
    return cards.filter(({ id }) =>
      id.replace(/-s\d+-[0-9a-f]+$/, "") === wanted
      || (id.startsWith(benchmark) && hashes.includes(id.slice(id.lastIndexOf("-") + 1))));
  }

  function show() {
    const found = named(decodeURIComponent(location.hash));
    if (!found.length) {
      if (sheet.open) sheet.close();
      return;
    }
    const single = location.hash.startsWith("#cell-");
    sheet.replaceChildren(...(single ? cardOf(found[0]) : listOf(found)));
    sheet.scrollTop = 0;
    if (!sheet.open) {
      before = document.activeElement;
      sheet.showModal();
    }
  }

  sheet.addEventListener("close", () => {
    if (named(decodeURIComponent(location.hash)).length) {
      history.replaceState(null, "", location.href.split("#")[0]);
    }
    before?.focus({ preventScroll: true });
  });
  // A press beside the sheet closes it.
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  addEventListener("hashchange", show);
  show();
})();
