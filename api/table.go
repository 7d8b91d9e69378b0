package api

import (
	"net/http"

	"volenti.dev/volenti/auth"
)

// Table is every route that there is.
func Table() []Route {
	return []Route{
		{Method: http.MethodGet, Path: "/healthz", Public: true, Does: "Say that the process lives", Act: Handle(health)},
		{Method: http.MethodGet, Path: "/readyz", Public: true, Does: "Say whether the store answers", Act: Handle(ready)},
		{Method: http.MethodGet, Path: "/.well-known/gpc.json", Public: true, Does: "Say that Global Privacy Control is heeded", Act: Handle(heedsGPC)},
		{Method: http.MethodGet, Path: "/api/v1/openapi.json", Public: true, Does: "Describe this interface", Act: Handle(describe)},
		{Method: http.MethodPost, Path: "/api/v1/sessions", Public: true, Proof: "the password", Repeats: Convergent, Does: "Sign an operator in", Example: exampleSignIn, Act: Handle(signIn)},
		{Method: http.MethodGet, Path: "/api/v1/sessions/current", Scope: auth.OwnSession, Quiet: true, Does: "Show who is signed in, and what they may do", Act: Handle(showSession)},
		{Method: http.MethodPost, Path: "/api/v1/sessions/current/end", Scope: auth.OwnSession, Repeats: Convergent, Does: "Sign out", Act: Handle(signOut)},
		{Method: http.MethodPost, Path: "/api/v1/sessions/current/password", Scope: auth.OwnSession, Repeats: Convergent, Does: "Change one's password", Example: examplePassword, Act: Handle(changePassword)},
		{Method: http.MethodPost, Path: "/api/v1/invitations", Scope: auth.ManageAccess, Does: "Invite somebody to operate", Example: `{"role":"privacy_officer"}`, Act: Handle(inviteOperator)},
		// Invitations that are open, and forgotten passwords: invitations.go, passwords.go.
		{Method: http.MethodGet, Path: "/api/v1/invitations", Scope: auth.ManageAccess, Does: "List the invitations that nobody has accepted yet", Act: Handle(listInvitations)},
		{Method: http.MethodPost, Path: "/api/v1/invitations/{id}/revoke", Scope: auth.ManageAccess, Does: "Take an invitation back", Act: Handle(revokeInvitation)},
		{Method: http.MethodPost, Path: "/api/v1/operators/{id}/password-link", Scope: auth.ManageAccess, Does: "Make a link by which an operator sets a new password, once", Act: Handle(linkPassword)},
		{Method: http.MethodPost, Path: "/api/v1/passwords", Public: true, Proof: "the token of the link", Repeats: Convergent, Does: "Set a new password as an operator who has a link", Example: exampleRenew, Act: Handle(renewPassword)},
		{Method: http.MethodPost, Path: "/api/v1/passwords/mail", Public: true, Proof: "nothing: the link goes to the address that an operator signs in with", Repeats: Convergent, Does: "Mail a link to a new password", Example: `{"email":"officer@example.org"}`, Act: Handle(mailPassword)},

		{Method: http.MethodPost, Path: "/api/v1/operators", Public: true, Proof: "the invitation", Repeats: Convergent, Does: "Accept an invitation", Example: exampleAccept, Act: Handle(acceptInvitation)},
		{Method: http.MethodGet, Path: "/api/v1/operators", Scope: auth.ManageAccess, Does: "List who operates", Act: Handle(listOperators)},
		{Method: http.MethodPut, Path: "/api/v1/operators/{id}/role", Scope: auth.ManageAccess, Does: "Give an operator another role", Example: `{"role":"viewer"}`, Act: Handle(setRole)},
		{Method: http.MethodPost, Path: "/api/v1/operators/{id}/disable", Scope: auth.ManageAccess, Repeats: Convergent, Does: "Keep an operator out, at once", Act: Handle(disableOperator)},
		{Method: http.MethodPost, Path: "/api/v1/operators/{id}/enable", Scope: auth.ManageAccess, Repeats: Convergent, Does: "Let an operator in again", Act: Handle(enableOperator)},
		{Method: http.MethodGet, Path: "/api/v1/requests", Scope: auth.ReadRequests, Does: "List privacy requests, newest first", Act: Handle(listRequests)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}", Scope: auth.ReadRequests, Does: "Show a privacy request and what became of it", Act: Handle(showRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests", Scope: auth.WriteRequests, Repeats: Committed, Does: "Submit a privacy request, which is planned at once", Example: exampleRequest, Act: Handle(submitRequest)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/plan", Scope: auth.ReadRequests, Does: "Show the plan of a request", Act: Handle(showPlan)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/log", Scope: auth.ReadRequests, Does: "Show the execution log of a request, in its order", Act: Handle(showLog)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/approve", Scope: auth.ApproveRequests, Does: "Approve a request under the plan that was seen", Example: exampleApproval, Act: Handle(approveRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/deny", Scope: auth.ApproveRequests, Does: "Deny a request, and tell the person why", Example: `{"reason":"it is not clear who asks"}`, Act: Handle(denyRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/cancel", Scope: auth.WriteRequests, Does: "Give a request up", Act: Handle(cancelRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/retry", Scope: auth.OperateRequests, Does: "Let a request that has stopped go on", Example: `{}`, Act: Handle(retryRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/skip", Scope: auth.OperateRequests, Does: "Take a collection out of a request that has stopped, or waits for its system", Example: `{"collection":"shop:customers","reason":"it is in the archive"}`, Act: Handle(skipCollection)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/finalise", Scope: auth.OperateRequests, Does: "End a request that has stopped, or waits for systems, as it is", Example: `{"reason":"the rest is done by hand"}`, Act: Handle(finaliseRequest)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/package", Scope: auth.ReadPackages, Reveals: "package.read", Streams: true, Does: "Give the package for the person, as a ZIP file", Act: Handle(readPackage)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/package/preview", Scope: auth.ReadPackages, Reveals: "package.preview", Streams: true, Does: "Show what a package holds, without its values", Act: Handle(previewPackage)},
		// What is left out of a package: omissions.go.
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/package/rows", Scope: auth.ReadPackages, Reveals: "package.look", Streams: true, Does: "Show rows of a package with their values, to leave some out", Act: Handle(packageRows)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/package/omissions", Scope: auth.ReadRequests, Does: "List what is left out of the package", Act: Handle(listOmissions)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/package/omissions", Scope: auth.ReadPackages, Repeats: Convergent, Does: "Leave values out of the package", Example: `{"address":"shop:customers","cells":[{"field":"email"}],"reason":"of_others"}`, Act: Handle(leaveOut)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/package/omissions/remove", Scope: auth.ReadPackages, Repeats: Convergent, Does: "Put values back into the package", Example: `{"address":"shop:customers","cells":[{"field":"email"}]}`, Act: Handle(putBack)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/package/destroy", Scope: auth.OperateRequests, Does: "Destroy the key of a package, for good", Act: Handle(destroyPackage)},
		// Letters: letters.go.
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/letters", Scope: auth.ReadRequests, Does: "List the letters about a request, and what became of them", Act: Handle(listLetters)},
		{Method: http.MethodPost, Path: "/api/v1/letters/preview", Scope: auth.ReadRequests, Repeats: Harmless, Does: "Show a letter as it would be sent, with made-up values", Example: `{"kind":"receipt","language":"de"}`, Act: Handle(previewLetter)},
		{Method: http.MethodPost, Path: "/api/v1/letters/trial", Scope: auth.OperateRequests, Does: "Send a letter that is about nobody, to see that mail arrives", Example: `{"to":"officer@example.org"}`, Act: Handle(tryLetters)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/person", Scope: auth.ReadPackages, Reveals: "request.reveal", Does: "Show who a request is about, and who asks", Act: Handle(showPerson)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/vouch", Scope: auth.WriteRequests, Does: "Vouch for who asks, in the place of a proof", Example: `{"note":"called back on the number that we have"}`, Act: Handle(vouchRequest)},

		// What people and operators write to each other: messages.go.
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/messages", Scope: auth.ReadPackages, Reveals: "request.read_messages", Does: "Show what the person and operators have written to each other", Act: Handle(listMessages)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/messages", Scope: auth.WriteRequests, Repeats: Committed, Does: "Write to the person, who is told that there is a message", Example: `{"text":"Which of your accounts do you mean?"}`, Act: Handle(answerMessages)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/messages/settle", Scope: auth.WriteRequests, Repeats: Convergent, Does: "Say that the person's messages need no answer", Example: `{"number":1}`, Act: Handle(settleMessages)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/messages", Public: true, Proof: "the token of the link", Repeats: Harmless, Does: "Show the person what was written about a request", Example: exampleToken, Act: Handle(followMessages)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/messages/write", Public: true, Proof: "the token of the link", Repeats: Convergent, Does: "Write a message about a request, as the person", Example: exampleWriting, Act: Handle(writeMessage)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/messages/read", Public: true, Proof: "the token of the link", Repeats: Convergent, Does: "Mark messages as read, as the person", Example: exampleSeen, Act: Handle(seeMessages)},

		// What waits: overview.go.
		{Method: http.MethodGet, Path: "/api/v1/overview", Scope: auth.ReadRequests, Does: "Count what waits for operators", Act: Handle(showOverview)},

		// What people ask for themselves.
		{Method: http.MethodGet, Path: "/api/v1/public/policies", Public: true, Does: "List what people can ask for", Act: Handle(listForms)},
		{Method: http.MethodGet, Path: "/api/v1/public/sites/{site}/deletion", Public: true, Does: "Say what somebody can have deleted who has an account with a site or app, and what is kept", Act: Handle(tellDeletion)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests", Public: true, Proof: "nothing: it is worth nothing until a code proves it", Repeats: Convergent, Does: "Ask for something as the person that it is about", Example: exampleAsk, Act: Handle(askFor)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/code", Public: true, Proof: "nothing: the code goes to the address that was given before", Repeats: Convergent, Does: "Have another code sent", Example: exampleCode, Act: Handle(sendCode)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/prove", Public: true, Proof: "the code", Repeats: Convergent, Does: "Prove by a code who asks", Example: exampleProve, Act: Handle(proveRequest)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/status", Public: true, Proof: "the token of the link", Repeats: Harmless, Does: "Show the person how far a request is", Example: exampleToken, Act: Handle(followRequest)},
		{Method: http.MethodPost, Path: "/api/v1/public/requests/withdraw", Public: true, Proof: "the token of the link", Repeats: Convergent, Does: "Give a request up, as the person", Example: exampleToken, Act: Handle(withdrawRequest)},
		// Time and decisions.
		{Method: http.MethodPost, Path: "/api/v1/requests/search", Scope: auth.ReadRequests, Repeats: Harmless, Does: "Look for privacy requests, also by an identity", Example: `{"open":true,"sort":"due"}`, Act: Handle(searchRequests)},
		{Method: http.MethodPost, Path: "/api/v1/requests/export", Scope: auth.ReadRequests, Reveals: "request.export", Repeats: Harmless, Streams: true, Does: "Export privacy requests, as CSV or JSON Lines", Example: `{"format":"csv"}`, Act: Handle(exportRequests)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/finish", Scope: auth.OperateRequests, Does: "Let a request that was looked at come to its end", Act: Handle(finishRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/resubmit", Scope: auth.WriteRequests, Repeats: Committed, Does: "Submit a request again that was denied, canceled or ended with residue", Example: exampleResubmit, Act: Handle(resubmitRequest)},
		{Method: http.MethodPost, Path: "/api/v1/requests/decide", Scope: auth.ApproveRequests, Does: "Approve or deny many requests, each by itself", Example: exampleDecision, Act: Handle(decideRequests)},
		{Method: http.MethodGet, Path: "/api/v1/denials", Scope: auth.ReadRequests, Does: "List the templates of denials", Act: Handle(listDenials)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/pause", Scope: auth.OperateRequests, Does: "Let the clock of a request stand still", Example: `{"ground":"identity","note":"asked for a copy of the contract"}`, Act: Handle(pauseClock)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/continue", Scope: auth.OperateRequests, Does: "Let the clock of a request go on", Act: Handle(continueClock)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/extend", Scope: auth.OperateRequests, Does: "Put the answer to a request off, once, and tell the person why", Example: `{"reason":"many systems have to be searched"}`, Act: Handle(extendRequest)},

		// Views: views.go.
		{Method: http.MethodGet, Path: "/api/v1/sessions/current/views", Scope: auth.OwnSession, Does: "List one's views of the requests", Act: Handle(listViews)},
		{Method: http.MethodPost, Path: "/api/v1/sessions/current/views", Scope: auth.OwnSession, Does: "Keep a view of the requests, in the place of one of that name", Example: exampleView, Act: Handle(saveView)},
		{Method: http.MethodPost, Path: "/api/v1/sessions/current/views/remove", Scope: auth.OwnSession, Repeats: Convergent, Does: "Forget a view", Example: `{"id":"0198c0de-0000-7000-8000-000000000001"}`, Act: Handle(removeView)},

		// What colleagues are asked.
		{Method: http.MethodGet, Path: "/api/v1/tasks", Scope: auth.ReadRequests, Does: "List what colleagues are asked and have not answered, by due date", Act: Handle(listTasks)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/tasks", Scope: auth.ReadRequests, Does: "List what colleagues are asked about a request", Act: Handle(listTasksOf)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/tasks/{connection}", Scope: auth.OperateRequests, Reveals: "task.read", Does: "Show a task, and whom it is about", Act: Handle(showTask)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/tasks/{connection}", Scope: auth.OperateRequests, Repeats: Convergent, Streams: true, MaxBody: maxAnswer, Does: "Answer a task, or replace its answer while the request waits", Example: exampleAnswer, Form: true, Act: Plain[answerInput, answerOutput](answerTask)},
		{Method: http.MethodPost, Path: "/api/v1/public/tasks/show", Public: true, Proof: "the token of the letter", Repeats: Convergent, Does: "Show a task to a colleague, and whom it is about", Example: exampleTaskToken, Act: Handle(showTaskTo)},
		{Method: http.MethodPost, Path: "/api/v1/public/tasks/answer", Public: true, Proof: "the token of the letter", Repeats: Convergent, Streams: true, MaxBody: maxAnswer, Does: "Answer a task as a colleague, once", Example: exampleAnswerOf, Form: true, Act: Plain[answerOfInput, answerOutput](answerTaskOf)},

		// What webhooks of policies may do: resume.go.
		{Method: http.MethodPost, Path: ResumePath, Public: true, Proof: "the token", Repeats: Convergent, Does: "Let a request go on that a webhook has halted", Example: exampleResume, Act: Handle(resumeRequest)},

		// What systems that answer later may do: callbacks.go.
		{Method: http.MethodPost, Path: CallbackPath, Public: true, Proof: "the token", Repeats: Convergent, Streams: true, MaxBody: maxReply, Does: "Take the answer of a system that answers later, once", Example: exampleReply, Act: Plain[replyInput, replyOutput](takeReply)},
		{Method: http.MethodPost, Path: CallbackPath + "/{token}", Public: true, Proof: "the token", Repeats: Convergent, Streams: true, MaxBody: maxReply, Does: "Take the answer of a system that cannot send a header", Example: exampleReply, Act: Plain[replyAtInput, replyOutput](takeReply)},

		// Delivery: the links to a package, and what is behind them.
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/package/links", Scope: auth.ReadRequests, Does: "List the links to a package that stand", Act: Handle(listLinks)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/package/links", Scope: auth.OperateRequests, Does: "Mail new links to a package, in the place of those that there are", Act: Handle(renewLinks)},
		{Method: http.MethodPost, Path: "/api/v1/requests/{id}/package/links/revoke", Scope: auth.OperateRequests, Does: "Revoke the links to a package", Act: Handle(revokeLinks)},
		{Method: http.MethodPost, Path: "/api/v1/public/packages/look", Public: true, Proof: "the token of the link", Repeats: Harmless, Does: "Say what a link to a package is good for", Example: exampleLink, Act: Handle(lookAtPackage)},
		{Method: http.MethodPost, Path: "/api/v1/public/packages/open", Public: true, Proof: "the token of the link", Repeats: Convergent, Streams: true, Does: "Download a package, which takes one use of its link", Example: exampleLink, Act: Handle(openPackage)},

		// what others are told to erase
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}/instructions", Scope: auth.ReadRequests, Does: "Show what third parties were told to erase for a request, and what they say", Act: Handle(listInstructions)},
		{Method: http.MethodPost, Path: "/api/v1/public/instructions", Public: true, Proof: "the token of a letter", Repeats: Harmless, Does: "Show a third party what its letter is about", Example: exampleLetterLink, Act: Handle(showNoticeOfInstructions)},
		{Method: http.MethodPost, Path: "/api/v1/public/instructions/acknowledge", Public: true, Proof: "the token of a letter", Repeats: Convergent, Does: "Take what a third party says became of its instructions", Example: exampleAcknowledge, Act: Handle(acknowledge)},

		// Systems, connections and which belongs to which: systems.go, connections.go, system_links.go.
		{Method: http.MethodGet, Path: "/api/v1/systems", Scope: auth.ReadSystems, Does: "List the systems of the company, oldest first", Act: Handle(listSystems)},
		{Method: http.MethodPost, Path: "/api/v1/systems", Scope: auth.ManageSystems, Does: "Make a system", Example: exampleSystem, Act: Handle(createSystem)},
		{Method: http.MethodGet, Path: "/api/v1/systems/{key}", Scope: auth.ReadSystems, Does: "Show a system", Act: Handle(showSystem)},
		{Method: http.MethodPut, Path: "/api/v1/systems/{key}", Scope: auth.ManageSystems, Does: "Replace what is said of a system", Example: `{"name":"Customer relations","data_uses":["marketing"]}`, Act: Handle(editSystem)},
		{Method: http.MethodDelete, Path: "/api/v1/systems/{key}", Scope: auth.ManageSystems, Does: "Remove a system with its links, and no connection", Act: Handle(removeSystem)},
		{Method: http.MethodGet, Path: "/api/v1/connections", Scope: auth.ReadSystems, Does: "List the connections, oldest first", Act: Handle(listConnections)},
		{Method: http.MethodPost, Path: "/api/v1/connections", Scope: auth.ManageSystems, Does: "Make a connection", Example: exampleConnection, Act: Handle(createConnection)},
		{Method: http.MethodGet, Path: "/api/v1/connections/{key}", Scope: auth.ReadSystems, Does: "Show a connection, without its secrets", Act: Handle(showConnection)},
		{Method: http.MethodPut, Path: "/api/v1/connections/{key}", Scope: auth.ManageSystems, Does: "Replace what a connection says", Example: `{"type":"webhook","receives":"identities","consent":{"identities":["email"]}}`, Act: Handle(editConnection)},
		{Method: http.MethodDelete, Path: "/api/v1/connections/{key}", Scope: auth.ManageSystems, Does: "Remove a connection with its links", Act: Handle(removeConnection)},
		// Whether they work: connection_tests.go.
		{Method: http.MethodPost, Path: "/api/v1/connections/{key}/test", Scope: auth.ManageSystems, Does: "Try a connection out", Act: Handle(testConnection)},
		{Method: http.MethodPost, Path: "/api/v1/connections/try", Scope: auth.ManageSystems, Repeats: Convergent, Does: "Try out what a connection would say, and keep nothing of it", Example: exampleConnection, Act: Handle(tryConnection)},
		// Connections that a person authorises at their vendor: authorize.go.
		{Method: http.MethodPost, Path: "/api/v1/connections/{key}/authorize", Scope: auth.ManageSystems, Repeats: Convergent, Does: "Give the address at which a person lets a connection be used", Act: Handle(authorizeConnection)},
		{Method: http.MethodPost, Path: "/api/v1/public/connections/authorized", Public: true, Proof: "the state", Repeats: Convergent, Does: "Take what a vendor sends a person back with, once", Example: exampleAuthorized, Act: Handle(takeAuthorization)},
		{Method: http.MethodGet, Path: "/api/v1/connections/{key}/links", Scope: auth.ReadLinks, Does: "List the systems that a connection belongs to", Act: Handle(listSystemLinks)},
		{Method: http.MethodPut, Path: "/api/v1/connections/{key}/links", Scope: auth.WriteLinks, Does: "Say which system a connection belongs to, in the place of what was", Example: exampleLinks, Act: Handle(putLinks)},
		{Method: http.MethodDelete, Path: "/api/v1/connections/{key}/links/{system}", Scope: auth.DeleteLinks, Does: "Take a connection off its system", Act: Handle(removeLink)},

		{Method: http.MethodGet, Path: "/api/v1/events", Scope: auth.ReadEvents, Does: "List what happened, in its order", Act: Handle(listEvents)},
		{Method: http.MethodGet, Path: "/api/v1/events/stream", Scope: auth.ReadEvents, Streams: true, Does: "Follow what happens, as server-sent events", Act: Handle(streamEvents)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks", Scope: auth.ManageWebhooks, Does: "Send events to a URL", Example: exampleWebhook, Act: Handle(createWebhook)},
		{Method: http.MethodGet, Path: "/api/v1/webhooks", Scope: auth.ManageWebhooks, Does: "List where events are sent", Act: Handle(listWebhooks)},
		{Method: http.MethodGet, Path: "/api/v1/webhooks/{id}", Scope: auth.ManageWebhooks, Does: "Show a webhook and how far it is", Act: Handle(showWebhook)},
		{Method: http.MethodPut, Path: "/api/v1/webhooks/{id}", Scope: auth.ManageWebhooks, Does: "Change where a webhook is, what it is sent, and what it is for", Example: exampleEditWebhook, Act: Handle(editWebhook)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks/{id}/disable", Scope: auth.ManageWebhooks, Does: "Send nothing more to a webhook", Act: Handle(disableWebhook)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks/{id}/enable", Scope: auth.ManageWebhooks, Does: "Send to a webhook again, with what it has missed", Act: Handle(enableWebhook)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks/{id}/rotate", Scope: auth.ManageWebhooks, Does: "Exchange the secret of a webhook", Act: Handle(rotateWebhook)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks/{id}/replay", Scope: auth.ManageWebhooks, Does: "Send events to a webhook again", Example: `{"from":1}`, Act: Handle(replayWebhook)},
		{Method: http.MethodPost, Path: "/api/v1/webhooks/{id}/test", Scope: auth.ManageWebhooks, Does: "Send a test event to a webhook, once", Act: Handle(testWebhook)},
		{Method: http.MethodGet, Path: "/api/v1/webhooks/{id}/deliveries", Scope: auth.ManageWebhooks, Does: "Show the attempts to deliver to a webhook, newest first", Act: Handle(listDeliveries)},
		// What became of choices at connections: deliveries.go.
		{Method: http.MethodGet, Path: "/api/v1/deliveries", Scope: auth.ReadDeliveries, Does: "List what became of choices at connections, newest first", Act: Handle(listChoiceDeliveries)},
		{Method: http.MethodGet, Path: "/api/v1/deliveries/changes/{record}", Scope: auth.ReadDeliveries, Does: "Show what became of a choice, by connection and by system", Act: Handle(showChange)},
		{Method: http.MethodGet, Path: "/api/v1/deliveries/changes/{record}/{connection}", Scope: auth.ReadDeliveries, Does: "Show what became of a choice at a connection, with every attempt", Act: Handle(showChoiceDelivery)},
		{Method: http.MethodGet, Path: "/api/v1/deliveries/connections", Scope: auth.ReadDeliveries, Does: "Show how the connections stand that take choices", Act: Handle(listLanes)},
		{Method: http.MethodPost, Path: "/api/v1/deliveries/retry", Scope: auth.RetryDeliveries, Does: "Send again what did not arrive", Example: exampleRetry, Act: Handle(retryDeliveries)},
		{Method: http.MethodPost, Path: "/api/v1/deliveries/explain", Scope: auth.ReadDeliveries, Repeats: Harmless, Does: "Say why connections did, or did not, receive what a person chose", Example: exampleExplain, Act: Handle(explainDelivery)},
		{Method: http.MethodPost, Path: "/api/v1/deliveries/import", Scope: auth.RetryDeliveries, Repeats: Convergent, Streams: true, MaxBody: maxLegacy, Does: "Take over the statuses of another platform, as JSON Lines or a JSON list", Example: exampleLegacy, Act: Plain[importLegacyInput, importLegacyOutput](importLegacy)},

		// What people chose, by a link of theirs.
		{Method: http.MethodPost, Path: "/api/v1/public/preferences", Public: true, Proof: "nothing: the link goes to the address", Repeats: Convergent, Does: "Have a link mailed, to see and change what one chose", Example: `{"email":"anna@example.org"}`, Act: Handle(mailPreferences)},
		{Method: http.MethodPost, Path: "/api/v1/public/preferences/show", Public: true, Proof: "the token of the link", Repeats: Harmless, Does: "Show a person what they chose", Example: `{"token":"vp_..."}`, Act: Handle(showPreferences)},
		{Method: http.MethodPost, Path: "/api/v1/public/preferences/choose", Public: true, Proof: "the token of the link", Repeats: Convergent, Does: "Record what a person chooses", Example: `{"token":"vp_...","purposes":{"analytics":false}}`, Act: Handle(choosePreferences)},
		{Method: http.MethodPost, Path: "/api/v1/public/preferences/receipt", Public: true, Proof: "the token of the link", Repeats: Harmless, Does: "Give a person the receipt of a choice, which verifies on its own", Example: `{"token":"vp_...","sequence":0}`, Act: Handle(ownReceipt)},
		{Method: http.MethodPost, Path: "/api/v1/subjects/{id}/preferences", Scope: auth.WriteConsents, Does: "Make a link by which a person sees and changes what they chose", Example: `{"minutes":15}`, Act: Handle(linkPreferences)},
		{Method: http.MethodGet, Path: "/api/v1/policies", Scope: auth.ReadRequests, Does: "List the policies of the configuration in use", Act: Handle(listPolicies)},
		// API keys, and the log as it is read and verified here.
		{Method: http.MethodGet, Path: "/api/v1/apikeys", Scope: auth.ManageAccess, Does: "List the API keys, without their tokens", Act: Handle(listKeys)},
		{Method: http.MethodPost, Path: "/api/v1/apikeys", Scope: auth.ManageAccess, Does: "Make an API key that can do no more than who makes it", Example: `{"scopes":["access:manage"],"name":"shop"}`, Act: Handle(createKey)},
		{Method: http.MethodPost, Path: "/api/v1/apikeys/{id}/revoke", Scope: auth.ManageAccess, Repeats: Convergent, Does: "End an API key, at once and for good", Act: Handle(revokeKey)},
		{Method: http.MethodGet, Path: "/api/v1/audit/entries", Scope: auth.ReadAudit, Reveals: "audit.read", Does: "Show entries of the audit log, newest first", Act: Handle(listEntries)},
		{Method: http.MethodPost, Path: "/api/v1/audit/verify", Scope: auth.ReadAudit, Streams: true, Repeats: Harmless, Does: "Verify the whole audit log", Example: `{}`, Act: Handle(verifyLog)},
		{Method: http.MethodGet, Path: "/api/v1/audit/checkpoint", Scope: auth.ReadAudit, Does: "Show the signed length and root of the audit log", Act: Handle(checkpoint)},
		{Method: http.MethodGet, Path: "/api/v1/audit/export", Scope: auth.ReadAudit, Reveals: "audit.export", Streams: true, Does: "Export the audit log with its details, as JSON Lines", Act: Handle(exportAudit)},

		{Method: http.MethodPost, Path: "/api/v1/consents", Scope: auth.WriteConsents, Repeats: Committed, Does: "Record what somebody chose", Example: exampleChoices, Act: Quick(recordQuickly, recordConsent)},
		{Method: http.MethodPost, Path: "/api/v1/consents/check", Scope: auth.CheckConsents, Repeats: Harmless, Quiet: true, MaxBody: maxCheckBody, Does: "Ask the gate about many people", Example: exampleBatch, Act: Handle(checkBatch)},
		{Method: http.MethodGet, Path: "/api/v1/consents/{sequence}/receipt", Scope: auth.ReadConsents, Does: "Give the receipt of a record, which verifies on its own", Act: Handle(showReceipt)},
		{Method: http.MethodGet, Path: "/api/v1/consents/export", Scope: auth.ReadConsents, Reveals: "ledger.export", Streams: true, Does: "Export all records, as JSON Lines", Act: Handle(exportConsents)},
		{Method: http.MethodGet, Path: "/api/v1/consents/statistics", Scope: auth.ReadConsents, Does: "Count who agreed to what", Act: Handle(showStatistics)},
		{Method: http.MethodPost, Path: "/api/v1/consents/import", Scope: auth.WriteConsents, Repeats: Convergent, Streams: true, MaxBody: maxImport, Does: "Take over choices that were made elsewhere, as CSV or JSON Lines", Example: exampleRows, Rows: true, Act: Plain[importInput, importOutput](importConsents)},
		{Method: http.MethodPost, Path: "/api/v1/subjects/find", Scope: auth.CheckConsents, Repeats: Harmless, Does: "Find a subject by what the person is known by", Example: exampleFind, Act: Handle(findSubject)},
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/consents", Scope: auth.ReadConsents, Does: "Show what stands for a subject, for every purpose", Act: Handle(showConsents)},
		{Method: http.MethodPut, Path: "/api/v1/subjects/{id}/consents", Scope: auth.WriteConsents, Does: "Record what a subject chose on a settings page", Example: `{"purposes":{"analytics":false}}`, Act: Handle(putConsents)},
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/consents/{purpose}", Scope: auth.CheckConsents, Quiet: true, Does: "Ask the gate: may this be done to this person?", Act: Plain[checkInput, checkOutput](checkConsent)},
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/consents/{purpose}/explain", Scope: auth.ReadConsents, Does: "Say why the gate says what it says", Act: Handle(explainConsent)},
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/records", Scope: auth.ReadConsents, Does: "Show all that a subject ever chose", Act: Handle(showHistory)},
		{Method: http.MethodPost, Path: "/api/v1/subjects/{id}/erase", Scope: auth.EraseSubjects, Does: "Make the records of a subject nobody's, for good", Act: Handle(eraseSubject)},
		{Method: http.MethodGet, Path: "/api/v1/purposes", Scope: auth.ReadConsents, Does: "Show what people are asked for", Act: Handle(showPurposes)},
		{Method: http.MethodPut, Path: "/api/v1/purposes", Scope: auth.ManageConsents, Does: "Set what people are asked for", Example: `{"purposes":[{"key":"analytics","title":"Analytics"}]}`, Act: Handle(setPurposes)},
		{Method: http.MethodGet, Path: "/api/v1/controller", Scope: auth.ReadConsents, Does: "Show what receipts say of the controller", Act: Handle(showController)},
		{Method: http.MethodPut, Path: "/api/v1/controller", Scope: auth.ManageConsents, Does: "Set what receipts say of the controller", Example: `{"name":"Example GmbH","withdraw":"https://example.com/privacy","jurisdictions":["EU"]}`, Act: Handle(setController)},
		{Method: http.MethodGet, Path: "/api/v1/reconsent", Scope: auth.ReadConsents, Does: "List who is to be asked again, and about what", Act: Handle(listDue)},
		// People and records: people.go, records.go.
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/person", Scope: auth.ReadPackages, Reveals: "subject.reveal", Does: "Show what a subject is known by", Act: Handle(showSubject)},
		{Method: http.MethodGet, Path: "/api/v1/subjects/{id}/requests", Scope: auth.ReadRequests, Reveals: "subject.requests", Does: "List the privacy requests of a subject, newest first", Act: Handle(listRequestsOf)},
		{Method: http.MethodGet, Path: "/api/v1/consents", Scope: auth.ReadConsents, Does: "Look for records, newest first", Act: Handle(listRecords)},
		{Method: http.MethodGet, Path: "/api/v1/consents/{sequence}", Scope: auth.ReadConsents, Does: "Show a record", Act: Handle(showRecord)},
		{Method: http.MethodGet, Path: "/api/v1/consents/{sequence}/note", Scope: auth.ReadPackages, Reveals: "consent.note", Does: "Show what was noted of how the person said so", Act: Handle(showNote)},
		{Method: http.MethodGet, Path: "/api/v1/notices/{version}/asked", Scope: auth.ReadConsents, Does: "Count who was asked again about a version, and has not answered", Act: Handle(showAsked)},

		// Services of others that sites embed: services.go.
		{Method: http.MethodGet, Path: "/api/v1/services", Scope: auth.ReadConsents, Does: "List services that sites embed, by key", Act: Handle(listServices)},
		{Method: http.MethodPost, Path: "/api/v1/services/recognise", Scope: auth.ReadConsents, Repeats: Harmless, Does: "Say which services are behind addresses that a page loads", Example: exampleAddresses, Act: Handle(recogniseServices)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/sync", Scope: auth.ManageConsents, Does: "Bring the vendors of a site's draft up to the services that they are", Example: exampleSync, Act: Handle(syncSite)},

		{Method: http.MethodGet, Path: "/api/v1/notices", Scope: auth.ReadConsents, Does: "List the versions of the notice", Act: Handle(listNotices)},
		// Sites: what their banners show. sites.go, and sites_public.go for visitors.
		{Method: http.MethodGet, Path: "/api/v1/sites", Scope: auth.ReadConsents, Does: "List the sites", Act: Handle(listSites)},
		{Method: http.MethodPost, Path: "/api/v1/sites", Scope: auth.ManageConsents, MaxBody: maxSiteBody, Does: "Make a site", Example: `{"name":"Shop"}`, Act: Handle(createSite)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}", Scope: auth.ReadConsents, Does: "Show a site, its draft, and what keeps that from being published", Act: Handle(showSite)},
		{Method: http.MethodPut, Path: "/api/v1/sites/{id}/draft", Scope: auth.ManageConsents, MaxBody: maxSiteBody, Does: "Replace the draft of a site", Example: exampleDraft, Act: Handle(editSite)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/changes", Scope: auth.ReadConsents, Does: "Say what visitors would see changed if the draft were published", Act: Handle(showSiteChanges)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/publish", Scope: auth.ManageConsents, Does: "Publish the draft of a site", Example: examplePublication, Act: Handle(publishSite)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/versions", Scope: auth.ReadConsents, Does: "List what was published of a site, newest first", Act: Handle(listSiteVersions)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/versions/{version}", Scope: auth.ReadConsents, Does: "Show a version of a site, with all that visitors were shown", Act: Handle(showSiteVersion)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/versions/{version}/changes", Scope: auth.ReadConsents, Does: "Say what a version of a site shows otherwise than an earlier one", Act: Handle(compareSiteVersions)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/check", Scope: auth.ManageConsents, Repeats: Harmless, Does: "Read a page of a site, and say whether its banner can do its work there", Example: `{"page":"/"}`, Act: Handle(checkSite)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/preview", Scope: auth.ReadConsents, Does: "Show what visitors would get if the draft were published", Act: Handle(previewSite)},
		{Method: http.MethodGet, Path: ConfigurationPath, Public: true, Quiet: true, Does: "Give a banner what it shows now", Act: Plain[configurationInput, siteDocumentOutput](giveConfiguration)},
		{Method: http.MethodGet, Path: DocumentPath, Public: true, Quiet: true, Does: "Give a banner what a version shows, for good", Act: Plain[siteDocumentInput, siteDocumentOutput](giveDocument)},

		// Whose a device is: devices.go.
		{Method: http.MethodPost, Path: "/api/v1/public/sites/{site}/link", Public: true, Proof: "nothing: it is worth nothing until a code proves it", Repeats: Convergent, Does: "Have a code sent, to link a device", Example: exampleLinkDevice, Act: Handle(sendDeviceCode)},
		{Method: http.MethodPost, Path: "/api/v1/public/sites/{site}/link/prove", Public: true, Proof: "the code", Repeats: Convergent, Does: "Link a device by the code", Example: exampleProveDevice, Act: Handle(proveDevice)},
		{Method: http.MethodPost, Path: "/api/v1/public/sites/{site}/unlink", Public: true, Proof: "the id of the device", Repeats: Convergent, Does: "Unlink a device from its person", Example: exampleDevice, Act: Handle(unlinkOwnDevice)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/link", Scope: auth.WriteConsents, Repeats: Convergent, Does: "Vouch for whose a device is", Example: exampleVouchDevice, Act: Handle(linkDevice)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/unlink", Scope: auth.WriteConsents, Repeats: Convergent, Does: "Unlink a device from its person", Example: exampleDevice, Act: Handle(unlinkDevice)},
		{Method: http.MethodPost, Path: "/api/v1/devices/find", Scope: auth.ReadConsents, Reveals: "device.find", Repeats: Harmless, Does: "Show what stands for the devices of a person, on all sites", Example: exampleFind, Act: Handle(findDevices)},

		// What visitors of sites choose: banner.go.
		{Method: http.MethodPost, Path: forVisitors + "consents", Public: true, Proof: "the random id of the device", Repeats: Convergent, Quiet: true, Does: "Record what a visitor chose", Example: exampleSubmission, Act: Quick(recordChoiceQuickly, recordChoice)},
		{Method: http.MethodPost, Path: forVisitors + "consents/current", Public: true, Proof: "the random id of the device", Repeats: Harmless, Quiet: true, Does: "Show a visitor what stands", Example: exampleDevice, Act: Handle(currentChoice)},
		{Method: http.MethodPost, Path: forVisitors + "consents/withdraw", Public: true, Proof: "the random id of the device", Repeats: Convergent, Does: "Withdraw what a visitor chose", Example: exampleWithdrawal, Act: Handle(withdrawChoice)},
		{Method: http.MethodPost, Path: forVisitors + "consents/export", Public: true, Proof: "the random id of the device", Repeats: Harmless, Does: "Give a visitor all that is kept of their choices", Example: exampleDevice, Act: Handle(exportChoices)},
		{Method: http.MethodPost, Path: forVisitors + "consents/receipt", Public: true, Proof: "the random id of the device", Repeats: Harmless, Does: "Give a visitor the receipt of their latest choice, which verifies on its own", Example: exampleDevice, Act: Handle(receiptOfChoice)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/consents/{consent}", Scope: auth.ReadConsents, Reveals: "site.reveal", Does: "Show a consent of a visitor, by its id, with its records", Act: Handle(showSiteConsent)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/consents/{consent}/withdraw", Scope: auth.WriteConsents, Does: "Withdraw a consent in the visitor's place", Act: Handle(withdrawSiteConsent)},

		{Method: http.MethodGet, Path: "/api/v1/notices/{version}", Scope: auth.ReadConsents, Does: "Show a version of the notice with its texts", Act: Handle(showNotice)},
		{Method: http.MethodPost, Path: "/api/v1/notices", Scope: auth.ManageConsents, MaxBody: maxNoticeBody, Does: "Publish a version of the notice", Example: exampleNotice, Act: Handle(publishNotice)},

		// What pages of systems show: connectors.go, datasets.go, deliveries_matrix.go.
		{Method: http.MethodGet, Path: "/api/v1/connectors", Scope: auth.ReadSystems, Does: "List the types that a connection can have", Act: Handle(listConnectors)},
		{Method: http.MethodGet, Path: "/api/v1/datasets", Scope: auth.ReadSystems, Does: "List what the configuration describes, and what is wrong in it", Act: Handle(listDatasets)},
		{Method: http.MethodGet, Path: "/api/v1/datasets/{key}", Scope: auth.ReadSystems, Does: "Show a dataset with its collections, fields and text", Act: Handle(showDataset)},
		// Datasets that are described over HTTP: datasets_made.go.
		{Method: http.MethodPost, Path: "/api/v1/connections/{key}/describe", Scope: auth.ManageSystems, Repeats: Convergent, Streams: true, Does: "Propose a description of a database, from its tables and some of their rows", Example: `{"samples":100}`, Act: Handle(proposeDataset)},
		{Method: http.MethodPost, Path: "/api/v1/datasets/check", Scope: auth.ManageSystems, Repeats: Harmless, MaxBody: maxDescription, Does: "Show a text as a dataset, with all that is wrong with it, and keep nothing of it", Example: exampleDataset, Act: Handle(checkDataset)},
		{Method: http.MethodPost, Path: "/api/v1/datasets", Scope: auth.ManageSystems, MaxBody: maxDescription, Does: "Make a dataset", Example: exampleDataset, Act: Handle(createDataset)},
		{Method: http.MethodPut, Path: "/api/v1/datasets/{key}", Scope: auth.ManageSystems, MaxBody: maxDescription, Does: "Replace the description of a dataset", Example: exampleDataset, Act: Handle(editDataset)},
		{Method: http.MethodDelete, Path: "/api/v1/datasets/{key}", Scope: auth.ManageSystems, Does: "Remove a dataset that nothing refers to", Act: Handle(removeDataset)},
		{Method: http.MethodGet, Path: "/api/v1/deliveries/changes", Scope: auth.ReadDeliveries, Does: "List choices with what became of each at every connection, newest first", Act: Handle(showMatrix)},

		// Permission tables: permissions.go.
		{Method: http.MethodPost, Path: "/api/v1/deliveries/connections/{key}/rebuild", Scope: auth.RetryDeliveries, Repeats: Convergent, Does: "Compare the permission table of a connection with all that stands, and mend it", Act: Handle(rebuildTable)},

		// Banners, counted: site_statistics.go.
		{Method: http.MethodGet, Path: "/api/v1/sites/statistics", Scope: auth.ReadConsents, Does: "Count what visitors of all sites chose, by site", Act: Handle(showSitesStatistics)},
		{Method: http.MethodGet, Path: "/api/v1/sites/{id}/statistics", Scope: auth.ReadConsents, Does: "Count what visitors of a site chose", Act: Handle(showSiteStatistics)},
		{Method: http.MethodPost, Path: "/api/v1/sites/{id}/statistics/recount", Scope: auth.ManageConsents, Repeats: Convergent, Does: "Make the counters of all sites again, from the ledger", Act: Handle(recountSite)},
	}
}

// Bodies as the routes take them, for the document and for tests.
const (
	exampleSignIn      = `{"email":"officer@example.org","password":"correct horse battery staple"}`
	examplePassword    = `{"old":"correct horse battery staple","new":"another four words here"}`
	exampleAccept      = `{"invitation":"vi_...","email":"officer@example.org","name":"Olga Officer","password":"correct horse battery staple"}`
	exampleRenew       = `{"token":"vn_...","password":"correct horse battery staple"}`
	exampleRequest     = `{"policy":"erasure","identities":[{"type":"email","value":"anna@example.org"}],"note":"called back on the number that we have"}`
	exampleAsk         = `{"policy":"erasure","identities":[{"type":"email","value":"anna@example.org"}],"language":"de","place":"DE"}`
	exampleCode        = `{"reference":"0198c0de-0000-7000-8000-000000000001"}`
	exampleProve       = `{"reference":"0198c0de-0000-7000-8000-000000000001","code":"12345678"}`
	exampleToken       = `{"token":"vr_..."}`
	exampleWriting     = `{"token":"vr_...","once":"5f1c8a0e-0000-4000-8000-000000000001","text":"Which data is this about?"}`
	exampleSeen        = `{"token":"vr_...","number":1}`
	exampleApproval    = `{"plan_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`
	exampleResubmit    = `{"identities":[{"type":"email","value":"anna@example.org"}],"note":"it was canceled by mistake"}`
	exampleDecision    = `{"decision":"deny","requests":[{"id":"0198c0de-0000-7000-8000-000000000001"}],"reason":"it is not clear who asks"}`
	exampleChoices     = `{"identities":[{"type":"email","value":"anna@example.org"}],"purposes":{"analytics":true,"research":false},"source":"signup_form"}`
	exampleBatch       = `{"purpose":"analytics","subjects":["0198c0de-0000-7000-8000-000000000001"]}`
	exampleRows        = "email,purpose,granted,given_at\nanna@example.org,analytics,yes,2026-02-01\n"
	exampleFind        = `{"identities":[{"type":"email","value":"anna@example.org"}]}`
	exampleNotice      = `{"version":"2026-11","texts":[{"language":"en","body":"We count how often our pages are read."}],"material":false,"classified_by":"privacy officer"}`
	exampleAnswer      = `{"nothing":"true"}`
	exampleAnswerOf    = `{"token":"vt_...","nothing":"true"}`
	exampleView        = `{"name":"Late in Germany","filter":{"overdue":true,"place":"DE"},"sort":"due"}`
	exampleTaskToken   = `{"token":"vt_..."}`
	exampleResume      = `{"reply_to_token":"vw_...","derived_identity":{"external_id":"4711"}}`
	exampleLink        = `{"token":"vd_..."}`
	exampleLetterLink  = `{"token":"va_..."}`
	exampleLinkDevice  = `{"device":"AAAAAAAAAAAAAAAAAAAAAA","email":"anna@example.org","language":"de"}`
	exampleProveDevice = `{"device":"AAAAAAAAAAAAAAAAAAAAAA","code":"01234567"}`
	exampleDevice      = `{"device":"AAAAAAAAAAAAAAAAAAAAAA"}`
	exampleVouchDevice = `{"device":"AAAAAAAAAAAAAAAAAAAAAA","identities":[{"type":"email","value":"anna@example.org"}]}`
	exampleAcknowledge = `{"token":"va_...","answer":"done"}`
)
