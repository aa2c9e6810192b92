// `DataTable` is what the bundle before this exports as its default.
const tables = [];
for (const table of document.querySelectorAll("table.rows")) {
  const label = table.dataset.label;
  tables.push(new DataTable(table, {
    paging: false,
    order: [],
    autoWidth: false,
    layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: null },
    language: { search: "Filter", info: "_TOTAL_ rows", infoFiltered: "of _MAX_", infoEmpty: "no rows", emptyTable: "The table has no rows.", zeroRecords: "No row fits the filter." },
  }));
  const container = table.closest(".dt-container");
  container.querySelector(".dt-search input").setAttribute("aria-label", `Filter: ${label}`);
  // The filter stays where it is when the table is scrolled: the region that scrolls is now inside.
  const [outer, inner] = [table.closest(".scroll"), table.closest(".dt-layout-cell")];
  for (const name of ["role", "tabindex", "aria-label"]) {
    inner.setAttribute(name, outer.getAttribute(name));
    outer.removeAttribute(name);
  }
  outer.classList.remove("scroll");
  inner.classList.add("scroll");
}

// A link to a row that a filter hides: show all rows first.
window.addEventListener("hashchange", () => {
  const name = decodeURIComponent(location.hash.slice(1));
  if (!name || document.getElementById(name)) return;
  for (const table of tables) table.search("").draw();
  location.replace(location.hash);
});

// The network that a point stands for, beside the pointer or the point that has the focus.
const told = document.getElementById("told");
const tell = (event) => {
  const point = event.target.closest?.("a[data-network]");
  if (!point) return;
  const box = point.getBoundingClientRect();
  told.textContent = point.dataset.network;
  told.hidden = false;
  told.style.left = `${scrollX + Math.max(4, Math.min(box.right + 4, document.documentElement.clientWidth - told.offsetWidth - 4))}px`;
  told.style.top = `${scrollY + Math.max(4, box.top - told.offsetHeight)}px`;
};
const hush = (event) => {
  if (event.type !== "keydown" || event.key === "Escape") told.hidden = true;
};
document.addEventListener("mouseover", tell);
document.addEventListener("focusin", tell);
document.addEventListener("mouseout", hush);
document.addEventListener("focusout", hush);
document.addEventListener("keydown", hush);
