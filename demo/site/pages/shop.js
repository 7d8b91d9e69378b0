// The script of the shop itself. It shows which services run, reads what the
// banner tells Google's tags, and inserts a service late, as many tags do.
const running = new Set();
const show = () => {
	for (const service of running) {
		const at = document.querySelector(`[data-runs="${service}"]`);
		if (!at) continue;
		at.textContent = "runs";
		at.className = "on";
	}
	const google = document.querySelector("[data-google]");
	if (google && told.size) google.textContent = [...told].sort().map(([type, value]) => `${type}: ${value}`).join(", ");
};
document.addEventListener("DOMContentLoaded", show);
window.shop = {
	runs(service) {
		running.add(service);
		show();
	},
};
document.addEventListener("load", event => {
	const at = event.target;
	if (at.dataset?.vendor && /^(IMG|IFRAME)$/.test(at.tagName) && at.getAttribute("src")) shop.runs(at.dataset.vendor);
}, true);

// A reader of the data layer, as Google's tags are: it takes what is there, and
// what is pushed from now on.
const told = new Map();
const take = command => {
	if (!command || command[0] !== "consent") return;
	for (const [type, value] of Object.entries(command[2])) if (value === "granted" || value === "denied") told.set(type, value);
	show();
};
window.dataLayer = window.dataLayer || [];
dataLayer.forEach(take);
{
	const push = dataLayer.push;
	dataLayer.push = (...commands) => {
		const length = push.apply(dataLayer, commands);
		commands.forEach(take);
		return length;
	};
}

const late = document.currentScript.dataset.late;
addEventListener("load", () => setTimeout(() => {
	const script = document.createElement("script");
	script.type = "text/plain";
	script.dataset.category = "marketing";
	script.dataset.vendor = "nudgeberry";
	script.src = late;
	document.body.append(script);
}));
