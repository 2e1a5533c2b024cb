// Pages work without this; with it the preview follows the typing, a draft is there again after a look at another page
// or another log-in, and imports show how far they are.
"use strict";
document.documentElement.classList.add("js");

// On a narrow screen the pages are a row that is wider than it: show the one that is open.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// A form is sent once, however often its button is clicked; after a look back, or a while without an answer, again.
const underway = new Set();
document.addEventListener("submit", (event) => {
  if (underway.has(event.target)) event.preventDefault();
  underway.add(event.target);
  setTimeout(() => underway.delete(event.target), 5_000);
});
addEventListener("pageshow", () => underway.clear());

// A draft is kept for its account, in this tab alone, until it is sent, its account logs out or another one logs in.
const account = document.querySelector(".who strong")?.textContent;
const kept = `draft of ${account}`;
if (account && !document.querySelector(".rail a[href='/admin']")) {
  Object.keys(sessionStorage).filter((key) => key !== kept && key.startsWith("draft of ")).forEach((key) => {
    sessionStorage.removeItem(key);
  });
}
const told = new URLSearchParams(location.search);
const sent = ["sent", "refused"].includes(told.get("done")) && told.get("id");
if (sent && sent !== sessionStorage.getItem("sent")) {  // the first time: who comes back may have written another
  sessionStorage.removeItem(kept);
  sessionStorage.setItem("sent", sent);
}
document.querySelectorAll("form[action='/logout']").forEach((form) => {
  form.addEventListener("submit", () => sessionStorage.clear());
});

const draft = document.getElementById("draft");
const preview = document.getElementById("preview");
if (draft && preview) {
  const names = ["sender", "to", "text"];
  const choose = (key) => { document.querySelector(`[name=shown][value=${key}]`).checked = true; };
  const show = (page) => {
    const before = preview.querySelector(".sight.recipient:not(.french)");
    preview.classList.remove("old");
    preview.innerHTML = page;  // our own template's, which escapes what was typed
    const now = preview.querySelector(".sight.recipient:not(.french)");
    if (now && !before) choose("recipient");  // whoever is typed in is who matters
    if (!now && document.querySelector("[name=shown][value=recipient]").checked) choose("french");
    tell();
  };
  // Whoever does not see the preview hears what matters of it, and not all of it at each letter.
  const tell = () => {
    const sight = preview.querySelector(`.sight.${document.querySelector("[name=shown]:checked").value}`);
    const words = sight?.querySelectorAll(".note.bad p, .facts .badge") || [];
    document.getElementById("said").textContent = [...words].map((each) => each.textContent).join(", ");
  };
  document.querySelectorAll("[name=shown]").forEach((tab) => tab.addEventListener("change", tell));
  let timer = 0;
  let asked = null;
  const look = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    try {
      const answer = await fetch("/compose/preview", {
        method: "POST", body: new URLSearchParams(new FormData(draft)), signal: asked.signal,
      });
      // The log-in has ended, or is another one: the draft comes back after the next.
      if (answer.redirected || answer.status === 403) location.reload();
      else if (answer.ok) show(await answer.text());
      else wait();
    } catch (error) {
      if (error.name !== "AbortError") wait();
    }
  };
  const wait = () => {  // what is shown is of an earlier text
    preview.classList.add("old");
    clearTimeout(timer);
    timer = setTimeout(look, 3_000);
  };
  const keep = () => sessionStorage.setItem(kept, JSON.stringify(names.map((name) => draft.elements[name].value)));
  draft.addEventListener("input", () => {
    keep();
    clearTimeout(timer);
    timer = setTimeout(look, 180);
  });
  const before = JSON.parse(sessionStorage.getItem(kept) || "null");
  if (draft.elements.text.value) {
    keep();
  } else if (before) {
    names.forEach((name, place) => { draft.elements[name].value = before[place]; });
    look();
  }
  addEventListener("pageshow", () => {  // the browser may have put back what it found in the field when it left
    if (draft.elements.text.value && !preview.querySelector(".facts")) look();
  });
}

const progress = document.getElementById("import");
if (progress && progress.dataset.running) {
  const look = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) location.reload();  // the log-in has ended
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return answer.ok ? page.getElementById("import") : null;
  };
  const follow = async () => {
    const next = await look().catch(() => null);
    if (next) progress.replaceChildren(...next.childNodes);
    if (!next || next.dataset.running) setTimeout(follow, next ? 700 : 3_000);  // it goes on while nobody answers
  };
  setTimeout(follow, 700);
}
