// Shows the cells that have every word of a search; opens folds that a link or the printer needs.
"use strict";

(() => {
  for (const input of document.querySelectorAll(".filter")) {
    const rows = [...input.closest("details").querySelectorAll("tbody tr")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      rows.forEach((row, at) => { row.hidden = !words.every((word) => texts[at].includes(word)); });
    });
  }

  function unfold() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    let fold = target?.closest("details");
    while (fold) {
      fold.open = true;
      fold = fold.parentElement.closest("details");
    }
  }
  addEventListener("hashchange", unfold);
  unfold();
})();
