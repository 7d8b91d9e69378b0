// Draws the ways of a dataset above their table, which says the same in words: ends are
// boxes, from left to right, and whoever uses no script has the table.
"use strict";
for (const box of document.querySelectorAll("[data-graph]")) {
	const SPACE = "http://www.w3.org/2000/svg";
	const make = (name, attributes, into) => {
		const e = document.createElementNS(SPACE, name);
		for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
		into.append(e);
		return e;
	};
	const own = box.dataset.graph + ":";
	const graph = new dagre.graphlib.Graph({ multigraph: true });
	graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 56, marginx: 4, marginy: 4 });
	const svg = make("svg", { "aria-hidden": "true" }, document.createDocumentFragment());
	box.hidden = false;
	box.append(svg);
	const end = (id, words) => {
		if (graph.hasNode(id)) return;
		const kind = id.startsWith("@") ? "identity" : id.startsWith(own) ? "" : "elsewhere";
		const group = make("g", { class: kind }, svg);
		const frame = make("rect", { rx: 6 }, group);
		const label = make("text", {}, group);
		label.textContent = kind === "" ? id.slice(own.length) : words;
		graph.setNode(id, { group, frame, label, width: label.getBBox().width + 24, height: 32 });
	};
	for (const row of box.parentElement.querySelectorAll("tr[data-from]")) {
		const { from, to } = row.dataset;
		end(from, row.cells[0].textContent);
		end(to, row.cells[1].textContent);
		graph.setEdge(from, to, { either: "either" in row.dataset }, String(row.rowIndex));
	}
	dagre.layout(graph);
	const { width, height } = graph.graph();
	for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(key, value);
	const head = make("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" }, svg);
	make("path", { d: "M0 0 8 4 0 8z" }, head);
	for (const e of graph.edges()) {
		const { points, either } = graph.edge(e);
		const path = make("path", { d: points.map((p, i) => `${i ? "L" : "M"}${p.x} ${p.y}`).join(" "), "marker-end": "url(#head)", class: either ? "either" : "" }, svg);
		svg.prepend(path);
	}
	for (const id of graph.nodes()) {
		const { group, frame, label, x, y, width, height } = graph.node(id);
		group.setAttribute("transform", `translate(${x} ${y})`);
		for (const [key, value] of Object.entries({ x: -width / 2, y: -height / 2, width, height })) frame.setAttribute(key, value);
		label.setAttribute("x", 0);
	}
	const table = box.parentElement.querySelector(".ways");
	if (table) table.open = false;
}
// Keeps the numbers beside a text that is edited as many as its lines.
for (const box of document.querySelectorAll(".editor")) {
	const text = box.querySelector("textarea"), numbers = box.querySelector("pre");
	text.addEventListener("input", () => {
		const lines = text.value.split("\n").length;
		text.rows = Math.max(8, lines);
		while (numbers.children.length > lines) numbers.lastElementChild.remove();
		while (numbers.children.length < lines) {
			const number = document.createElement("span");
			number.textContent = `${numbers.children.length + 1}\n`;
			numbers.append(number);
		}
	});
}
