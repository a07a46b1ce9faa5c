// Reports when the server or the kernel of this page is gone, and reloads the page when a new one is available. The open thread
// is part of the address and drafts are in the browser's storage, so the new page shows the same conversation.
window.voila_finish();
(() => {
  const INTERVAL = 5000, RETRY_INTERVAL = 1000, TIMEOUT = 4000; // milliseconds
  const MAX_RELOADS = 4, RELOAD_WINDOW = 180000; // a page that cannot recover must not reload forever
  const MAX_BLANK_CHECKS = 4; // a page that stays empty has a broken kernel
  const { baseUrl, kernelId } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  const banner = document.getElementById("cfo-lost");
  const message = document.getElementById("cfo-lost-words");
  const button = document.getElementById("cfo-lost-reload");
  let leaving = false, blankChecks = 0, failures = 0;
  let timer;

  const show = (text, canReload = false) => {
    if (message.textContent !== text) message.textContent = text;
    banner.hidden = !text;
    button.hidden = !canReload;
  };
  button.addEventListener("click", () => location.reload());

  const reload = () => {
    const now = Date.now();
    let reloads = [];
    try { reloads = JSON.parse(sessionStorage.getItem("cfo-reloads") ?? "[]").filter((at) => now - at < RELOAD_WINDOW); } catch { /* none */ }
    if (reloads.length >= MAX_RELOADS) {
      show("The session ended several times in a row. Your conversation is saved in its thread.", true);
      return;
    }
    sessionStorage.setItem("cfo-reloads", JSON.stringify([...reloads, now]));
    show("The session ended. Reopening your conversation…");
    leaving = true;
    location.reload();
  };

  const check = async () => {
    clearTimeout(timer);
    let next = INTERVAL;
    try {
      const answer = await fetch(`${baseUrl}cfo/alive/${kernelId}`, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(TIMEOUT) });
      if (answer.ok) {
        failures = 0;
        const { kernel } = await answer.json();
        blankChecks = document.querySelector(".cfo-workbench") ? 0 : blankChecks + 1;
        if (!kernel || blankChecks === MAX_BLANK_CHECKS || document.querySelector(".jupyter-widgets-disconnected")) reload();
        else show("");
      } else if (answer.status === 403 || answer.status === 401 || answer.type === "opaqueredirect") {
        show("This page's token is no longer valid. Open the address that cfo up printed.");
      } else throw new Error(String(answer.status));
    } catch {
      failures += 1; // the first may be a restart, which is over in a moment
      if (!leaving && failures > 1) show("The workbench is not responding. Your text is saved, and this page reloads as soon as the workbench is back.");
      next = RETRY_INTERVAL;
    }
    if (!leaving) timer = setTimeout(check, next);
  };

  // A kernel that crashed is restarted without its widgets: they are marked as disconnected, and cannot be used.
  new MutationObserver(() => {
    if (!leaving && banner.hidden && document.querySelector(".jupyter-widgets-disconnected")) check();
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
  addEventListener("online", check);
  addEventListener("pageshow", (event) => event.persisted && check());
  document.addEventListener("visibilitychange", () => document.hidden || check());
  timer = setTimeout(check, INTERVAL);
})();
