// The frame of a preview follows what is chosen beside it, without the page being loaded
// anew, and the page tells what the banner in the frame lets run.
"use strict";
(() => {
	const frame = document.querySelector(".preview iframe");
	const form = document.querySelector("form[data-preview]");
	if (!frame || !form) return;
	const effects = document.querySelector("[data-runs]");

	// Fields of a look that is not saved yet go into the address of the frame; those of
	// how a visitor comes by into that of the page, too.
	const address = () => {
		const chosen = new URLSearchParams(new FormData(form));
		const page = new URL(frame.dataset.page, location.href);
		if (form.method === "get") {
			const here = new URL(location.href);
			here.search = chosen;
			history.replaceState(null, "", here);
			frame.parentElement.dataset.width = chosen.get("width");
			page.search = chosen;
		} else {
			page.searchParams.set("looks", "");
			for (const [name, value] of chosen) if (name.startsWith("look.")) page.searchParams.set(name, value);
		}
		return page.href;
	};
	const show = () => frame.contentWindow.location.replace(address());
	let soon;
	form.addEventListener("input", () => {
		clearTimeout(soon);
		soon = setTimeout(show, 200);
	});
	if (form.method === "get") {
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			show();
		});
	}

	addEventListener("message", ({ source, data }) => {
		if (!effects || source !== frame.contentWindow) return;
		for (const row of effects.querySelectorAll("[data-category]")) {
			const runs = data.categories[row.dataset.category] === true;
			const status = row.querySelector(".status");
			status.dataset.kind = runs ? "done" : "over";
			status.textContent = runs ? effects.dataset.runs : effects.dataset.held;
		}
	});

	// A colour can be picked as well as written.
	for (const text of form.querySelectorAll("input[data-colour]")) {
		const picker = document.createElement("input");
		picker.type = "color";
		picker.setAttribute("aria-label", text.labels[0].textContent + ": " + form.dataset.pick);
		const whole = (hex) => (hex.length === 4 ? "#" + [...hex.slice(1)].map((digit) => digit + digit).join("") : hex);
		const follow = () => {
			picker.value = whole(text.validity.valid && text.value ? text.value : text.placeholder);
		};
		follow();
		text.addEventListener("input", follow);
		picker.addEventListener("input", () => {
			text.value = picker.value;
		});
		text.before(picker);
	}
})();
