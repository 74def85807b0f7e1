// The figures of a run, drawn as SVG. Text goes in as text nodes only: nothing is ever parsed as HTML.
const facts = JSON.parse(document.getElementById("facts").textContent);
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const figure3 = (x) => (x === null || Number.isNaN(x) ? "–" : x.toFixed(3));
const whole = (n) => n.toLocaleString("en");
const words = (name) => name.replaceAll("_", " ");
const percent = (share) => `${Math.round(100 * share)}%`;

function table(header, rows) {
  const cell = (tag, x, n) => el(tag, { class: n ? "n" : null, scope: tag === "th" ? "col" : null }, x);
  return el("table", {}, el("thead", {}, el("tr", {}, ...header.map((x, n) => cell("th", x, n)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((x, n) => cell("td", x, n))))));
}
const scrolled = (node, name) => el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": name }, node);
const card = (width, title, ...children) => $("figures").append(
  el("figure", { class: width }, el("h3", {}, title), ...children));
const key = (...entries) => el("ul", { class: "key" }, ...entries.map(([name, colour]) =>
  el("li", {}, el("i", { "--c": `var(--${colour})` }), name)));

// A frame with its x axis from `start` (0) to `top`; `draw` adds what is in it.
function plot(label, top, draw, { width = 340, height = 150, axis = "", start = 0 } = {}) {
  const [left, right, foot] = [8, 8, axis ? 32 : 18];
  const x = (value) => left + ((value - start) / (top - start)) * (width - left - right);
  const y = (share) => (height - foot) * (1 - share) + 4 * share;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((t) => svg("text", {
    x: x(start + t * (top - start)), y: height - foot + 13, "text-anchor": t === 0 ? "start" : t === 1 ? "end" : "middle",
  }, String(+(start + t * (top - start)).toPrecision(3))));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    svg("line", { class: "grid", x1: left, x2: width - right, y1: y(0), y2: y(0) }), ...ticks, ...draw(x, y),
    svg("text", { x: width / 2, y: height - 3, "text-anchor": "middle" }, axis));
}

const pairsInAll = () => facts.stages.reduce((sum, stage) => sum + stage.pairs, 0);

function gaps() {
  const { bins, from: start, top } = facts.gaps;
  const most = Math.max(1, ...bins.map((bin) => bin.reduce((a, b) => a + b, 0)));
  const draw = (x, y) => {
    const bars = bins.flatMap((bin, n) => {
      const [from, to] = [n, n + 1].map((at) => start + (at / bins.length) * (top - start));
      let sum = 0;
      return bin.map((count, stage) => {
        const low = sum / most;
        sum += count;
        return count ? svg("rect", {
          x: x(from) + 0.5, width: x(to) - x(from) - 1, y: y(sum / most), height: y(low) - y(sum / most),
          fill: `var(--${facts.stages[stage].name})`,
          "data-tip": `${facts.stages[stage].name}: ${whole(count)} pairs, P ${from.toFixed(2)}–${to.toFixed(2)}`,
        }) : null;
      });
    });
    const cuts = (facts.thresholds ?? []).filter((cut) => cut <= top).map((cut) =>
      svg("line", { class: "cut", x1: x(cut), x2: x(cut), y1: y(0), y2: y(1), "data-tip": `threshold ${cut.toFixed(3)}` }));
    return [...bars, ...cuts];
  };
  card("w6", "How surely the chosen answer is the better one", plot(
    `Histogram of P(chosen better); thresholds ${(facts.thresholds ?? []).map(figure3).join(" and ")}`, top, draw,
    { width: innerWidth < 800 ? 330 : 540, height: 212, start, axis: "P(chosen is the better one), from a toss-up to sure" }), key(...facts.stages.map((stage) => [stage.name, stage.name]), ["stage thresholds", "ink"]),
  el("p", { class: "quiet" }, `The highest bar is ${whole(most)} of ${whole(pairsInAll())} pairs.`));
}

function stages() {
  const header = ["stage", "pairs", "P", "semantic", "factual", "value", "tokens"];
  const both = (pair, show) => `${show(pair[0])} → ${show(pair[1])}`;
  const short = (x) => (x === null ? "–" : x.toFixed(2).replace(/^0/, ""));
  const rows = facts.stages.map((s) => [
    el("button", { type: "button", class: `chip ${s.name}`, onclick: () => choose({ kind: "pairs", why: "", stage: s.name }, true) }, s.name),
    whole(s.pairs), s.low === null ? "–" : `${short(s.low)}–${short(s.high)}`, both(s.semantic, short), both(s.factual, short),
    both(s.value, short), both(s.tokens, (x) => (x === null ? "–" : x.toFixed(0))),
  ]);
  card("w6", "Stages, in training order", scrolled(table(header, rows), "Stages"),
    el("p", { class: "quiet" }, "Means over the pairs of a stage, chosen → rejected. Uncertainties are raw, in [0, 1]; higher is worse."));
}

function dimension(name, { all, chosen, rejected, scored, mean }) {
  const share = (counts) => { const sum = counts.reduce((a, b) => a + b, 0) || 1; return counts.map((n) => n / sum); };
  const parts = [share(all), share(chosen), share(rejected)];
  const most = Math.max(0.01, ...parts.flat());
  const n = all.length;
  const draw = (x, y) => [
    ...parts[0].map((p, i) => svg("rect", {
      x: x(i / n) + 0.5, width: x(1 / n) - x(0) - 1, y: y(p / most), height: y(0) - y(p / most), fill: "var(--all)",
      "data-tip": `${(i / n).toFixed(2)}–${((i + 1) / n).toFixed(2)}: ${percent(p)} of all answers, `
        + `${percent(parts[1][i])} of the chosen, ${percent(parts[2][i])} of the rejected`,
    })),
    ...["chosen", "rejected"].map((side, s) => svg("path", {
      d: parts[s + 1].map((p, i) => `${i ? "L" : "M"}${x(i / n)} ${y(p / most)}H${x((i + 1) / n)}`).join(""),
      fill: "none", stroke: `var(--${side})`, "stroke-width": 2, "pointer-events": "none",
    })),
  ];
  return el("div", {}, plot(`Distribution of ${name}: all answers, chosen and rejected`, 1, draw, { width: 262, height: 130 }),
    el("p", { class: "quiet" }, el("b", {}, name), ` · ${whole(scored)} scored, mean ${figure3(mean)}`));
}

