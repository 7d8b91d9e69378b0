// The chart of how many agree, drawn from the table below it. A day on which something
// was published has a line.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
	const table = document.querySelector("table[data-rates]");
	if (!table || !window.uPlot) return;
	const box = document.getElementById(table.dataset.rates);
	const rows = [...table.tBodies[0].rows].reverse();
	const categories = [...table.tHead.querySelectorAll("[data-category]")];
	const days = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
	const rates = categories.map((c) => rows.map((row) => {
		const rate = row.cells[c.cellIndex].dataset.rate;
		return rate === undefined ? null : Number(rate);
	}));
	if (!rates.some((of) => of.some((rate) => rate !== null))) return;
	const published = rows.flatMap((row, i) => [...row.querySelectorAll("[data-published]")].map((p) => ({day: days[i], text: table.dataset.version + p.dataset.published})));
	box.hidden = false;
	let chart;
	const draw = () => {
		const colour = (name) => { // as the scheme of colours has it now
			box.style.color = `var(${name})`;
			return getComputedStyle(box).color;
		};
		const colours = ["--work", "--done", "--wait", "--stop", "--text"].map(colour), quiet = colour("--quiet"), line = colour("--line");
		box.style.color = "";
		const axis = {stroke: quiet, grid: {stroke: line, width: 1}, ticks: {stroke: line, width: 1}};
		chart?.destroy();
		chart = new uPlot({
			width: box.clientWidth, height: 280, legend: {live: false}, cursor: {show: false},
			tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "UTC"),
			scales: {y: {range: [0, 100]}},
			axes: [{...axis, incrs: [1, 2, 7, 14, 28].map((n) => 86400 * n), values: (_, at) => at.map((t) => new Date(t * 1000).toISOString().slice(5, 10))}, {...axis, values: (_, at) => at.map((v) => v + " %")}],
			series: [{}, ...categories.map((c, i) => ({label: c.dataset.category, stroke: colours[i % colours.length], width: 2, dash: i ? [4 + 4 * i, 4] : undefined, spanGaps: true, points: {show: true, size: 6}}))],
			hooks: {draw: [(u) => {
				const ctx = u.ctx, {top, height} = u.bbox;
				ctx.save();
				ctx.strokeStyle = ctx.fillStyle = quiet;
				ctx.textAlign = "start";
				ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
				for (const p of published) {
					const x = Math.round(u.valToPos(p.day, "x", true));
					ctx.fillRect(x, top, devicePixelRatio, height);
					ctx.fillText(p.text, x + 4 * devicePixelRatio, top + 12 * devicePixelRatio);
				}
				ctx.restore();
			}]},
		}, [days, ...rates], box);
	};
	draw();
	new ResizeObserver(() => { if (chart.width !== box.clientWidth) chart.setSize({width: box.clientWidth, height: 280}); }).observe(box);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
});
