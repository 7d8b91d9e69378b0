package web

import (
	"net/http"
	"slices"

	"volenti.dev/volenti/auth"
)

// Table is every page that there is. Each area has its pages in a file of its own.
func Table() []Page {
	return slices.Concat(
		centerPages(),
		preferencePages(),
		sessionPages(),
		homePages(),
		requestPages(),
		messagePages(),
		settingPages(),
		peoplePages(),
		consentPages(),
		sitePages(),
		deletionPages(),
		systemPages(),
		propagationPages(),
		datasetPages(), describePages(),
	)
}

// centerPages are those of people.
func centerPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/{$}", Public: true, Does: "Say what can be asked for here", Act: showHome},
		{Method: http.MethodGet, Path: "/ask/{policy}", Public: true, Does: "Ask a person what they ask for", Act: showAsk},
		{Method: http.MethodPost, Path: "/ask/{policy}", Public: true, Does: "Take what a person asks for", Act: askFor},
		{Method: http.MethodGet, Path: "/prove/{reference}", Public: true, Does: "Ask for the code from the letter", Act: showProve},
		{Method: http.MethodPost, Path: "/prove/{reference}", Public: true, Does: "Take the code", Act: prove},
		{Method: http.MethodPost, Path: "/prove/{reference}/again", Public: true, Does: "Have another code sent", Act: sendCode},
		{Method: http.MethodGet, Path: "/requests/{token}", Public: true, Does: "Show a person how far their request is", Act: followRequest},
		{Method: http.MethodPost, Path: "/requests/{token}/withdraw", Public: true, Does: "Give a request up, as the person", Act: withdrawRequest},
		{Method: http.MethodGet, Path: "/packages/{token}", Public: true, Does: "Say what a link to a package is good for", Act: showPackage},
		{Method: http.MethodPost, Path: "/packages/{token}", Public: true, Streams: true, Does: "Download a package", Act: openPackage},
		{Method: http.MethodGet, Path: "/tasks/{token}", Public: true, Does: "Show a colleague what they are asked", Act: showTask},
		{Method: http.MethodPost, Path: "/tasks/{token}", Public: true, Streams: true, Uploads: true, MaxBody: maxFiles, Does: "Take what a colleague answers", Act: answerTask},
		{Method: http.MethodGet, Path: "/instructions/{token}", Public: true, Does: "Show a third party what its letter is about", Act: showInstructions},
		{Method: http.MethodPost, Path: "/instructions/{token}", Public: true, Does: "Take what a third party says", Act: acknowledge},
		{Method: http.MethodGet, Path: "/connections/authorized", Public: true, Does: "Take what a vendor sends somebody back with, and say what came of it", Act: showAuthorized},
	}
}

// sessionPages let operators in and out.
func sessionPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/set-up/{invitation}", Public: true, Does: "Ask an invited operator for name and password", Act: showSetUp},
		{Method: http.MethodPost, Path: "/set-up/{invitation}", Public: true, Does: "Make an operator of who was invited", Act: setUp},
		{Method: http.MethodGet, Path: "/sign-in", Public: true, Does: "Ask for address and password", Act: showSignIn},
		{Method: http.MethodPost, Path: "/sign-in", Public: true, Does: "Sign an operator in", Act: signIn},
		{Method: http.MethodGet, Path: "/forgotten-password", Public: true, Does: "Say what to do about a forgotten password", Act: showForgotten},
		{Method: http.MethodPost, Path: "/forgotten-password", Public: true, Does: "Have a link to a new password mailed", Act: mailPassword},
		{Method: http.MethodGet, Path: "/new-password/{link}", Public: true, Does: "Ask an operator for a new password", Act: showNewPassword},
		{Method: http.MethodPost, Path: "/new-password/{link}", Public: true, Does: "Set a new password", Act: setNewPassword},
		{Method: http.MethodPost, Path: "/sign-out", Scope: auth.OwnSession, Does: "Sign out", Act: signOut},
		{Method: http.MethodGet, Path: "/admin/password", Scope: auth.OwnSession, Does: "Ask for the old and a new password", Act: showPassword},
		{Method: http.MethodPost, Path: "/admin/password", Scope: auth.OwnSession, Does: "Change one's password", Act: changePassword},
	}
}