function lengths() {
  const { counts, edges } = facts.lengths;  // [chosen][rejected]
  const size = 200, n = counts.length, step = size / n;
  const most = Math.max(1, ...counts.flat());
  const cells = counts.flatMap((row, i) => row.map((count, j) => (count ? svg("rect", {
    x: 34 + j * step, y: size - (i + 1) * step, width: step - 0.5, height: step - 0.5, fill: "var(--conservative)",
    "fill-opacity": 0.15 + 0.85 * Math.sqrt(count / most),
    "data-tip": `${whole(count)} pairs: chosen ${edges[i]}–${edges[i + 1]}, rejected ${edges[j]}–${edges[j + 1]} tokens`,
  }) : null)));
  const tick = (k, i) => [
    svg("text", { x: 34 + i * step, y: size + 13, "text-anchor": "middle" }, k),
    i ? svg("text", { x: 30, y: size - i * step + 4, "text-anchor": "end" }, k) : null,
  ];
  const marks = edges.flatMap((edge, i) => (i % Math.ceil(n / 4) ? [] : tick(String(edge), i)));
  card("w4", "Length of chosen against rejected", svg(
    "svg", { viewBox: `0 0 ${size + 60} ${size + 32}`, role: "img", "aria-label": "Map of the lengths of chosen and rejected answers in tokens" },
    ...cells, svg("line", { class: "cut", x1: 34, y1: size, x2: 34 + size, y2: 0 }), ...marks,
    svg("text", { x: 34 + size / 2, y: size + 28, "text-anchor": "middle" }, "rejected, tokens"),
    svg("text", { x: -size / 2, y: 9, transform: "rotate(-90)", "text-anchor": "middle" }, "chosen, tokens")),
  el("p", { class: "quiet" }, `Above the line chosen is the longer; ${whole(pairsInAll())} pairs, logarithmic scale.`));
}

function correlations() {
  const { names, rho } = facts.correlations;
  const step = 54, left = 62;
  const cell = (value, i, j) => [
    svg("rect", {
      x: left + j * step, y: i * step, width: step - 2, height: step - 2, rx: 3, fill: value < 0 ? "var(--rejected)" : "var(--conservative)",
      "fill-opacity": value === null || i === j ? 0.06 : 0.06 + 0.7 * Math.abs(value),
      "data-tip": `${names[i]} ~ ${names[j]}: ${figure3(value)}`,
    }),
    svg("text", { class: "on", x: left + j * step + step / 2 - 1, y: i * step + step / 2 + 3, "text-anchor": "middle", "pointer-events": "none" },
      i === j ? "" : value === null ? "–" : value.toFixed(2)),
  ];
  const size = names.length * step;
  card("w4", "Rank correlations", svg("svg", { viewBox: `0 0 ${left + size} ${size + 16}`, role: "img", "aria-label": "Rank correlations of the dimensions and the length" },
    ...rho.flatMap((row, i) => row.flatMap((value, j) => cell(value, i, j))),
    ...names.flatMap((name, i) => [svg("text", { x: left - 6, y: i * step + step / 2 + 3, "text-anchor": "end" }, name),
      svg("text", { x: left + i * step + step / 2, y: size + 11, "text-anchor": "middle" }, name)])),
  el("p", { class: "quiet" }, `Spearman's, over the answers that both measure (up to ${facts.tiles[1][1]}). Near 0 is what one hopes for.`));
}

function reasons() {
  const most = Math.max(1, ...facts.dropped.map(([, , n]) => n));
  const bars = facts.dropped.map(([what, why, n]) => el("li", {}, el("button", {
    type: "button", disabled: facts.names.why.includes(why) ? null : "", title: "Show them below", onclick: () => choose({ kind: "out", stage: "", why }, true),
  }, `${words(why)} (${what})`, el("i", { "--w": percent(n / most) }), el("span", { class: "n" }, whole(n)))));
  card("w4", "Left out, and why", bars.length ? el("ul", { class: "bars" }, ...bars) : el("p", { class: "quiet" }, "Nothing."));
}

function tips() {
  const tip = el("div", { id: "tip", hidden: "" });
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const text = event.target instanceof Element ? event.target.getAttribute("data-tip") : null;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
}

function drawFigures() {
  $("made").textContent = facts.made;
  $("tiles").append(...facts.tiles.map(([name, figure, more]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, figure, " ", el("small", {}, more)))));
  gaps();
  stages();
  card("w12", "Uncertainty of all answers, of the chosen and of the rejected",
    el("div", { class: "row" }, ...facts.dimensions.map(([name, counts]) => dimension(name, counts))),
    key(["all answers", "all"], ["chosen", "chosen"], ["rejected", "rejected"]));
  lengths();
  correlations();
  reasons();
  $("notes").append(...facts.notes.map((note) => el("li", {}, note)));
  $("making").append(table(["what", "how"], facts.making), el("pre", {}, facts.config));
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  tips();
}
drawFigures();
