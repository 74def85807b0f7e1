"use strict";
// Sorting: a click on a head sorts by it, best first; another turns it round. Rows without a value stay last.
const table = document.querySelector("table.sortable");
const body = table.tBodies[0];
for (const head of table.tHead.rows[0].cells) {
  const button = head.querySelector("button");
  button.addEventListener("click", () => {
    const first = head.dataset.first;
    const before = head.getAttribute("aria-sort");
    const order = before === null ? first : before === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => row.cells[head.cellIndex].dataset.sort;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const byNumber = head.dataset.kind === "number";
      return sign * (byNumber ? Number(x) - Number(y) : x.localeCompare(y));
    });
    body.append(...rows);
  });
}
