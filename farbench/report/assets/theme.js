// Dark or light: as the system prefers until the switch is used; the choice is kept by the browser.
"use strict";

(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "";
  try {
    chosen = localStorage.getItem("farbench-theme") || "";
  } catch { /* a browser that keeps nothing for files */ }

  const isDark = () => (chosen ? chosen === "dark" : system.matches);

  function apply() {
    root.style.colorScheme = chosen || "light dark";
    root.toggleAttribute("data-dark", isDark());
    button.textContent = isDark() ? "Light" : "Dark";
  }

  button.addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("farbench-theme", chosen);
    } catch { /* then it holds until the page is left */ }
    apply();
  });
  system.addEventListener("change", apply);
  button.hidden = false;
  apply();
})();
