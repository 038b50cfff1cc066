// The page's small comforts. Nothing here is needed to read: without it the light follows the system.
// A classic script, not a module: a page that was opened as a file may load no other.
{
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  /** The light the page is in now: "light" or "dark". */
  const light = () => root.dataset.theme || (system.matches ? "dark" : "light");

  /** Keep a choice only while it differs from the system's, so that the page follows the system again. */
  function choose(theme) {
    const kept = theme === (system.matches ? "dark" : "light") ? "" : theme;
    if (kept) root.dataset.theme = kept; else delete root.dataset.theme;
    try { if (kept) localStorage.setItem("theme", kept); else localStorage.removeItem("theme"); } catch { /* this visit only */ }
  }

  const button = document.getElementById("light");
  if (button) {
    const name = () => { button.textContent = light() === "dark" ? "Light" : "Dark"; button.title = `Show the book in ${light() === "dark" ? "light" : "dark"}`; };
    button.hidden = false;
    button.addEventListener("click", () => { choose(light() === "dark" ? "light" : "dark"); name(); });
    system.addEventListener("change", name);
    name();
  }

  // The section in view is marked in the outline.
  const links = new Map([...document.querySelectorAll(".al-outline a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("article section[id]")].filter((s) => links.has(s.id));
  if (sections.length) {
    const mark = () => {
      const passed = sections.filter((s) => s.getBoundingClientRect().top < innerHeight / 3);
      const here = links.get(passed.at(-1)?.id);
      for (const a of links.values()) if (a === here) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current");
    };
    let waiting = false;
    addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; mark(); }); } }, { passive: true });
    mark();
  }

  // Only what scrolls is a stop for the keyboard.
  const boxes = document.querySelectorAll("article pre, article .table-wrapper, article .al-scroll");
  const stops = new ResizeObserver((entries) => {
    const scrolls = (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    for (const { target } of entries) if (scrolls(target)) target.tabIndex = 0; else target.removeAttribute("tabindex");
  });
  for (const box of boxes) stops.observe(box);

  // A link in the sheet of contents to a place on this page closes the sheet.
  const sheet = document.getElementById("book");
  sheet?.addEventListener("click", (event) => { if (event.target.closest?.("a[href^='#']") && sheet.matches(":popover-open")) sheet.hidePopover(); });

  // The search field shows what was looked for.
  const field = document.getElementById("q");
  if (field) { field.value = new URLSearchParams(location.search).get("q") || ""; if (!field.value) field.focus(); }
}
