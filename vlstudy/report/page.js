"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (row) => row.cells[place].dataset.key ?? null;
    const word = (row) => row.cells[place].textContent;
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x !== null && y !== null) return (up ? 1 : -1) * (Number(x) - Number(y));
      if (x !== null || y !== null) return x === null ? 1 : -1; // what is missing stays last
      return (up ? 1 : -1) * word(a).localeCompare(word(b), "en", { numeric: true });
    };
    body.append(...[...body.rows].sort(compare));
  }));
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
