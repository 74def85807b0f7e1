"use strict";
// Text goes in as text nodes only: nothing that a model wrote is ever parsed as HTML.
const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const two = facts.runs.length === 2;
const DEFAULTS = { task: "0", q: "", metric: "0", show: "all", category: "", sort: two ? "difference" : "order", page: 1 };
let view = { ...DEFAULTS };
const read = new Map();  // task → its rows: [prompt, category, side, side]; a side is [text, reasoning, cut, scores, said]

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const figure = (x) => (x === null || x === undefined ? "–" : Number.isInteger(x) ? String(x) : x.toFixed(3));
const whole = (n) => n.toLocaleString("en");
const words = (name) => name.replaceAll("_", " ");

async function rowsOf(task) {
  if (!read.has(task)) {
    const packed = Uint8Array.from(atob($(`t${task}`).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    read.set(task, await new Response(stream).json());
  }
  return read.get(task);
}

const task = () => facts.tasks[view.task];
const scoreOf = (side) => (side ? side[3][view.metric] ?? null : null);
const sign = () => (task().metrics[view.metric]?.direction === "lower" ? -1 : 1);

// a − b in the direction of the metric: above 0 where a is better; null where one has no score
function gap(row) {
  const [a, b] = [scoreOf(row[2]), scoreOf(row[3])];
  return a === null || b === null ? null : sign() * (a - b);
}

const SHOWN = {
  all: ["all", () => true],
  differ: ["where the runs differ", (row) => gap(row)],
  first: ["where the first is better", (row) => gap(row) > 0],
  second: ["where the second is better", (row) => gap(row) < 0],
  unscored: ["unscored", (row) => row.slice(2).some((side) => side && scoreOf(side) === null)],
  cut: ["cut at the limit of tokens", (row) => row.slice(2).some((side) => side && side[2])],
  alone: ["in one run only", (row) => !row[2] || !row[3]],
};
const FOR_TWO = new Set(["differ", "first", "second", "alone"]);

const SORTED = {
  difference: ["difference, largest first", (row) => -Math.abs(gap(row) ?? NaN)],
  first: ["first run better first", (row) => -(gap(row) ?? NaN)],
  second: ["second run better first", (row) => gap(row) ?? NaN],
  order: ["order of the run", null],
  high: ["score, highest first", (row) => -(scoreOf(row[2]) ?? NaN)],
  low: ["score, lowest first", (row) => scoreOf(row[2]) ?? NaN],
};
const SORTS_OF_TWO = new Set(["difference", "first", "second"]);

function pattern() {
  return view.q ? new RegExp(view.q.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "iu") : null;
}

function select(rows) {
  const sought = pattern();
  const texts = (row) => [row[0], ...row.slice(2).flatMap((side) => (side ? [side[0], side[1]] : []))];
  const keep = SHOWN[view.show][1];
  const found = rows.filter((row) => keep(row) && (view.category === "" || row[1] === view.category)
    && (!sought || texts(row).some((text) => text && sought.test(text))));
  const by = SORTED[view.sort][1];
  if (!by) return found;
  // what has no figure comes last; equal ones stay in the order of the run
  const keyed = found.map((row, n) => [by(row), n, row]);
  keyed.sort((x, y) => (Number.isNaN(x[0]) - Number.isNaN(y[0])) || (x[0] - y[0] || 0) || x[1] - y[1]);
  return keyed.map(([, , row]) => row);
}

function marked(text, name) {
  const node = el("p", { class: name, dir: "auto" });
  const sought = pattern();
  let rest = text;
  for (let hit = sought && sought.exec(rest); hit && hit[0]; hit = sought.exec(rest)) {
    node.append(rest.slice(0, hit.index), el("mark", {}, hit[0]));
    rest = rest.slice(hit.index + hit[0].length);
  }
  node.append(rest);
  return node;
}

function shownSide(side, label, better) {
  const head = el("h3", {}, better ? `${label} · better` : label);
  if (!side) return el("div", { class: "side" }, head, el("p", { class: "faint" }, "not in this run"));
  const [text, reasoning, cut, scores, said] = side;
  const figures = task().metrics.map((metric, n) => el("span", {}, `${words(metric.name)} ${metric.direction === "lower" ? "↓" : "↑"} `, el("b", {}, figure(scores[n]))));
  return el("div", { class: better ? "side better" : "side" }, head,
    reasoning ? el("details", { class: "reasoning" }, el("summary", {}, "reasoning"), marked(reasoning, "text")) : null,
    text === null ? el("p", { class: "faint" }, "no answer") : text === "" ? el("p", { class: "faint" }, "(empty)") : marked(text, "text clamp"),
    cut ? el("p", { class: "cut" }, "cut at the limit of tokens") : null,
    el("p", { class: "scores" }, ...figures),
    said ? marked(said, "said text") : null);
}

function item(row) {
  const difference = two ? gap(row) : null;
  const button = el("button", { type: "button", "aria-expanded": "false" }, "Whole texts");
  const node = el("li", {}, el("div", { class: "head" },
    row[1] ? el("span", {}, row[1]) : null,
    difference === null ? null : el("span", {}, `difference ${figure(Math.abs(difference))}`), button),
  marked(row[0], "text prompt clamp"),
  el("div", { class: "sides" }, ...facts.runs.map((label, n) => shownSide(row[2 + n], label, difference !== null && (n ? difference < 0 : difference > 0)))));
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    button.textContent = open ? "Whole texts" : "Shorter";
    node.querySelectorAll(".prompt, .side > .text:not(.said)").forEach((text) => text.classList.toggle("clamp", open));
  });
  return node;
}

