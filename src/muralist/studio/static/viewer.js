/* What the page shows large: `muralist.show(scene)`, which changes only what differs from before.
 *
 * A scene is what scene.py says. The page puts `<div id="muralist-viewer">` somewhere, sooner or
 * later, and may hide or replace it: what is to be shown is shown there, at the same zoom.
 */
(() => {
  "use strict";

  const ID = "muralist-viewer";
  const HERE = new URL(".", document.currentScript.src);
  const NOTHING = {
    work: null, image: null, beside: null, labels: ["", ""], views: null, map: null, words: null,
  };
  const PATIENCE = 4000; // milliseconds until a picture is shown that has not all its tiles yet
  const SPACING = 4; // pixels of the screen between two dots, at least

  let scene = NOTHING;
  let container = null; // the one that is there now
  let viewer = null; // in it, while it can be seen
  let left = null; // what was seen in the last one

  window.muralist = {
    show(next) {
      scene = { ...NOTHING, ...next };
      place();
    },
  };

  const resized = new ResizeObserver(place);
  new MutationObserver(() => {
    if (document.getElementById(ID) !== container || viewer?.lost()) place();
  }).observe(document.documentElement, { childList: true, subtree: true });
  const library = document.createElement("script");
  library.src = new URL("openseadragon.min.js", HERE);
  library.onload = place;
  document.head.append(library);

  /** Shows the scene in the container, wherever that is now. */
  function place() {
    const found = document.getElementById(ID);
    if (found !== container) {
      container = found;
      resized.disconnect();
      if (container) resized.observe(container);
    }
    const root = container?.clientWidth ? container : null;
    if (viewer && (viewer.root !== root || viewer.lost())) {
      left = viewer.leave();
      viewer = null;
    }
    if (!root || !window.OpenSeadragon) return;
    viewer ??= open(root, left);
    viewer.show(scene);
  }

  /** A viewer in a container, empty at first; `before` is what `leave` said of the last one. */
  function open(root, before) {
    const parts = built(root);
    const osd = OpenSeadragon({
      element: parts.pictures,
      drawer: "canvas", // the same on every machine, with a graphics card and without
      showNavigationControl: false,
      showNavigator: true,
      navigatorPosition: "BOTTOM_LEFT",
      navigatorSizeRatio: 0.15,
      navigatorOpacity: 1,
      preserveViewport: true,
      animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.5,
      maxZoomPixelRatio: 16,
      minZoomImageRatio: 0.8,
      visibilityRatio: 0.4,
      tileRetryMax: 2,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    });
    osd.canvas.setAttribute("role", "application");
    osd.canvas.setAttribute("aria-label", "The picture: arrows move it, + and - zoom");
    osd.navigator.element.setAttribute("aria-hidden", "true");
    osd.navigator.element.tabIndex = -1;
    const split = wipe(parts, clip);
    const shapes = overlay(parts, where);
    const items = new Map(); // what is seen, by name
    let wanted = NOTHING;
    let seen = NOTHING; // of `wanted`, what is there
    let fitted; // the work that was brought into sight last
    let changing = false;
    let gone = false;

    const item = (source) => items.get(named(source));

    /** Where the picture is on the screen; null where there is none. */
    function where() {
      if (!item(seen.image)) return null;
      const bounds = item(seen.image).getBounds(true);
      const start = osd.viewport.pixelFromPoint(bounds.getTopLeft(), true);
      const end = osd.viewport.pixelFromPoint(bounds.getBottomRight(), true);
      return { x: start.x, y: start.y, width: end.x - start.x, height: end.y - start.y };
    }

    /** Each of two pictures ends at the handle, in pixels of its own, wherever it was moved. */
    function clip() {
      const box = where();
      if (!box) return;
      const share = (split.at() * parts.frame.clientWidth - box.x) / box.width;
      const edge = seen.beside ? Math.min(Math.max(share, 0), 1) : 1;
      for (const [source, from, to] of [[seen.image, 0, edge], [seen.beside, edge, 1]]) {
        if (!source) continue;
        const { x: width, y: height } = item(source).getContentSize();
        const part = new OpenSeadragon.Rect(from * width, 0, (to - from) * width, height);
        item(source).setOpacity(to > from ? 1 : 0);
        item(source).setClip(seen.beside && to > from ? part : null);
      }
    }

    /** Brings the pictures of the last scene, one change after another. */
    async function settle() {
      if (changing) return;
      changing = true;
      try {
        while (!gone && pictures(wanted) !== pictures(seen)) await change(wanted);
      } finally {
        changing = false;
      }
    }

    /** Loads new pictures unseen, and takes the place of old ones once they are there. */
    async function change(next) {
      const sources = [next.image, next.beside].filter(Boolean);
      const fresh = sources.filter((source) => !item(source));
      const loaded = await Promise.all(fresh.map((source) => add(osd, source)));
      if (!gone && fitted === next.work) await soon(loaded.map(complete));
      if (gone) return;
      const failed = loaded.includes(null);
      parts.failed(failed);
      fresh.forEach((source, at) => loaded[at] && items.set(named(source), loaded[at]));
      const better = next.work === seen.work ? seen : NOTHING; // than nothing: what was there
      const kept = failed ? better : next;
      const names = [kept.image, kept.beside].map(named);
      for (const [name, old] of items) {
        if (names.includes(name)) continue;
        osd.world.removeItem(old);
        items.delete(name);
      }
      seen = { ...next, image: kept.image, beside: kept.beside };
      if (failed) wanted = wanted === next ? seen : wanted;
      fit();
      clip();
      parts.frame.classList.toggle("muralist-none", !seen.image);
      parts.frame.classList.toggle("muralist-two", Boolean(seen.beside));
      over();
    }

    /** Brings a work into sight: as it was seen in the last container, or all of it. */
    function fit() {
      if (!seen.image || fitted === seen.work) return;
      const known = fitted === undefined && before?.work === seen.work && before.bounds;
      if (known) osd.viewport.fitBounds(before.bounds, true);
      else osd.viewport.goHome(true);
      fitted = seen.work;
    }

    /** Draws what lies over the pictures, once they are drawn. */
    function over() {
      shapes.draw();
      const box = where();
      const { clientWidth: width, clientHeight: height } = parts.frame;
      const whole = box && box.x > -1 && box.y > -1 &&
        box.x + box.width < width + 1 && box.y + box.height < height + 1;
      parts.frame.classList.toggle("muralist-whole", Boolean(whole)); // nothing to navigate
    }

    osd.addHandler("viewport-change", clip);
    osd.addHandler("update-viewport", over);
    osd.addHandler("canvas-click", (event) => event.quick && shapes.point(event.position, true));
    parts.frame.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || event.buttons) return;
      const box = parts.frame.getBoundingClientRect();
      shapes.point({ x: event.clientX - box.x, y: event.clientY - box.y }, false);
    });
    parts.frame.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") shapes.point(null, false); // fingers leave after a tap
    });
    parts.buttons.in.onclick = () => osd.viewport.zoomBy(2).applyConstraints();
    parts.buttons.out.onclick = () => osd.viewport.zoomBy(0.5).applyConstraints();
    parts.buttons.fit.onclick = () => osd.viewport.goHome();

    return {
      root,
      lost: () => !root.contains(parts.frame),
      show(next) {
        wanted = next;
        parts.label(next.labels, next.beside);
        split.name(next.labels);
        shapes.show(next);
        settle();
      },
      leave() {
        gone = true;
        const bounds = seen.image ? osd.viewport.getBounds() : null;
        osd.destroy();
        parts.frame.remove();
        return { work: seen.work, bounds };
      },
    };
  }

  const named = (source) => (source ? `${source.type} ${source.url}` : "");
  const pictures = ({ work, image, beside }) => JSON.stringify([work, named(image), named(beside)]);

  /** Adds a picture that is not seen yet, a unit wide like all; null where it cannot be had. */
  function add(osd, source) {
    const tileSource = source.type === "dzi" ? source.url : { type: "image", url: source.url };
    return new Promise((done) => {
      osd.addTiledImage({
        tileSource,
        width: 1,
        opacity: 0,
        preload: true,
        success: (event) => done(event.item),
        error: () => done(null),
      });
    });
  }

  /** Once all tiles are there that are needed to show it. */
  const complete = (item) => item && new Promise((done) => item.whenFullyLoaded(done));

  const soon = (promises) =>
    Promise.race([Promise.all(promises), new Promise((done) => setTimeout(done, PATIENCE))]);

  // --- the handle between two pictures ----------------------------------------------------------

  /** The handle: at a share of the width of the frame, moved by pointers and keys. */
  function wipe({ frame, handle }, moved) {
    const keys = {
      ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01,
      PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1,
    };
    let share = 0.5;
    let names = ["", ""];

    function set(to) {
      share = Math.min(Math.max(to, 0), 1);
      tell();
      moved();
    }

    function tell() {
      const percent = Math.round(share * 100);
      handle.style.left = `${share * 100}%`;
      handle.setAttribute("aria-label", `Wipe between ${names[0]} and ${names[1]}`);
      handle.setAttribute("aria-valuenow", percent);
      handle.setAttribute("aria-valuetext", `${percent} % ${names[0]}, the rest ${names[1]}`);
    }

    handle.addEventListener("keydown", (event) => {
      const step = keys[event.key];
      if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      set(share + step * (event.shiftKey ? 10 : 1));
      event.preventDefault();
      event.stopPropagation();
    });
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = frame.getBoundingClientRect();
      set((event.clientX - box.x) / box.width);
    });
    return {
      at: () => share,
      name([first, second]) {
        names = [first || "the left", second || "the right"];
        tell();
      },
    };
  }

  // --- what is drawn over the picture -----------------------------------------------------------

  /** Views, words and a map, drawn where the picture is. */
  function overlay(parts, where) {
    const { frame, canvas, map, bubble, prompts } = parts;
    let views = null;
    let words = null;
    let lit = null; // what is pointed at: {kind, number}

    function show(next) {
      if (!same(views, next.views) || !same(words, next.words)) {
        [views, words, lit] = [next.views, next.words, null];
        prompts.replaceChildren(...(words?.windows ?? []).map(prompt));
        parts.say(told(views, words));
      }
      if (!next.map) map.removeAttribute("src");
      else if (map.getAttribute("src") !== next.map.url) map.src = next.map.url;
      map.style.opacity = next.map?.opacity ?? 0;
      draw();
    }

    /** For those who read by keyboard: it lights the window that it is about. */
    function prompt(view, number) {
      const button = element("button", { type: "button" }, said(view));
      button.onfocus = () => light({ kind: "words", number });
      button.onblur = () => light(null);
      return button;
    }

    function light(next) {
      if (same(lit, next)) return;
      lit = next;
      draw();
    }

    /** Lights what is at a pixel of the frame; a tap there again takes the light away. */
    function point(at, tapped) {
      const box = at && where();
      const next = box && found(at, box);
      light(tapped && same(lit, next) ? null : next);
    }

    function found(at, box) {
      for (const [kind, of] of [["words", words], ["views", views]]) {
        if (!of) continue;
        const scale = of.width / box.width;
        const [x, y] = [(at.x - box.x) * scale, (at.y - box.y) * scale];
        const number = nearest(of.windows.map(rectangle), x, y);
        const lattice = (of.lattices ?? []).findIndex((each) => on(each, x, y));
        if (number >= 0 || lattice >= 0) return { kind, number, lattice };
      }
      return null;
    }

    function draw() {
      const box = where();
      const pen = blank();
      bubble.hidden = true;
      map.hidden = !(box && map.getAttribute("src"));
      if (!box) return;
      // OpenSeadragon draws tiles a pixel longer, so that there is nothing between them
      const sides = { left: box.x, top: box.y, width: box.width + 1, height: box.height + 1 };
      for (const [side, length] of Object.entries(sides)) map.style[side] = `${length}px`;
      for (const [kind, of] of [["views", views], ["words", words]]) {
        const lightened = lit?.kind === kind ? lit.number : -1;
        if (of) outline(pen, of.windows.map(rectangle).map(placed(of, box)), lightened);
      }
      const lattice = views?.lattices[Math.max(lit?.lattice ?? 0, 0)];
      if (lattice) dots(pen, lattice, placed(views, box));
      if (lit?.kind === "words") speak(box);
    }

    /** The canvas, emptied, as fine as the screen. */
    function blank() {
      const [dense, pen] = [window.devicePixelRatio || 1, canvas.getContext("2d")];
      const width = Math.round(frame.clientWidth * dense);
      const height = Math.round(frame.clientHeight * dense);
      if (canvas.width !== width || canvas.height !== height) {
        [canvas.width, canvas.height] = [width, height];
      }
      pen.setTransform(dense, 0, 0, dense, 0, 0);
      pen.clearRect(0, 0, frame.clientWidth, frame.clientHeight);
      return pen;
    }

    function outline(pen, windows, lightened) {
      for (const [name, width] of [["shade", 3], ["line", 1]]) {
        pen.strokeStyle = ink(name);
        pen.lineWidth = width;
        pen.beginPath();
        windows.forEach((window) => pen.rect(...window));
        pen.stroke();
      }
      if (lightened < 0) return;
      pen.strokeStyle = pen.fillStyle = ink("light");
      pen.globalAlpha = 0.16;
      pen.fillRect(...windows[lightened]);
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      pen.strokeRect(...windows[lightened]);
    }

    /** The samples of one subsampling; every so many of them where they would run together. */
    function dots(pen, { left, top, step, cell, columns, rows }, place) {
      const [x, y, apart, size] = place([left + cell / 2, top + cell / 2, step, cell]);
      const every = Math.max(Math.ceil(SPACING / apart), 1);
      const radius = Math.min(Math.max(size * 0.35, 1.2), 6);
      pen.beginPath();
      for (const cy of within(y, every * apart, rows / every, frame.clientHeight)) {
        for (const cx of within(x, every * apart, columns / every, frame.clientWidth)) {
          pen.moveTo(cx + radius, cy);
          pen.arc(cx, cy, radius, 0, 7);
        }
      }
      pen.strokeStyle = ink("shade");
      pen.fillStyle = ink("light");
      pen.lineWidth = 1;
      pen.stroke();
      pen.fill();
    }

    /** The words of the window that is lit, in it as far as that can be seen. */
    function speak(box) {
      const view = words.windows[lit.number];
      const [left, top, width] = placed(words, box)(rectangle(view));
      bubble.textContent = said(view);
      bubble.hidden = false;
      const [across, down] = ["Width", "Height"].map(
        (side) => frame[`client${side}`] - bubble[`offset${side}`] - 8);
      const middle = left + (width - bubble.offsetWidth) / 2;
      bubble.style.left = `${Math.max(Math.min(middle, across), 8)}px`;
      bubble.style.top = `${Math.max(Math.min(top + 8, down), 8)}px`;
    }

    const ink = (name) => getComputedStyle(frame).getPropertyValue(`--muralist-${name}`).trim();

    map.onload = draw;
    return { show, draw, point };
  }

  const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);
  const rectangle = (view) =>
    Array.isArray(view) ? view : [view.left, view.top, view.width, view.height];
  const said = (view) => view.words || "(no word of the prompt)";

  /** From rectangles in pixels of the picture to such of the screen. */
  function placed(of, box) {
    const scale = box.width / of.width;
    return ([left, top, width, height]) =>
      [box.x + left * scale, box.y + top * scale, width * scale, height * scale];
  }

  /** Of `count` places `gap` apart from `start` on, those on the screen. */
  function* within(start, gap, count, extent) {
    for (let at = Math.max(Math.ceil(-start / gap), 0); at < count; at++) {
      const place = start + at * gap;
      if (place > extent) return;
      yield place;
    }
  }

  /** Which of several rectangles around a point has its centre nearest; -1 for none. */
  function nearest(windows, x, y) {
    let [best, least] = [-1, Infinity];
    windows.forEach(([left, top, width, height], number) => {
      if (x < left || y < top || x >= left + width || y >= top + height) return;
      const far = Math.hypot(x - left - width / 2, y - top - height / 2);
      if (far < least) [best, least] = [number, far];
    });
    return best;
  }

  /** Whether a point is in a cell that a subsampling takes. */
  function on({ left, top, step, cell, columns, rows }, x, y) {
    const [column, row] = [Math.floor((x - left) / step), Math.floor((y - top) / step)];
    const inside = column >= 0 && row >= 0 && column < columns && row < rows;
    return inside && x - left - column * step < cell && y - top - row * step < cell;
  }

  /** How many views there are, in words. */
  function told(views, words) {
    const some = (drawn, count, one, many) => {
      const all = `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
      return drawn < count ? `${drawn.toLocaleString("en")} of ${all} drawn` : all;
    };
    const kinds = [
      [views?.windows.length, views?.count.windows, "window", "windows"],
      [views?.lattices.length, views?.count.lattices, "subsampling", "subsamplings"],
      [words?.windows.length, words?.count, "window and its words", "windows and their words"],
    ];
    return kinds.filter(([, count]) => count).map((kind) => some(...kind)).join(" · ");
  }

  // --- elements ---------------------------------------------------------------------------------

  const TOOLS = {
    in: ["Zoom in", "M8 3v10M3 8h10"],
    out: ["Zoom out", "M3 8h10"],
    fit: ["Fit", "M2.5 4h11v8h-11zM5.5 8h5"],
    full: ["Full screen", "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3"],
  };

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function tool([title, path]) {
    const button = element("button", { type: "button", title, "aria-label": title });
    button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${path}"/></svg>`;
    return button;
  }

  /** Everything a viewer is made of, in its container. */
  function built(root) {
    const of = (kind, rest = {}) => ({ class: `muralist-${kind}`, ...rest });
    const pictures = element("div", of("pictures"));
    const map = element("img", of("map", { alt: "" }));
    const canvas = element("canvas", of("shapes", { "aria-hidden": "true" }));
    const slider = { role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-valuemax": "100" };
    const handle = element("div", of("wipe", slider), element("span", of("knob")));
    const labels = [element("span", of("label")), element("span", of("label"))];
    const buttons = Object.fromEntries(
      Object.entries(TOOLS).map(([name, told]) => [name, tool(told)]));
    const group = (kind, name) => of(kind, { role: "group", "aria-label": name });
    const tools = element("div", group("tools", "Zoom"), ...Object.values(buttons));
    const note = element("p", of("note", { role: "status" }));
    const bubble = element("p", of("bubble"));
    const prompts = element("div", group("prompts", "What each window was asked"));
    const empty = element(
      "p", of("empty"), "What you paint appears here, and can be looked at closely.");
    const frame = element("div", { class: "muralist-frame muralist-none" },
      pictures, map, canvas, ...labels, handle, bubble, prompts, note, tools, empty);
    root.replaceChildren(frame);
    bubble.hidden = map.hidden = true;
    buttons.full.hidden = !document.fullscreenEnabled;
    buttons.full.onclick = () =>
      document.fullscreenElement ? document.exitFullscreen() : frame.requestFullscreen();
    return {
      frame, pictures, map, canvas, handle, buttons, bubble, prompts,
      say(text) {
        note.textContent = text;
      },
      failed(is) {
        empty.textContent = is
          ? "The picture could not be loaded."
          : "What you paint appears here, and can be looked at closely.";
      },
      label(texts, beside) {
        labels[0].textContent = texts[0];
        labels[1].textContent = beside ? texts[1] : "";
      },
    };
  }
})();
