"use strict";
// Tables sort and filter, numbers open their runs, curves tell their values. All data are in the page.

const data = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "{}");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---------------------------------------------------------------- tables

// what a cell begins with that is sorted as a number: not a date, not a hash
const NUMBER = /^[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?(?!-\d|\.\d|\d|[a-z]\w)/;

function sortValue(row, column) {
  const cell = row.cells[column];
  const below = cell.querySelector("small")?.textContent ?? "";
  const text = cell.textContent.slice(0, cell.textContent.length - below.length).trim();
  return NUMBER.test(text) ? parseFloat(text.replace(/,/g, "")) : text.toLowerCase();
}

function sortBy(table, header) {
  const up = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [sortValue(row, header.cellIndex), row]);
  const order = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
  rows.sort((a, b) => (up ? 1 : -1) * order(a[0], b[0]));
  body.append(...rows.map((pair) => pair[1]));
}

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    if (!header.textContent.trim()) continue;
    const button = element("button", { type: "button", title: "Sort by this column" }, header.textContent);
    button.addEventListener("click", () => sortBy(table, header));
    header.replaceChildren(button);
  }
}

function makeFilterable(box, table) {
  const input = element("input", { type: "search" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  box.before(element("label", { class: "filter" }, "Filter rows: ", input));
}

for (const box of document.querySelectorAll(".scroll")) {
  const table = box.querySelector("table");
  if (table.tBodies[0].rows.length < 2) continue;
  makeSortable(table);
  if (table.tBodies[0].rows.length > 8) makeFilterable(box, table);
}

// ---------------------------------------------------------------- runs

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function curves(group) {
  const xs = group.seeds.flatMap((seed) => seed.x);
  const ys = group.seeds.flatMap((seed) => seed.y).filter((y) => y !== null);
  if (!ys.length) return "";
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(0, ...ys), Math.max(0, ...ys)];
  const x = (value) => 60 + (560 * (value - left)) / (right - left || 1);
  const y = (value) => 210 - (190 * (value - low)) / (high - low || 1);
  const label = `${group.value} of each seed over ${group.axis}, from ${low} to ${high}`;
  const picture = svg("svg", { viewBox: "0 0 640 250", width: 640, role: "img", "aria-label": label });
  for (const value of [low, high]) {
    picture.append(svg("line", { x1: 60, x2: 620, y1: y(value), y2: y(value), stroke: "currentColor", opacity: 0.25 }));
    picture.append(svg("text", { x: 54, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(0)));
  }
  for (const value of [left, right])
    picture.append(svg("text", { x: x(value), y: 228, "text-anchor": "middle" }, value.toLocaleString("en")));
  picture.append(svg("text", { x: 340, y: 244, "text-anchor": "middle" }, group.axis));
  picture.append(svg("text", { x: 16, y: 115, "text-anchor": "middle", transform: "rotate(-90 16 115)" }, group.value));
  group.seeds.forEach((seed, i) => {
    const at = 60 + 75 * i;
    picture.append(svg("rect", { x: at, y: 4, width: 10, height: 4, fill: COLOURS[i % COLOURS.length] }));
    picture.append(svg("text", { x: at + 14, y: 10 }, `seed ${seed.seed}`));
    const points = seed.x.map((step, k) => [step, seed.y[k]]).filter((point) => point[1] !== null);
    const style = { fill: "none", stroke: COLOURS[i % COLOURS.length], "stroke-width": 2 };
    picture.append(svg("polyline", { ...style, points: points.map((p) => `${x(p[0])},${y(p[1])}`).join(" ") }));
    for (const [step, value] of points) {
      const dot = svg("circle", { cx: x(step), cy: y(value), r: 3, fill: COLOURS[i % COLOURS.length] });
      dot.append(svg("title", {}, `seed ${seed.seed}, ${step} steps: ${value}`));
      picture.append(dot);
    }
  });
  return picture;
}

function table(label, header, rows) {
  const head = element("tr", {}, ...header.map((name) => element("th", { scope: "col" }, name)));
  const cells = (row) => row.map((cell, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, cell ?? "–"));
  const body = rows.map((row) => element("tr", {}, ...cells(row)));
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "scroll words", tabindex: 0, role: "region", "aria-label": label }, made);
}

function fileLinks(key, seed, here) {
  const log = `${here.logs}/${key.replace(/^runs/, "finetune")}-seed${seed.seed}.log`;
  const path = (name) => (name === "log" ? log : `${here.results}/${key}/seed${seed.seed}/${name}`);
  const links = seed.files.map((name) => element("a", { href: path(name) }, name));
  return element("span", {}, ...links.flatMap((link, i) => (i ? [" · ", link] : [link])), links.length ? "" : "not here");
}