function pager(pages) {
  const go = (name, page, label) => el("button", { type: "button", "aria-label": label, disabled: page < 1 || page > pages ? "" : null, onclick: () => choose({ page }, true) }, name);
  for (const nav of document.querySelectorAll(".pager")) {
    nav.replaceChildren(...(pages < 2 ? [] : [go("‹ Previous", view.page - 1, "Previous page"), `page ${whole(view.page)} of ${whole(pages)}`, go("Next ›", view.page + 1, "Next page")]));
  }
}

function tally(rows) {
  if (!two) return "";
  const gaps = rows.map(gap).filter((x) => x !== null);
  const count = (test) => whole(gaps.filter(test).length);
  return `${words(task().metrics[view.metric]?.name ?? "")}: ${facts.runs[0]} better on ${count((x) => x > 0)}, ${facts.runs[1]} on ${count((x) => x < 0)}, equal on ${count((x) => x === 0)}.`;
}

let turn = 0;
async function render(scroll) {
  const rendering = ++turn;
  const all = await rowsOf(view.task);
  if (rendering !== turn) return;  // a later choice overtook this one
  const found = select(all);
  const pages = Math.max(1, Math.ceil(found.length / facts.page_size));
  view.page = Math.min(view.page, pages);
  const first = (view.page - 1) * facts.page_size;
  const rows = found.slice(first, first + facts.page_size);
  $("rows").replaceChildren(...rows.map(item));
  const judges = task().judges.map((who) => ` Judges: ${who}.`).join("");
  $("tally").textContent = tally(all) + judges;
  $("found").textContent = found.length
    ? `${whole(found.length)} of ${whole(all.length)} samples; ${whole(first + 1)} to ${whole(first + rows.length)} shown`
    : "Nothing matches; clear a filter.";
  pager(pages);
  if (scroll) $("filters").scrollIntoView();
  document.documentElement.dataset.ready = String(rendering);
}

const SELECTS = ["task", "metric", "show", "category", "sort"];

function fillOptions() {
  const options = (id, entries) => $(id).replaceChildren(...entries.map(([value, label]) => el("option", { value }, label)));
  const named = (table, ofTwo) => Object.entries(table).filter(([key]) => two || !ofTwo.has(key)).map(([key, [label]]) => [key, label]);
  options("task", facts.tasks.map((each, n) => [String(n), `${each.name} (${whole(each.samples)})`]));
  options("metric", task().metrics.map((metric, n) => [String(n), words(metric.name)]));
  options("show", named(SHOWN, FOR_TWO));
  options("category", [["", "any"], ...task().categories.map((name) => [name, name])]);
  options("sort", named(SORTED, SORTS_OF_TWO));
  $("of-category").hidden = task().categories.length < 2;
}

function choose(changes, scroll = false) {
  const other = "task" in changes && changes.task !== view.task;
  view = { ...view, page: 1, ...(other ? { metric: "0", category: "" } : {}), ...changes };
  if (other) fillOptions();
  for (const id of ["q", ...SELECTS]) $(id).value = view[id];
  const chosen = Object.entries(view).filter(([name, value]) => value !== DEFAULTS[name]);
  // a task by its name, as others link to it
  const linked = chosen.map(([name, value]) => [name, name === "task" ? task().name : value]);
  history.replaceState(null, "", `#${new URLSearchParams(linked)}`);
  return render(scroll);
}

function fromAddress() {
  const linked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const place = facts.tasks.findIndex((each) => each.name === linked.task);
  view = { ...DEFAULTS, task: String(Math.max(0, place)), q: linked.q ?? "" };
  fillOptions();
  const known = (name) => [...$(name).options].some((option) => option.value === linked[name]);
  for (const name of ["metric", "show", "category", "sort"]) if (name in linked && known(name)) view[name] = linked[name];
  view.page = Math.max(1, Math.trunc(Number(linked.page)) || 1);
}

for (const id of SELECTS) $(id).addEventListener("change", () => choose({ [id]: $(id).value }));
let waiting;
$("q").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => choose({ q: $("q").value.trim() }), 150); });
$("clear").addEventListener("click", () => choose({ ...DEFAULTS, task: view.task }));
$("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", () => { fromAddress(); choose({ ...view }); });
document.addEventListener("keydown", (event) => {
  if (event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "/") { event.preventDefault(); $("q").focus(); }
  else if (step) document.querySelector(`.pager button[aria-label="${step > 0 ? "Next" : "Previous"} page"]:enabled`)?.click();
});
fromAddress();
choose({ ...view });
