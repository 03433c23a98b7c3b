// Runs before the first paint: appearance, width of the navigation, and the mark that scripts work. Not a module on purpose.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const choice = read("oms.theme");
    const dark = choice === "dark" || (choice !== "light" && scheme.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
  };
  paint();
  scheme.addEventListener("change", paint);
  addEventListener("storage", (event) => {
    if (event.key === "oms.theme") paint();
  });
  document.addEventListener("oms:theme", paint);
  if (read("oms.nav") === "mini") root.dataset.nav = "mini";
})();
