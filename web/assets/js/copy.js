// A button beside each text that is there to be copied.
"use strict";
for (const box of document.querySelectorAll("[data-copy]")) {
	for (const command of box.querySelectorAll("pre")) {
		const button = document.createElement("button");
		button.className = "second";
		button.textContent = box.dataset.copy;
		button.addEventListener("click", async () => {
			await navigator.clipboard.writeText(command.textContent);
			button.textContent = box.dataset.copied;
		});
		command.after(button);
	}
}
