// Sorts tables: a press on a heading sorts the rows of each block, the third press undoes it.
"use strict";

(() => {
  const textOf = (row, column) => (row.cells[column] ? row.cells[column].textContent.trim() : "");

  /** Rows without a number go last in either direction; texts follow the alphabet. */
  function compare(a, b, column, sign) {
    const [left, right] = [textOf(a, column), textOf(b, column)];
    const [x, y] = [parseFloat(left), parseFloat(right)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return sign * (x - y);
    if (Number.isNaN(x) && Number.isNaN(y)) return sign * left.localeCompare(right);
    return Number.isNaN(x) ? 1 : -1;
  }

  function sort(heading) {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    // Numbers begin with the best one, texts with A.
    const first = heading.dataset.first || "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const next = { none: first, [first]: second, [second]: "none" }[heading.ariaSort || "none"];
    for (const other of heading.parentElement.cells) {
      if (other.ariaSort) other.ariaSort = "none";
    }
    heading.ariaSort = next;
    const sign = next === "ascending" ? 1 : -1;
    for (const block of table.tBodies) {
      const rows = [...block.rows].filter((row) => !row.classList.contains("block"));
      rows.forEach((row, index) => { row.dataset.at ??= index; });
      rows.sort((a, b) =>
        (next === "none" ? 0 : compare(a, b, column, sign)) || a.dataset.at - b.dataset.at);
      block.append(...rows);
    }
  }

  for (const heading of document.querySelectorAll("table.sorts thead tr:last-child th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
    heading.ariaSort = "none";
  }
})();
