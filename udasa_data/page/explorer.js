// The explorer: columns of numbers for all rows at once; texts and answers a block at a time.
const FACTOR = 10000, NONE = -32768;
const NAMES = facts.columns;
const N = facts.rows;
const columns = {};
let bounds;
const texts = new Array(N);  // [prompt, first answer, second answer, prompt_id, their sample ids]
const loading = new Map();
const DEFAULTS = { q: "", kind: "pairs", stage: "", axis: "", source: "", why: "", sort: "delta", order: "down", page: 1 };
let view = { ...DEFAULTS };
let found = new Uint32Array(0);

async function inflate(id) {
  const node = $(id);
  const packed = Uint8Array.from(atob(node.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
const parsed = async (id) => JSON.parse(new TextDecoder().decode(await inflate(id)));

function loadTexts(block) {
  if (!loading.has(block)) {
    loading.set(block, parsed(`t${block}`).then((rows) => rows.forEach((row, i) => { texts[block * facts.text_block + i] = row; })));
  }
  return loading.get(block);
}
const allTexts = async () => { for (let b = 0; b * facts.text_block < N; b += 1) await loadTexts(b); };

const at = (name, row) => {
  const value = columns[name][row];
  return value === NONE ? NaN : value / FACTOR;
};
const nameAt = (name, row) => facts.names[name][columns[name][row]] ?? "";

function pattern() {
  return view.q ? new RegExp(view.q.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "iu") : null;
}

async function select() {
  const { kind, stage, axis, source, why, sort, order } = view;
  const code = (name, chosen) => (chosen === "" ? -1 : facts.names[name].indexOf(chosen));
  const wanted = [["stage", code("stage", stage)], ["axis", code("axis", axis)], ["source", code("source", source)], ["why", code("why", why)]]
    .filter(([, value]) => value >= 0);
  const sought = pattern();
  if (sought) await allTexts();
  const keep = [];
  for (let row = 0; row < N; row += 1) {
    const isPair = columns.stage[row] >= 0;
    if ((kind === "pairs" && !isPair) || (kind === "out" && isPair)) continue;
    const told = Boolean(reviews.get(row)?.verdict);
    if ((kind === "told" && !told) || (kind === "untold" && (told || !isPair))) continue;
    if (!wanted.every(([name, value]) => columns[name][row] === value)) continue;
    if (sought && !texts[row].slice(0, 3).some((text) => text !== null && sought.test(text))) continue;
    keep.push(row);
  }
  found = Uint32Array.from(keep);
  if (sort === "order") { if (order === "down") found.reverse(); return; }
  const by = columns[sort], sign = order === "down" ? -1 : 1;
  found.sort((a, b) => {  // what has no figure comes last, either way
    if (by[a] === by[b]) return a - b;
    if (by[a] === NONE) return 1;
    return by[b] === NONE ? -1 : sign * (by[a] - by[b]);
  });
}

function marked(text, className) {
  const node = el("p", { class: className, dir: "auto" });
  const sought = pattern();
  let rest = text ?? "";
  for (let hit = sought && sought.exec(rest); hit && hit[0]; hit = sought.exec(rest)) {
    node.append(rest.slice(0, hit.index), el("mark", {}, hit[0]));
    rest = rest.slice(hit.index + hit[0].length);
  }
  node.append(rest);
  return node;
}

function side(row, which, title, text) {
  const us = [["u", "u"], ["semantic", "s"], ["factual", "f"], ["value", "v"]].map(([name, letter]) =>
    el("span", {}, `${name} `, el("b", {}, figure3(at(`${letter}_${which}`, row)))));
  const tokens = columns[`tokens_${which}`][row];
  return el("div", { class: `side ${which}` }, el("h3", {}, title), marked(text, "text clamp"),
    el("p", { class: "us" }, ...us, el("span", {}, `${tokens === NONE ? "–" : tokens} tokens`)));
}

function listed(row) {
  const [prompt, first, second] = texts[row];
  const isPair = columns.stage[row] >= 0;
  const stage = isPair ? nameAt("stage", row) : "";
  const count = columns.answers[row];
  const more = el("div", { class: "more", hidden: "" });
  const button = el("button", { type: "button", "aria-expanded": "false", disabled: count ? null : "" }, count ? `All ${count} answers` : "No answers");
  const item = el("li", { class: stage, "data-row": row, tabindex: "-1" }, el("div", { class: "head" },
    el("span", { class: "chip" }, isPair ? stage : `left out: ${words(nameAt("why", row))}`),
    isPair ? el("span", {}, `P ${figure3(at("p", row))}`) : null,
    el("span", {}, `Δu ${figure3(at("delta", row))}${Number.isNaN(at("se", row)) ? "" : ` ± ${figure3(at("se", row))}`}`),
    el("span", {}, nameAt("axis", row)), el("span", {}, nameAt("source", row)),
    facts.runs.length > 1 ? el("span", {}, facts.runs[columns.run[row]]) : null, button),
  marked(prompt, "text prompt clamp"),
  first === null ? null : el("div", { class: "sides" },
    side(row, "chosen", isPair ? "chosen" : "least uncertain", first),
    second === null ? null : side(row, "rejected", isPair ? "rejected" : "most uncertain", second)), more);
  button.addEventListener("click", async () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (!open && !more.hasChildNodes()) await explain(row, more);
    more.hidden = open;
    item.querySelectorAll(".text").forEach((text) => text.classList.toggle("clamp", open && !text.closest(".more")));
  });
  if (isPair) reviewBar(item);
  return item;
}

function verdict(row) {
  const { rejected, rule_words: rules } = facts.rules;
  const [value, limit] = [bounds[2 * row], bounds[2 * row + 1]];
  if (columns.stage[row] >= 0) {
    const [low, high] = facts.thresholds ?? [NaN, NaN];
    const stage = nameAt("stage", row);
    const place = { conservative: `at or above ${figure3(high)}`, moderate: `between ${figure3(low)} and ${figure3(high)}`, exploratory: `below ${figure3(low)}` };
    return `Chosen: the least uncertain answer that is fit to be chosen. Rejected: ${rules[rejected]}. P(chosen better) ${figure3(at("p", row))} is ${place[stage]}: ${stage}.`;
  }
  const shown = (x) => (Number.isInteger(x) ? String(x) : figure3(x));
  const figures = Number.isNaN(value) ? "" : ` (${shown(value)}${Number.isNaN(limit) ? "" : `, limit ${shown(limit)}`})`;
  return `Left out: ${facts.rules.why_words[nameAt("why", row)]}${figures}.`;
}

async function explain(row, place) {
  const [context, answers] = (await parsed(`a${Math.floor(row / facts.answer_block)}`))[row % facts.answer_block];
  const num = (x) => (x === null ? "–" : (x / FACTOR).toFixed(3));
  answers.sort((a, b) => (a[2] ?? Infinity) - (b[2] ?? Infinity));
  const clusters = [...new Set(answers.map((a) => a[6]).filter((c) => c !== null))];
  const body = answers.map(([id, text, u, s, f, v, cluster, tokens, thoughts, state]) => {
    const role = facts.rules.states[state];
    const own = text === 0 ? texts[row][1] : text === 1 ? texts[row][2] : text;
    const numbers = [num(u), num(s), num(f), num(v), cluster === null ? "–" : String(1 + clusters.indexOf(cluster)), String(tokens)];
    return el("tr", { class: role }, el("td", { class: "role" }, `${facts.rules.state_words[state]} · #${id}`),
      el("td", { class: "text", dir: "auto" }, thoughts ? el("details", {}, el("summary", {}, "reasoning"), thoughts) : null, own || "(empty)"), ...numbers.map((x) => el("td", { class: "n" }, x)));
  });
  const header = ["role", "answer", "u", "semantic", "factual", "value", "meaning", "tokens"];
  place.append(el("p", {}, verdict(row)), ...(context ? [el("p", { class: "text" }, el("b", {}, "Evidence: "), context)] : []),
    scrolled(el("table", {}, el("thead", {}, el("tr", {}, ...header.map((x, i) => el("th", { scope: "col", class: i > 1 ? "n" : null }, x)))), el("tbody", {}, ...body)), "All answers"));
}

function pager(pages) {
  const go = (name, page, label) => el("button", { type: "button", "aria-label": label, disabled: page < 1 || page > pages || page === view.page ? "" : null, onclick: () => choose({ page }, true) }, name);
  for (const nav of document.querySelectorAll(".pager")) {
    const input = el("input", { type: "number", min: 1, max: pages, value: view.page, "aria-label": "Page", onchange: () => choose({ page: Math.min(pages, Math.max(1, Math.trunc(+input.value) || 1)) }, true) });
    nav.replaceChildren(go("«", 1, "First page"), go("‹ Previous", view.page - 1, "Previous page"), "page ", input, ` of ${whole(pages)} `,
      go("Next ›", view.page + 1, "Next page"), go("»", pages, "Last page"));
  }
}

let turn = 0;
async function render(scroll) {
  const rendering = ++turn;
  await select();
  const size = facts.page_size, pages = Math.max(1, Math.ceil(found.length / size));
  view.page = Math.min(view.page, pages);
  const rows = [...found.slice((view.page - 1) * size, view.page * size)];
  await Promise.all([...new Set(rows.map((row) => Math.floor(row / facts.text_block)))].map(loadTexts));
  if (rendering !== turn) return;  // a later choice overtook this one
  $("rows").replaceChildren(...rows.map(listed));
  $("found").textContent = found.length
    ? `${whole(found.length)} of ${whole(N)} prompts; ${whole((view.page - 1) * size + 1)} to ${whole((view.page - 1) * size + rows.length)} shown`
    : "Nothing matches; clear a filter.";
  pager(pages);
  if (scroll) $("pairs").scrollIntoView();
  document.documentElement.dataset.ready = String(rendering);
}

function choose(changes, scroll = false) {
  view = { ...view, page: 1, ...changes };
  const chosen = Object.entries(view).filter(([name, value]) => value !== DEFAULTS[name]);
  history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
  for (const name of ["q", "kind", "stage", "axis", "source", "why", "sort", "order"]) $(name).value = view[name];
  return render(scroll);
}

function read() {
  const linked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const known = (name) => [...$(name).options].some((option) => option.value === linked[name]);
  view = { ...DEFAULTS };
  for (const name of ["kind", "stage", "axis", "source", "why", "sort", "order"]) if (name in linked && known(name)) view[name] = linked[name];
  view.q = linked.q ?? "";
  view.page = Math.max(1, Math.trunc(+linked.page) || 1);
}

function controls() {
  const options = (id, entries) => $(id).append(...entries.map(([value, label]) => el("option", { value }, label)));
  options("kind", [["pairs", "pairs"], ["untold", "pairs without your verdict"], ["told", "pairs with your verdict"], ["out", "prompts without a pair"], ["all", "all prompts"]]);
  for (const name of ["stage", "axis", "source", "why"]) options(name, [["", "any"], ...facts.names[name].map((x) => [x, words(x)])]);
  options("sort", [...facts.sorts, ["order", "order of the run"]]);
  for (const id of ["kind", "stage", "axis", "source", "sort", "order"]) $(id).addEventListener("change", () => choose({ [id]: $(id).value }));
  $("why").addEventListener("change", () => choose({ why: $("why").value, ...($("why").value && view.kind === "pairs" ? { kind: "out", stage: "" } : {}) }));
  let waiting;
  $("q").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => choose({ q: $("q").value.trim() }), 150); });
  $("clear").addEventListener("click", () => choose({ ...DEFAULTS }));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { read(); choose({ ...view }); });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "/") { event.preventDefault(); $("q").focus(); }
    else if (reviewKey(event)) event.preventDefault();
    else if (step && view.page + step >= 1 && (view.page + step - 1) * facts.page_size < found.length) choose({ page: view.page + step }, true);
  });
}

async function start() {
  controls();
  recall();
  keep();
  $("export").addEventListener("click", exportReviews);
  const numbers = new Int16Array(await inflate("columns"));
  NAMES.forEach((name, i) => { columns[name] = numbers.subarray(i * N, (i + 1) * N); });
  bounds = new Float32Array(await inflate("bounds"));
  read();
  await choose({ ...view });
  const idle = window.requestIdleCallback ?? setTimeout;
  idle(allTexts);  // so that the first search need not wait
}
document.addEventListener("DOMContentLoaded", start);
