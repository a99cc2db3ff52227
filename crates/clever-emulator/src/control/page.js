"use strict";
// Without this script the page works by its forms and reloads; with it, only what is other than before changes.
const said = document.getElementById("said");
async function refresh() {
  let text;
  try {
    text = await (await fetch("/?part")).text();
  } catch {
    said.textContent = "The emulator does not answer.";
    said.className = "bad";
    return;
  }
  if (said.className === "bad" && said.textContent.startsWith("The emulator")) said.textContent = "";
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(part.id);
    if (other && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
  }
}
document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, button));
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    said.className = answer.ok ? "" : "bad";
    said.textContent = answer.ok
      ? `Done: ${button.dataset.says || button.textContent}`
      : (await answer.json()).message;
  } catch {
    said.className = "bad";
    said.textContent = "The emulator does not answer.";
  }
  await refresh();
});
const about = document.getElementById("about-fault"), faults = document.getElementById("fault");
const explain = () => { about.textContent = faults.selectedOptions[0].title; };
faults.addEventListener("change", explain);
explain();
setInterval(() => { if (!document.hidden) refresh(); }, 2000);