function titleOf(key, group) {
  const [place, task, dataset, name] = key.split("/");
  const kind = place === "runs" ? "fine-tuning" : "offline pre-training";
  return `${group.label} (${name}) on ${task}-${dataset}: ${kind}`;
}

// What is known of the runs that differ in their seed alone.
function section(key, group, known) {
  const title = titleOf(key, group);
  const last = (seed) => seed.y.filter((y) => y !== null).at(-1);
  const head = ["seed", `first ${group.value}`, `last ${group.value}`, "files", "commit", ...known.facts];
  const rows = group.seeds.map((seed) => [
    String(seed.seed), String(seed.y[0] ?? "–"), String(last(seed) ?? "–"), fileLinks(key, seed, known.here), seed.commit,
    ...seed.facts.map((fact) => (fact === null ? "–" : String(fact))),
  ]);
  const settings = [["members", String(group.members)], ...Object.entries(known.settings[group.settings])];
  const versions = [...new Set(group.seeds.map((seed) => known.packages[seed.packages]))];
  return [
    element("div", { class: "picture", tabindex: 0, role: "region", "aria-label": `${group.value} of each seed: ${title}` }, curves(group)),
    element("h3", {}, "Seeds"),
    table(`Seeds: ${title}`, head, rows),
    element("p", { class: "quiet" }, "Where the files are not here, curves.csv and provenance.json of the tables have what they say."),
    element("h3", {}, "Resolved settings"),
    table(`Resolved settings: ${title}`, ["setting", "value"], settings),
    element("h3", {}, "Package versions"),
    ...versions.map((text) => element("p", { class: "quiet" }, text)),
  ];
}

// The runs of one method on one dataset at once, those of several to be unfolded.
function showRuns(keys) {
  const known = data("run-data");
  const found = keys.filter((key) => known.groups[key]).map((key) => [key, known.groups[key]]);
  if (!found.length) return;
  const one = found.length === 1;
  document.getElementById("run-title").textContent = one ? titleOf(...found[0]) : "The runs behind this number";
  const folded = ([key, group]) =>
    element("details", {}, element("summary", {}, titleOf(key, group)), ...section(key, group, known));
  document.getElementById("run-body").replaceChildren(...(one ? section(...found[0], known) : found.map(folded)));
  document.getElementById("run").showModal();
}

const dialog = document.getElementById("run");

function follow() {
  const found = /^#run=(.+)$/.exec(decodeURIComponent(location.hash));
  if (dialog?.open) dialog.close();
  if (found && dialog) showRuns(found[1].split(","));
}

dialog?.addEventListener("close", () => {
  if (location.hash.startsWith("#run=")) history.replaceState(null, "", location.pathname + location.search);
});
addEventListener("hashchange", follow);
follow();

// ---------------------------------------------------------------- values under the pointer

const tip = document.getElementById("tip");
const figures = data("hover-data");

function nearest(values, wanted) {
  return values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
}

function valuesAt(figure, panel, share) {
  const wanted = panel.x[0] + share * (panel.x[1] - panel.x[0]);
  const all = panel.curves.flatMap((curve) => curve[1]);
  const step = all[nearest(all, wanted)];
  const lines = [];
  for (const [label, steps, means, stds, seeds] of panel.curves) {
    const i = steps.indexOf(step);
    if (i < 0) continue;
    const spread = stds[i] === null ? "" : ` ± ${stds[i].toFixed(figure.digits)}`;
    lines.push(`${label}: ${means[i].toFixed(figure.digits)}${spread}${figure.unit} (n = ${seeds})`);
  }
  return [`${panel.title}, ${step.toLocaleString("en")} steps`, ...lines].join("\n");
}

function showValues(event, figure, picture) {
  const box = picture.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  const inside = ({ box: [left, top, right, bottom] }) => left <= x && x <= right && top <= y && y <= bottom;
  const panel = figure.panels.find((one) => inside(one) && one.curves.length);
  tip.hidden = !panel;
  if (!panel) return;
  tip.textContent = valuesAt(figure, panel, (x - panel.box[0]) / (panel.box[2] - panel.box[0]));
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 4))}px`;
}

for (const card of document.querySelectorAll("[data-figure]")) {
  const figure = figures[card.dataset.figure];
  const picture = card.querySelector("svg");
  if (!figure || !picture) continue;
  picture.addEventListener("pointermove", (event) => showValues(event, figure, picture));
  picture.addEventListener("pointerleave", () => (tip.hidden = true));
}

// ---------------------------------------------------------------- what goes on beyond the edge says so

function markWide() {
  for (const box of document.querySelectorAll(".card, .scroll"))
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 4);
}

addEventListener("resize", markWide);
addEventListener("toggle", markWide, true);
markWide();

// ---------------------------------------------------------------- print shows what is closed

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of closed) one.open = false;
});
