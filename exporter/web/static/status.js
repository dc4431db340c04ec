// Keeps the status page up to date, and filters and sorts it without a reload. Everything is asked of the
// server, whose page works without this file; here its newer tables only take the place of the older ones.
"use strict";

(() => {
  const TYPING_PAUSE_MS = 250;
  const TIMEOUT_MS = 20_000;
  const FIELDS = ["q", "target", "show"];
  const refreshMs = Number(document.body.dataset.refreshSeconds) * 1000;
  const byId = (id) => document.getElementById(id);
  const form = byId("filter");
  const pause = byId("pause");
  let paused = false;
  let timer = 0;
  let typing = 0;
  let request = null;
  let shown = location.search;
  let summary = textOf(byId("summary"));
  let unreachable = false;

  function textOf(element) {
    return element.textContent.replace(/\s+/g, " ").trim();
  }

  function announce(text) {
    byId("announce").textContent = text;
  }

  // Fetches the page with this query, and shows it; `asked`: by the reader, not by the clock.
  // By XMLHttpRequest, which parses it: the page's policy forbids that of text.
  function load(search, asked, done) {
    clearTimeout(timer);
    if (request) request.abort();
    const mine = new XMLHttpRequest();
    request = mine;
    mine.open("GET", `./${search}`);
    mine.responseType = "document";
    mine.timeout = TIMEOUT_MS;
    mine.onload = () => {
      const page = mine.status === 200 ? mine.response : null;
      if (page && page.getElementById("live")) {
        shown = search;
        unreachable = false;
        document.body.classList.remove("stale");
        swap(page);
        report(asked);
        if (done) done();
      } else {
        failed(`The exporter answered with status ${mine.status}.`);
      }
    };
    mine.onerror = mine.ontimeout = () => failed("The exporter cannot be reached.");
    mine.onloadend = () => {
      if (request !== mine) return;
      request = null;
      schedule();
    };
    mine.send();
  }

  function failed(reason) {
    if (unreachable) return;
    unreachable = true;
    document.body.classList.add("stale");
    byId("updated").prepend(`${reason} `);
    announce(`${reason} What is shown may be out of date.`);
  }

  function swap(page) {
    const live = byId("live");
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...live.querySelectorAll("details[open]")].map((details) => details.id);
    for (const id of ["overview", "live"]) byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
    for (const id of open) {
      const details = byId(id);
      if (details) details.open = true;
    }
    if (focused && byId(focused)) byId(focused).focus({ preventScroll: true });
    for (const id of ["updated", "uptime"]) byId(id).replaceChildren(...page.getElementById(id).childNodes);
    byId("json").href = page.getElementById("json").getAttribute("href");
    const targets = byId("target");
    if (targets !== document.activeElement) {
      const chosen = targets.value;
      targets.replaceChildren(...page.getElementById("target").childNodes);
      // Taking its options away one by one has selected each of them in turn.
      targets.value = chosen;
      if (targets.selectedIndex < 0) targets.value = "";
    }
    document.title = page.title;
  }

  function report(asked) {
    const before = summary;
    summary = textOf(byId("summary"));
    if (asked) {
      const found = ["views", "runs", "targets"].map((id) => textOf(byId(id).parentElement));
      announce(found.join("; "));
    } else if (summary !== before) {
      announce(summary);
    }
  }

  function schedule() {
    clearTimeout(timer);
    if (!paused) timer = setTimeout(refresh, refreshMs);
  }

  function refresh() {
    const selection = getSelection();
    const copying = !selection.isCollapsed && byId("live").contains(selection.anchorNode);
    if (document.hidden || copying) schedule();
    else load(location.search, false);
  }

  function show(search) {
    clearTimeout(typing);
    load(search, true);
  }

  // The filter's fields as a query; the sorting stays, the page numbers begin anew.
  function filtered() {
    const query = new URLSearchParams(location.search);
    for (const table of ["views", "runs", "targets"]) query.delete(`${table}_page`);
    for (const name of FIELDS) {
      const value = form.elements[name].value;
      if (value) query.set(name, value);
      else query.delete(name);
    }
    return `?${query}`;
  }

  function applyFilter() {
    const search = filtered();
    history.replaceState(null, "", `./${search}`);
    show(search);
  }

  function fillForm() {
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) form.elements[name].value = query.get(name) || "";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    applyFilter();
  });
  form.addEventListener("change", (event) => {
    if (event.target.id !== "q") applyFilter();
  });
  byId("q").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(applyFilter, TYPING_PAUSE_MS);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-live]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const url = new URL(link.href);
    const section = link.closest("section");
    const elsewhere = section && url.hash && section.getAttribute("aria-labelledby") !== url.hash.slice(1);
    history.pushState(null, "", `./${url.search}`);
    fillForm();
    clearTimeout(typing);
    load(url.search, true, () => {
      if (elsewhere) byId(url.hash.slice(1)).scrollIntoView();
    });
  });

  addEventListener("popstate", () => {
    if (location.search === shown) return; // a jump within the page
    fillForm();
    show(location.search);
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !paused) refresh();
  });

  form.querySelector("button").hidden = true; // every change is applied at once
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) clearTimeout(timer);
    else refresh();
  });

  schedule();
})();
