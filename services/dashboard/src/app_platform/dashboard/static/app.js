// What a browser adds to pages that work without it. Nothing here decides anything; the server does.

"use strict";

// [data-live="/path"]: the parts of the page with data-part are asked for anew whenever the server says that something changed.
// A page that nobody sees listens to nothing: browsers allow few connections to one host.
function follow(root) {
  let source = null, asking = false, again = false;
  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.status === 401 || answer.type === "opaqueredirect") { source?.close(); location.reload(); return; }
      if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next event asks again */ }
    asking = false;
    if (again) { again = false; refresh(); }
  }
  function listen() {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource(root.dataset.live);
    // Each stream begins with "changed", also after the connection was lost: so nothing between is missed.
    source.addEventListener("changed", refresh);
    source.addEventListener("error", () => { if (source?.readyState === EventSource.CLOSED) refresh(); });
  }
  document.addEventListener("visibilitychange", listen);
  listen();
}

function replaceParts(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!other || other.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
    part.replaceChildren(...other.childNodes);
  }
  relative();
}

// Relative times grow older while the page is open.
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"]];
function relative() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const found = UNITS.find(([size]) => seconds >= size);
    const count = found ? Math.floor(seconds / found[0]) : Math.floor(seconds);
    time.textContent = seconds < 10 ? "just now" : `${count} ${found ? found[1] : "second"}${count === 1 && found ? "" : "s"} ago`;
  }
}

// [data-copy="id"]: copies the text of an element.
async function copy(button) {
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

// [data-add="id"]: one more row, made from a <template>; [data-remove]: takes its row away.
function add(button) {
  const list = document.getElementById(button.dataset.add);
  list.append(document.getElementById(button.dataset.template).content.cloneNode(true));
  list.lastElementChild.querySelector("input")?.focus();
}

// form[data-careful]: sent in the background, so that what was typed stays when the server finds a fault, or when the session has ended
// meanwhile. Values never come back from the server; without this they would have to be typed again.
async function send(form, event) {
  event.preventDefault();
  const button = event.submitter, faults = form.querySelector("[data-faults]");
  if (button) button.disabled = true;
  try {
    if (form.dataset.ended) await renew(form);
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form, button), headers: { Accept: "text/html" } });
    if (answer.redirected) { location.assign(answer.url); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const ended = page.querySelector("template[data-ended]");
    if (answer.status === 401 && ended) {
      form.dataset.ended = "yes";
      faults.replaceChildren(ended.content.cloneNode(true));
    } else if (answer.status === 422) {
      faults.replaceChildren(...page.querySelector("[data-faults]").childNodes);
      faults.querySelector("[data-without-script]")?.remove();
    } else {
      document.documentElement.replaceChildren(...page.documentElement.childNodes);
      return;
    }
  } catch {
    faults.textContent = "The dashboard does not answer. Nothing is lost: try again in a moment.";
  } finally {
    if (button) button.disabled = false;
  }
  faults.scrollIntoView({ block: "nearest" });
  faults.focus();
}

// The form belongs to the session that has ended; the new one has another token.
async function renew(form) {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  const token = page.querySelector('input[name="csrf"]');
  if (!token) return;
  form.querySelector('input[name="csrf"]').value = token.value;
  delete form.dataset.ended;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  else if (button?.dataset.add) add(button);
  else if (button && "remove" in button.dataset) button.closest("[data-row]").remove();
  // A menu closes when something beside it is chosen.
  for (const open of document.querySelectorAll("details.chooser[open], details.menu[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.chooser[open], details.menu[open]")) open.open = false;
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-careful]")) send(event.target, event);
});
document.documentElement.classList.add("script");
document.querySelectorAll("[data-live]").forEach(follow);
setInterval(relative, 15000);
