package vendortest

import (
	"fmt"
	"net/http"
	"regexp"
)

// OpenDSR speaks the OpenDSR specification as a processor: a request is
// answered at once and carried out later.
//
// Tables: people hold what the processor knows, each with "email"; requests
// hold what was asked.
//
// From github.com/opengdpr/OpenDSR, specification.md: sections 5 to 8.
func OpenDSR() *Vendor {
	return vendor("Basic Y2FuYXJ5OnNlY3JldA==", rules{
		hosts:   []string{"opendsr.processor.example"},
		allowed: func(v *Vendor, r *http.Request) bool { return r.Header.Get("Authorization") == v.Secret },
		denied:  opendsrError(http.StatusUnauthorized, "the credentials are not known"),
		busy:    answer{status: http.StatusTooManyRequests, body: opendsrError(http.StatusTooManyRequests, "too many requests").body, header: map[string]string{"Retry-After": "7"}},
		unknown: opendsrError(http.StatusNotFound, "not found"),
		routes: map[string]func(*Vendor, request) answer{
			"POST /v1/opendsr_requests":     opendsrAsk,
			"GET /v1/opendsr_requests/{id}": opendsrStatus,
		},
	})
}

func opendsrError(status int, message string) answer {
	return answer{status: status, body: Row{"error": Row{"code": status, "message": message}}}
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func opendsrAsk(v *Vendor, r request) answer {
	id := fmt.Sprint(r.body["subject_request_id"])
	identities, _ := r.body["subject_identities"].([]any)
	switch {
	case !uuid4.MatchString(id):
		return opendsrError(http.StatusBadRequest, "subject_request_id must be a UUID v4")
	case r.body["regulation"] != "gdpr" && r.body["regulation"] != "ccpa":
		return opendsrError(http.StatusBadRequest, "regulation must be gdpr or ccpa")
	case r.body["subject_request_type"] != "erasure" || r.body["submitted_time"] == nil || len(identities) == 0:
		return opendsrError(http.StatusBadRequest, "subject_request_type, submitted_time and subject_identities are required")
	}
	var addresses []string
	for _, identity := range identities {
		identity, _ := identity.(Row)
		if identity["identity_type"] != "email" || identity["identity_format"] != "raw" {
			return opendsrError(http.StatusBadRequest, "only raw addresses of email are supported")
		}
		addresses = append(addresses, fmt.Sprint(identity["identity_value"]))
	}
	if v.find("requests", id) == nil {
		asked := Row{"id": id, "request_status": "pending"}
		v.tables["requests"] = append(v.tables["requests"], asked)
		v.later = append(v.later, func() {
			for _, address := range addresses {
				v.remove("people", "email", address)
			}
			asked["request_status"] = "completed"
		})
	}
	return answer{status: http.StatusCreated, body: Row{
		"controller_id": "volenti", "subject_request_id": id, "received_time": "2026-01-02T03:04:05Z",
		"expected_completion_time": "2026-01-30T03:04:05Z", "encoded_request": "",
	}}
}

func opendsrStatus(v *Vendor, r request) answer {
	asked := v.find("requests", r.PathValue("id"))
	if asked == nil {
		return opendsrError(http.StatusNotFound, "not found")
	}
	return ok(Row{
		"controller_id": "volenti", "subject_request_id": asked["id"], "request_status": asked["request_status"],
		"expected_completion_time": "2026-01-30T03:04:05Z",
	})
}
