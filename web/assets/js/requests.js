// The page of a request: the drawing of its graph, from the table below it, and what
// stays as it was while the page renews itself.
"use strict";
(() => {
	const svg = (name, attributes, ...inside) => {
		const e = document.createElementNS("http://www.w3.org/2000/svg", name);
		for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
		e.append(...inside);
		return e;
	};

	// Beside its colour each state has a sign, and its box an outline of its own.
	const signs = { done: "✓", work: "→", stop: "✕", over: "–", wait: "…" };

	// box is a collection or a system, which leads to its row.
	const box = (n) => svg("a", { href: n.href, "data-kind": n.kind },
		svg("rect", { x: n.x - n.width / 2, y: n.y - n.height / 2, width: n.width, height: n.height, rx: 6 }),
		svg("text", { x: n.x, y: n.y - 5, "text-anchor": "middle" }, n.address),
		svg("text", { x: n.x, y: n.y + 13, "text-anchor": "middle", class: "state" }, n.state));

	const line = (points) => svg("path", { d: "M" + points.map((p) => p.x + " " + p.y).join("L"), "marker-end": "url(#tip)" });

	function draw() {
		const figure = document.getElementById("drawing");
		if (!figure) return;
		const of = (table) => document.querySelectorAll(table + " tbody > tr");
		const few = of("#vertices");
		const rows = few.length && few.length <= figure.dataset.most ? few : of("#groups");
		if (!rows.length) return;
		const g = new dagre.graphlib.Graph().setGraph({ rankdir: "LR", nodesep: 14, ranksep: 44, marginx: 12, marginy: 12 });
		g.setDefaultEdgeLabel(() => ({}));
		for (const row of rows) {
			const kind = row.dataset.kind, vertex = row.querySelector(".vertex"), address = vertex.textContent;
			const state = signs[kind] + " " + (row.querySelector(".status") ?? row.querySelector(".number")).textContent;
			g.setNode(row.id, { href: vertex.getAttribute("href") ?? "#" + row.id, kind, address, state, width: 24 + 7.5 * Math.max(address.length, state.length), height: 48 });
		}
		for (const row of rows) for (const up of row.dataset.up.split(" ")) if (up && g.hasNode(up)) g.setEdge(up, row.id);
		dagre.layout(g);
		// All boxes of a column are as wide as the widest, and lines run from side to side,
		// so that none runs behind a box.
		const boxes = g.nodes().map((id) => g.node(id));
		const widest = (x) => Math.max(...boxes.filter((n) => n.x == x).map((n) => n.width));
		for (const n of boxes) n.room = widest(n.x);
		for (const n of boxes) n.width = n.room;
		const between = (e) => {
			const from = g.node(e.v), to = g.node(e.w);
			return [{ x: from.x + from.width / 2, y: from.y }, ...g.edge(e).points.slice(1, -1), { x: to.x - to.width / 2, y: to.y }];
		};
		const { width, height } = g.graph();
		const tip = svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8z" })));
		figure.replaceChildren(svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, tip,
			...g.edges().map((e) => line(between(e))), ...g.nodes().map((id) => box(g.node(id)))));
		figure.hidden = false;
	}

	// What is open, entered and focused is found again by its id, or by what it says.
	const mark = (e) => e.id || [e.tagName, e.getAttribute("href"), e.textContent].join(" ");
	const named = (e) => e.id || e.getAttribute("aria-labelledby") || e.getAttribute("aria-label");
	const focusable = "a, button, input, select, textarea, summary, [tabindex]";
	let kept;
	document.addEventListener("htmx:beforeSwap", (e) => {
		if (e.detail.xhr.status != 200) return;
		const live = document.getElementById("live"), at = document.activeElement;
		kept = {
			open: [...live.querySelectorAll("details[open][id]")].map((d) => d.id),
			entered: [...live.querySelectorAll("textarea, input:not([type=hidden], [type=radio])")].filter((f) => f.id && f.value != f.defaultValue).map((f) => [f.id, f.value]),
			ticked: [...live.querySelectorAll("input:is([type=checkbox], [type=radio])")].filter((f) => f.checked != f.defaultChecked).map((f) => [f.name, f.value, f.checked]),
			chosen: [...live.querySelectorAll("select[id]")].map((f) => [f.id, f.value]),
			moved: [...live.querySelectorAll(".scroll")].filter((s) => s.scrollLeft || s.scrollTop).map((s) => [named(s), s.scrollLeft, s.scrollTop]),
			at: live.contains(at) ? mark(at) : "",
		};
	});
	document.addEventListener("htmx:afterSettle", () => {
		draw();
		if (!kept) return;
		const { open, entered, ticked, chosen, moved, at } = kept;
		const live = document.getElementById("live");
		kept = undefined;
		for (const id of open) document.getElementById(id)?.setAttribute("open", "");
		for (const [id, value] of entered) if (document.getElementById(id)) document.getElementById(id).value = value;
		for (const [name, value, checked] of ticked) for (const f of live.querySelectorAll("input")) if (f.name == name && f.value == value) f.checked = checked;
		for (const [id, value] of chosen) {
			const f = document.getElementById(id);
			if ([...(f?.options ?? [])].some((o) => o.value == value)) f.value = value;
		}
		for (const [name, left, top] of moved) [...live.querySelectorAll(".scroll")].find((s) => named(s) == name)?.scrollTo(left, top);
		if (at) [...document.querySelectorAll("#live :is(" + focusable + ")")].find((e) => mark(e) == at)?.focus({ preventScroll: true });
	});
	draw();
})();
