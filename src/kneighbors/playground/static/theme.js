// SPDX-License-Identifier: Apache-2.0
// Dark or light: as the system has it, until the button is used; the choice is kept on this computer.

const KEY = "kneighbors-theme";

function kept() {
  try {
    return window.localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function attachTheme(root, button, changed) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = kept();

  const apply = () => {
    const theme = chosen ?? (system.matches ? "dark" : "light");
    root.dataset.theme = theme;
    if (root.id === "playground") document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
    changed(theme);
  };
  button.addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      window.localStorage.setItem(KEY, chosen);
    } catch {
      // A page that may keep nothing follows the system next time.
    }
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