// requestPages are about privacy requests, for operators.
func requestPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/requests", Scope: auth.ReadRequests, Does: "List requests", Act: listRequests},
		{Method: http.MethodPost, Path: "/admin/requests/find", Scope: auth.ReadRequests, Does: "Look for requests about somebody, once that is in the audit log", Act: findRequests},
		{Method: http.MethodPost, Path: "/admin/requests/export", Scope: auth.ReadRequests, Streams: true, Does: "Give a list of requests as CSV", Act: exportRequests},
		{Method: http.MethodPost, Path: "/admin/requests/views", Scope: auth.ReadRequests, Does: "Keep a view of the requests", Act: keepView},
		{Method: http.MethodPost, Path: "/admin/requests/views/forget", Scope: auth.ReadRequests, Does: "Forget a view of the requests", Act: forgetView},
		{Method: http.MethodPost, Path: "/admin/requests/weigh", Scope: auth.ApproveRequests, Does: "Show what a decision on many requests would do", Act: weighRequests},
		{Method: http.MethodPost, Path: "/admin/requests/decide", Scope: auth.ApproveRequests, Does: "Approve or deny many requests", Act: decideRequests},
		{Method: http.MethodGet, Path: "/admin/requests/new", Scope: auth.WriteRequests, Does: "Ask what somebody asks for", Act: newRequest},
		{Method: http.MethodPost, Path: "/admin/requests/new", Scope: auth.WriteRequests, Does: "Submit a request on somebody's behalf", Act: submitRequest},
		{Method: http.MethodGet, Path: "/admin/requests/{id}", Scope: auth.ReadRequests, Does: "Show a request, its plan and what became of it", Act: showRequest},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/approve", Scope: auth.ApproveRequests, Does: "Approve a request under the plan that is shown", Act: approveRequest},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/deny", Scope: auth.ApproveRequests, Does: "Deny a request", Act: decide("deny", "reason")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/cancel", Scope: auth.WriteRequests, Does: "Give a request up", Act: decide("cancel")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/retry", Scope: auth.OperateRequests, Does: "Let a request that has stopped go on", Act: decide("retry", "collection")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/skip", Scope: auth.OperateRequests, Does: "Take a collection out of a request that has stopped, or waits for its system", Act: decide("skip", "collection", "reason")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/finalise", Scope: auth.OperateRequests, Does: "End a request that has stopped, or waits for systems, as it is", Act: decide("finalise", "reason")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/values", Scope: auth.ReadPackages, Does: "Show a package with its values, once that is in the audit log", Act: showValues},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/values/leave", Scope: auth.ReadPackages, Does: "Leave values out of a package", Act: leaveOut},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/values/back", Scope: auth.ReadPackages, Does: "Put values back into a package", Act: putBack},
		{Method: http.MethodGet, Path: "/admin/tasks", Scope: auth.ReadRequests, Does: "List what colleagues are asked and have not answered", Act: listTasks},
		{Method: http.MethodGet, Path: "/admin/requests/{id}/tasks/{connection}", Scope: auth.OperateRequests, Does: "Show a task, and whom it is about", Act: showOperatorTask},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/tasks/{connection}", Scope: auth.OperateRequests, Streams: true, Uploads: true, MaxBody: maxFiles, Does: "Answer a task", Act: answerOperatorTask},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/person", Scope: auth.ReadPackages, Does: "Show who a request is about, once that is in the audit log", Act: showPerson},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/vouch", Scope: auth.WriteRequests, Does: "Vouch for who asks, in the place of a proof", Act: decide("vouch", "note")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/finish", Scope: auth.OperateRequests, Does: "Let a request that was looked at come to its end", Act: decide("finish")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/extend", Scope: auth.OperateRequests, Does: "Put the answer off, once, and tell the person why", Act: decide("extend", "reason")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/pause", Scope: auth.OperateRequests, Does: "Let the clock of a request stand still", Act: decide("pause", "ground", "note")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/continue", Scope: auth.OperateRequests, Does: "Let the clock of a request go on", Act: decide("continue")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/package/links", Scope: auth.OperateRequests, Does: "Mail new links to a package, in the place of those that there are", Act: decide("package/links")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/package/links/revoke", Scope: auth.OperateRequests, Does: "Revoke the links to a package", Act: decide("package/links/revoke")},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/preview", Scope: auth.ReadPackages, Does: "Show what a package holds, without its values", Act: previewPackage},
		{Method: http.MethodPost, Path: "/admin/requests/{id}/package", Scope: auth.ReadPackages, Streams: true, Does: "Give the package for the person", Act: readPackage},
	}
}
