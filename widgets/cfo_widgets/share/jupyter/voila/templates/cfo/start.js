// Runs before the first paint: the browser's colour scheme applies, and the token is removed from the address.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const applyScheme = () => { document.body.dataset.jpThemeLight = String(!dark.matches); };
  applyScheme();
  dark.addEventListener("change", applyScheme);
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  // Called when the cells are there, and by Voila's program when the theme is there. The later call shows the cells.
  window.voila_finish = () => {
    if (!window.themeLoaded) {
      window.cellLoaded = true;
      return;
    }
    document.getElementById("loading")?.remove();
    const cells = document.getElementById("rendered_cells");
    if (cells) cells.style.display = "";
  };
})();
