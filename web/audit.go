package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type logEntry struct {
	Sequence int64           `json:"sequence"`
	At       time.Time       `json:"at"`
	Act      string          `json:"act"`
	Object   string          `json:"object"`
	Details  json.RawMessage `json:"details"`
}

// logFact is one of what the log says about an act.
type logFact struct{ Name, Text string }

// Facts are the details by their names. What is no text is as JSON has it.
func (e logEntry) Facts() []logFact {
	var named map[string]json.RawMessage
	if len(e.Details) == 0 {
		return nil
	}
	if json.Unmarshal(e.Details, &named) != nil {
		return []logFact{{Text: string(e.Details)}}
	}
	all := make([]logFact, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		d := logFact{name, string(named[name])}
		if d.Text == "null" {
			continue
		}
		var text string
		if json.Unmarshal(named[name], &text) == nil {
			d.Text = text
		}
		all = append(all, d)
	}
	return all
}

type logVerified struct {
	Good       bool   `json:"good"`
	Finding    string `json:"finding"`
	Size       int64  `json:"size"`
	Erased     int64  `json:"erased"`
	Checkpoint string `json:"checkpoint"`
}

type logView struct {
	Items    []logEntry
	Act      string
	Object   string
	Pages    pages
	Verified *logVerified
}

func showLog(v *visit) error { return v.log(http.StatusOK, logView{}, nil) }

func (v *visit) log(status int, view logView, f *form) error {
	asked, given := url.Values{"limit": {"100"}}, v.r.URL.Query()
	for _, name := range []string{"act", "object", "before"} {
		if text := strings.TrimSpace(given.Get(name)); text != "" {
			asked.Set(name, text)
		}
	}
	var page struct {
		Items []logEntry
		Next  *int64
	}
	if err := v.get("/audit/entries?"+asked.Encode(), &page); err != nil {
		return err
	}
	view.Items, view.Act, view.Object = page.Items, asked.Get("act"), asked.Get("object")
	later := asked.Has("before")
	asked.Del("limit")
	asked.Del("before")
	if later {
		view.Pages.First = "/admin/audit?" + asked.Encode()
	}
	if page.Next != nil {
		asked.Set("before", strconv.FormatInt(*page.Next, 10))
		view.Pages.Next = "/admin/audit?" + asked.Encode()
	}
	return v.show(status, "admin/audit", view, f)
}

func verifyLog(v *visit) error {
	v.here = "/admin/audit"
	body := map[string]string{}
	if text := v.r.PostForm.Get("remembered"); strings.TrimSpace(text) != "" {
		body["remembered"] = strings.ReplaceAll(text, "\r\n", "\n")
	}
	found := &logVerified{}
	if err := v.post("/audit/verify", body, found); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.log(status, logView{}, f) })
	}
	return v.log(http.StatusOK, logView{Verified: found}, nil)
}

func exportLog(v *visit) error {
	return v.relay(http.MethodGet, "/audit/export", nil, "audit.jsonl")
}
