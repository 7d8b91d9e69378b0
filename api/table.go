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
		{Method: http.MethodGet, Path: "/api/v1/openapi.json", Public: true, Does: "Describe this interface", Act: Handle(describe)},
		{Method: http.MethodGet, Path: "/api/v1/requests", Scope: auth.ReadRequests, Does: "List privacy requests, newest first", Act: Handle(listRequests)},
		{Method: http.MethodGet, Path: "/api/v1/requests/{id}", Scope: auth.ReadRequests, Does: "Show a privacy request and what became of it", Act: Handle(showRequest)},
		{Method: http.MethodGet, Path: "/api/v1/audit/checkpoint", Scope: auth.ReadAudit, Does: "Show the signed length and root of the audit log", Act: Handle(checkpoint)},
		{Method: http.MethodGet, Path: "/api/v1/audit/export", Scope: auth.ReadAudit, Reveals: "audit.export", Streams: true, Does: "Export the audit log with its details, as JSON Lines", Act: Handle(exportAudit)},
	}
}
