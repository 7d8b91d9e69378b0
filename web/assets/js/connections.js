// Trying out what a new connection would say: the form stays as it is, so that nothing
// has to be entered again. Where something is wrong in it, the whole page says so.
"use strict";
document.addEventListener("htmx:beforeSwap", (e) => {
	const button = e.detail.requestConfig.elt;
	if (e.detail.xhr.status == 200 || !button.form) return;
	button.form.action = button.formAction;
	button.form.submit();
});
