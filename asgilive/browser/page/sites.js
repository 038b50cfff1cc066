// The card of a site that runs in this page: shown here in a frame, or opened in a new tab.
// A recorded card stays as it is; only what a cell gave in this visit comes alive.

import { make } from "./output.js";

/** @typedef {{card: HTMLElement, link: string, ways: HTMLElement, view: HTMLElement | null}} Site */

const TALLEST = 560; // px to which a frame grows by itself

/** @type {Set<Site>} */
const sites = new Set();

/**
 * Give new cards their ways in.
 * @param {Promise<string>} previews  "" where a site can be shown, else a sentence why not
 */
export function enliven(previews) {
  for (const card of document.querySelectorAll(".al-given .al-site[data-al-link]:not([data-al-live])")) {
    card.dataset.alLive = "";
    const ways = make("p", "al-site-ways");
    const site = { card, link: card.dataset.alLink.replace(/\/*$/, "/"), ways, view: null };
    sites.add(site);
    state(card, "al-running", "running");
    card.querySelector(".al-site-about").append(ways);
    previews.then((why) => { if (sites.has(site)) offer(site, why); });
  }
}

/** Say of the cards whose site is gone that it is. @param {Set<string> | null} running  links; null: none runs any more */
export function settle(running) {
  for (const site of sites) {
    if (!site.card.isConnected) sites.delete(site);
    else if (!running?.has(site.link)) end(site, running ? "stopped" : "stopped with Python");
  }
}

/** @param {Site} site @param {string} word */
function end(site, word) {
  sites.delete(site);
  state(site.card, "", word);
  site.view?.remove();
  site.ways.replaceChildren("Run its cell again to start it.");
}

/** @param {HTMLElement} card @param {string} kind @param {string} word */
function state(card, kind, word) {
  const sign = card.querySelector(".al-state");
  sign.className = `al-state ${kind}`;
  sign.textContent = word;
}

/** @param {Site} site @param {string} why */
function offer(site, why) {
  if (why) return site.ways.append(why);
  const name = site.card.querySelector(".al-site-name b")?.textContent ?? "site";
  const show = make("button", "al-btn", "Show here");
  show.type = "button";
  show.addEventListener("click", () => (site.view ? close(site, show) : open(site, name, show)));
  const start = new URL((site.card.dataset.alPreview ?? "").replace(/^\/+/, ""), site.link).href;
  const tab = Object.assign(make("a", "al-btn", "Open in a new tab"), { href: start, target: "_blank" });
  site.ways.append(show, tab);
  show.setAttribute("aria-expanded", "false");
  site.start = start;
}

/** A frame below the card, with the path it shows, and a way to another one. */
function open(site, name, show) {
  const root = new URL(site.link);
  const frame = Object.assign(make("iframe"), { title: `The site ${name}`, src: site.start });
  const field = Object.assign(make("input"), { value: path(site.start, root), spellcheck: false, autocapitalize: "off" });
  field.setAttribute("aria-label", `Path of the site ${name}`);
  const go = () => { frame.src = new URL(field.value.replace(/^\/+/, ""), root).href; };
  const button = (text, act) => {
    const made = Object.assign(make("button", "al-tool", text), { type: "button" });
    made.addEventListener("click", act);
    return made;
  };
  const bar = make("form", "al-site-bar", field, button("Reload", go), button("Close", () => { close(site, show); show.focus(); }));
  bar.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  const grow = () => {
    const tall = frame.contentDocument?.documentElement.scrollHeight ?? 0;
    if (tall > frame.clientHeight) frame.style.height = `${Math.min(tall, TALLEST)}px`;
  };
  frame.addEventListener("load", () => {
    const page = frame.contentDocument; // none where a link has led elsewhere
    if (!page) return;
    if (page.URL.startsWith(root.href)) field.value = path(page.URL, root);
    if (page.body) new ResizeObserver(grow).observe(page.body); // what a script adds later counts too
  });
  site.view = make("div", "al-site-view", bar, frame);
  site.card.append(site.view);
  show.setAttribute("aria-expanded", "true");
}

function close(site, show) {
  site.view.remove();
  site.view = null;
  show.setAttribute("aria-expanded", "false");
}

/** `/docs?x=1` of an address inside a site. @param {string} address @param {URL} root */
const path = (address, root) => "/" + address.slice(root.href.length);
