// A page whose main element is marked as live is asked for again every second, and replaced where it has changed.
(() => {
  const every = 1000;
  async function refresh() {
    const main = document.querySelector("main[data-live]");
    if (!main) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        replace(main, page.querySelector("main"));
      }
    } catch {
      // The service is down or restarting; ask again.
    }
    setTimeout(refresh, every);
  }
  function replace(old, fresh) {
    if (!fresh || old.innerHTML === fresh.innerHTML) return;
    const open = [...old.querySelectorAll("details")].map((part) => part.open);
    const follow = atEnd(old.querySelector("pre.log"));
    old.replaceWith(fresh);
    fresh.querySelectorAll("details").forEach((part, at) => (part.open = open[at] ?? part.open));
    if (follow) toEnd(fresh.querySelector("pre.log"));
  }
  const atEnd = (log) => !log || log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const toEnd = (log) => log && (log.scrollTop = log.scrollHeight);
  toEnd(document.querySelector("pre.log"));
  setTimeout(refresh, every);
})();
