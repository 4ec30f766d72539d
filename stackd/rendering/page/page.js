
(() => {
  "use strict";
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  const wipe = find("#wipe"), over = find("#over"), at = find("#at"), tag = find("#over-name");
  const frames = all("#strip button");

  // --- the wipe: composite on the left, the chosen frame on the right
  const move = () => {
    wipe.style.setProperty("--at", `${at.value}%`);
    at.setAttribute("aria-valuetext", `${at.value} % composite, the rest ${tag.textContent}`);
  };
  const choose = (button, scroll) => {
    for (const other of frames) {
      other.setAttribute("aria-pressed", String(other === button));
      other.tabIndex = other === button ? 0 : -1;
    }
    const picture = button.querySelector("img");
    over.src = picture.src;
    over.alt = `${picture.alt}, laid over the composite`;
    tag.textContent = `${Number(button.dataset.position) + 1} · ${button.dataset.name}`;
    for (const line of all(".now")) {
      line.setAttribute("x1", button.dataset.place);
      line.setAttribute("x2", button.dataset.place);
    }
    for (const row of all("#frames tbody tr")) {
      row.classList.toggle("chosen", row.dataset.position === button.dataset.position);
    }
    if (scroll) {
      const strip = find("#strip");
      strip.scrollLeft = button.offsetLeft - strip.offsetLeft - (strip.clientWidth - button.clientWidth) / 2;
    }
    move();
  };
  if (at) {
    wipe.classList.add("live");
    for (const part of [over, at, ...all(".tag")]) part.hidden = false;
    at.addEventListener("input", move);
    frames.forEach((button, place) => {
      button.addEventListener("click", () => choose(button, true));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, Home: -frames.length, End: frames.length }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = frames[Math.min(Math.max(place + step, 0), frames.length - 1)];
        next.focus({ preventScroll: true });
        choose(next, true);
      });
    });
    choose(frames.find((button) => button.getAttribute("aria-pressed") === "true"), true);
  }

  // --- marks can be hidden to look at what they mark
  const marked = find("#with-marks");
  if (marked) {
    marked.parentElement.hidden = false;
    marked.addEventListener("change", () => find("#marks").toggleAttribute("hidden", !marked.checked));
  }

  // --- what was noticed lies in the middle of its crop
  for (const crop of all(".crop div")) {
    crop.scrollLeft = (crop.scrollWidth - crop.clientWidth) / 2;
    crop.scrollTop = (crop.scrollHeight - crop.clientHeight) / 2;
  }

  // --- the depth map tells which frame is sharpest where one points
  const map = find("#map"), pointed = find("#pointed");
  if (map && map.dataset.winners && pointed) {
    const bytes = atob(map.dataset.winners);
    const columns = Number(map.dataset.columns), rows = Number(map.dataset.rows);
    const names = new Map(all("#frames tr[data-used]").map((row) => [row.dataset.used, row]));
    const sharpest = (event) => {
      const box = map.getBoundingClientRect();
      const inside = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
      const column = inside((event.clientX - box.left) / box.width, columns);
      const row = inside((event.clientY - box.top) / box.height, rows);
      const cell = 2 * (row * columns + column);
      return String(bytes.charCodeAt(cell) + 256 * bytes.charCodeAt(cell + 1));
    };
    const tell = (used, chosen) => {
      const row = names.get(used);
      if (!row) return;
      const name = `frame ${Number(row.dataset.position) + 1}, ${row.dataset.name}`;
      pointed.textContent = chosen ? `Compared above: ${name}.` : `Sharpest here: ${name}. Choose the place to compare it.`;
    };
    map.classList.add("live");
    pointed.hidden = false;
    map.addEventListener("pointermove", (event) => tell(sharpest(event), false));
    map.addEventListener("click", (event) => {
      const used = sharpest(event);
      const button = frames.find((one) => one.dataset.used === used);
      if (button) choose(button, true);
      tell(used, Boolean(button));
    });
  }

  // --- paper shows all of it
  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
})();
