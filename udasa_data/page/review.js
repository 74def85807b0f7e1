// People's verdicts on pairs: kept in this browser, exported as JSON Lines for `build --review`.
const VERDICTS = [["approve", "a", "chosen is the better one"], ["flip", "f", "rejected is the better one"], ["reject", "r", "neither: take the pair out"]];
const KEPT = `udasa-review:${facts.key}`;
const reviews = new Map();  // row → { verdict, note }

function recall() {
  try { for (const [row, review] of JSON.parse(localStorage.getItem(KEPT) ?? "[]")) reviews.set(row, review); } catch { /* nothing is kept here */ }
}
function keep() {
  try { localStorage.setItem(KEPT, JSON.stringify([...reviews])); } catch { /* the export still has it */ }
  const told = [...reviews.values()].filter(({ verdict }) => verdict).length;
  $("reviewed").textContent = `${whole(told)} of ${whole(facts.stages.reduce((sum, stage) => sum + stage.pairs, 0))} pairs have a verdict`;
  $("export").disabled = reviews.size === 0;
}

function say(item, changes) {
  const row = +item.dataset.row;
  const review = { verdict: null, note: "", ...reviews.get(row), ...changes };
  if (review.verdict || review.note) reviews.set(row, review); else reviews.delete(row);
  showReview(item);
  keep();
}
function showReview(item) {
  const verdict = reviews.get(+item.dataset.row)?.verdict;
  for (const button of item.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
}

function reviewBar(item) {
  const row = +item.dataset.row;
  const chosen = (name) => (reviews.get(row)?.verdict === name ? null : name);  // again: taken back
  const note = el("input", { type: "text", value: reviews.get(row)?.note ?? "", oninput: () => say(item, { note: note.value.trim() }) });
  note.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "Escape") item.focus(); });
  item.append(el("div", { class: "review", role: "group", "aria-label": "Your verdict on this pair" },
    ...VERDICTS.map(([name, letter, meaning]) => el("button", { type: "button", "data-verdict": name, "aria-pressed": "false", "aria-keyshortcuts": letter, title: `${meaning} (${letter})`, onclick: () => say(item, { verdict: chosen(name) }) }, name)),
    el("label", {}, "note ", note)));
  showReview(item);
}

function reviewKey(event) {
  const items = [...document.querySelectorAll("#rows > li")];
  const at = items.indexOf(document.activeElement?.closest?.("#rows > li"));
  const to = { j: at + 1, k: at - 1 }[event.key];
  if (to !== undefined) { items[Math.max(0, Math.min(items.length - 1, to))]?.focus(); return true; }
  const item = items[at];
  if (!item?.querySelector(".review")) return false;
  const [name] = VERDICTS.find(([, letter]) => letter === event.key) ?? [];
  if (name) { say(item, { verdict: name }); items[at + 1]?.focus(); } else if (event.key === "n") item.querySelector(".review input").focus();
  return Boolean(name) || event.key === "n";
}

async function exportReviews() {
  await allTexts();
  const lines = [...reviews].sort(([a], [b]) => a - b).map(([row, { verdict, note }]) => {
    const [prompt, chosen, rejected, prompt_id, chosen_id, rejected_id] = texts[row];
    return JSON.stringify({ prompt_id, run: columns.run[row], chosen_id, rejected_id, verdict, note, stage: nameAt("stage", row), p_chosen_better: at("p", row), prompt, chosen, rejected });
  });
  const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }));
  el("a", { href: address, download: "reviews.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
