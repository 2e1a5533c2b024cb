// Pages work without this; with it the preview follows the typing, and imports show how far they are.
"use strict";
document.documentElement.classList.add("js");

// On a narrow screen the pages are a row that is wider than it: show the one that is open.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const draft = document.getElementById("draft");
const preview = document.getElementById("preview");
if (draft && preview) {
  let timer = 0;
  let asked = null;
  const look = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    try {
      const answer = await fetch("/compose/preview", {
        method: "POST", body: new URLSearchParams(new FormData(draft)), signal: asked.signal,
      });
      if (answer.ok) preview.innerHTML = await answer.text();  // our own template's, which escapes what was typed
      else if (answer.status === 403) location.reload();  // the log-in has ended
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  draft.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 180); });
}

const progress = document.getElementById("import");
if (progress && progress.dataset.running) {
  const follow = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("import");
    if (!answer.ok || !next) return;
    progress.replaceChildren(...next.childNodes);
    if (next.dataset.running) setTimeout(follow, 700);
  };
  setTimeout(follow, 700);
}
