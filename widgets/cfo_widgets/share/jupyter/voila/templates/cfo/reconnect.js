// Tells when the server or the kernel of this page is gone, and brings the page back when a new one can be had. The open
// thread is in the address and drafts are in the browser's storage, so a new page shows the same conversation.
(() => {
  const EVERY = 5000, SOON = 1000, PATIENCE = 4000;
  const LIMIT = 4, WITHIN = 180000; // a page that cannot come back must not reload for ever
  const { baseUrl, kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const banner = document.getElementById("cfo-lost");
  const words = document.getElementById("cfo-lost-words");
  const button = document.getElementById("cfo-lost-reload");
  const BLANK = 4; // looks at a page on which nothing stands: its kernel was not whole
  let leaving = false, blank = 0;
  let timer;

  const say = (text, mayReload = false) => {
    if (words.textContent !== text) words.textContent = text;
    banner.hidden = !text;
    button.hidden = !mayReload;
  };
  button.addEventListener("click", () => location.reload());

  const comeBack = () => {
    const now = Date.now();
    let reloads = [];
    try { reloads = JSON.parse(sessionStorage.getItem("cfo-reloads") ?? "[]").filter((at) => now - at < WITHIN); } catch { /* none */ }
    if (reloads.length >= LIMIT) {
      say("The session ended several times in a row. What was said is kept in its thread.", true);
      return;
    }
    sessionStorage.setItem("cfo-reloads", JSON.stringify([...reloads, now]));
    say("The session ended. A new one brings the conversation back …");
    leaving = true;
    location.reload();
  };

  const look = async () => {
    clearTimeout(timer);
    let next = EVERY;
    try {
      const answer = await fetch(`${baseUrl}cfo/alive/${kernelId}`, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.ok) {
        const { kernel } = await answer.json();
        blank = document.querySelector(".cfo-workbench") ? 0 : blank + 1;
        if (!kernel || blank === BLANK || document.querySelector(".jupyter-widgets-disconnected")) comeBack();
        else say("");
      } else if (answer.status === 403 || answer.status === 401 || answer.type === "opaqueredirect") {
        say("This page's token is no longer valid. Open the address that cfo up printed.");
      } else throw new Error(String(answer.status));
    } catch {
      if (!leaving) say("The workbench does not answer. What you wrote is kept; this page comes back by itself when the workbench does.");
      next = SOON;
    }
    if (!leaving) timer = setTimeout(look, next);
  };

  // A kernel that crashed is started again empty: its widgets are marked, and cannot be used.
  new MutationObserver(() => {
    if (!leaving && banner.hidden && document.querySelector(".jupyter-widgets-disconnected")) look();
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
  addEventListener("online", look);
  addEventListener("pageshow", (event) => event.persisted && look());
  document.addEventListener("visibilitychange", () => document.hidden || look());
  timer = setTimeout(look, EVERY);
})();
