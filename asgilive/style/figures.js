// Makes the recorded card of a running site live, where its server answers.
// A card holds an address and no link; this asks that address once and, if something is there,
// adds the link, a button and a sandboxed preview. If nothing answers, the card stays as it was
// recorded. A page from elsewhere never asks the reader's own machine.
{
  const near = (host) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);

  /** @param {string} name @param {Record<string, string>} more @returns {HTMLElement} */
  const make = (name, more) => Object.assign(document.createElement(name), more);

  /** @param {URL} url @returns {Promise<boolean>} */
  const answers = async (url) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), 1500);
    try {
      // the accept header tells a recording that it was the card who asked
      await fetch(url, {
        mode: "no-cors", cache: "no-store", signal: stop.signal,
        headers: { accept: "text/x-asgilive-card" },
      });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      stop.abort();           // an endless answer would hold the server
    }
  };

  /** @param {HTMLElement} card @param {URL} url */
  const enliven = (card, url) => {
    const state = card.querySelector(".al-state");
    const about = card.querySelector(".al-site-about");
    if (!state || !about) return;
    state.className = "al-state al-running";
    state.textContent = "running";
    const there = { href: url.href, target: "_blank", rel: "noopener" };
    for (const fact of card.querySelectorAll("dd")) {
      if (fact.textContent !== card.dataset.alLink.replace(/\/+$/, "")) continue;
      fact.replaceChildren(make("a", { ...there, textContent: fact.textContent }));
    }
    about.append(make("a", { ...there, className: "al-btn", textContent: "Open" }));
    if (card.dataset.alPreview === undefined) return;
    const frame = make("iframe", {
      title: "Live preview of the site", loading: "lazy", referrerPolicy: "no-referrer",
    });
    // Of another origin, it may be what it is: without one, its EventSource and fetch would be
    // refused. Behind a hub it has the notebook's own origin, and must not have that.
    const own = url.origin === location.origin ? "" : " allow-same-origin";
    frame.setAttribute("sandbox", `allow-scripts allow-forms${own}`);
    frame.setAttribute("src", new URL(card.dataset.alPreview.replace(/^\/+/, ""), url).href);
    const view = make("div", { className: "al-site-view" });
    view.append(make("p", { textContent: `GET ${card.dataset.alPreview}` }), frame);
    card.append(view);
  };

  for (const card of document.querySelectorAll(".al-site[data-al-link]:not([data-al-asked])")) {
    card.dataset.alAsked = "";
    const url = new URL(card.dataset.alLink.replace(/\/*$/, "/"), document.baseURI);
    if (near(url.hostname) && !near(location.hostname)) continue;
    answers(url).then((yes) => { if (yes) enliven(card, url); });
  }
}
