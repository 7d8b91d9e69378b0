// Keys on lists: / goes to the first field of the filter, j and k to the next and the
// last entry, ? shows them. Nothing happens while something is typed, or with another
// key held.
"use strict";
document.addEventListener("keydown", (e) => {
	if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select, [contenteditable]")) return;
	if (e.key === "/") {
		const field = document.querySelector("main form.filter :is(input, select):not([type=hidden])");
		if (field) { field.focus(); e.preventDefault(); }
	}
	if (e.key === "j" || e.key === "k") {
		const all = [...document.querySelectorAll("main tbody a")];
		const at = all.indexOf(document.activeElement);
		const next = all[e.key === "j" ? at + 1 : Math.max(at, 0) - 1];
		if (next) next.focus();
	}
	if (e.key === "?") document.getElementById("keys").showPopover();
});
