package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// consentPages are about the ledger, whoever its records are about.
func consentPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/consent", Scope: auth.ReadConsents, Does: "List consent records", Act: listRecords},
		{Method: http.MethodGet, Path: "/admin/consent/records/{sequence}", Scope: auth.ReadConsents, Does: "Show a consent record and what proves it", Act: showLedgerRecord},
		{Method: http.MethodGet, Path: "/admin/consent/rates", Scope: auth.ReadConsents, Does: "Show how many visitors of a site agree, day by day", Act: showRates},
		{Method: http.MethodGet, Path: "/admin/consent/again", Scope: auth.ReadConsents, Does: "List who is to be asked again, and because of which notice", Act: showAgain},
		{Method: http.MethodGet, Path: "/admin/consent/notices/{version}", Scope: auth.ReadConsents, Does: "Show a version of the notice, and how far asking again about it is", Act: showNoticeOf},
		{Method: http.MethodPost, Path: "/admin/consent/records/{sequence}/note", Scope: auth.ReadPackages, Does: "Show how the person said so, once that is in the audit log", Act: readNote},
		{Method: http.MethodPost, Path: "/admin/consent/records/{sequence}/receipt", Scope: auth.ReadConsents, Does: "Download the receipt of a record", Act: readReceipt},
	}
}

// What the API tells of the ledger.
type (
	ledgerPage struct {
		Items []ledgerRecord `json:"items"`
		Next  int64          `json:"next"`
	}
	ledgerRecord struct {
		ID         string    `json:"id"`
		Sequence   int64     `json:"sequence"`
		Subject    string    `json:"subject"`
		Purpose    string    `json:"purpose"`
		Choice     string    `json:"choice"`
		At         time.Time `json:"recorded_at"`
		Given      time.Time `json:"given_at"`
		Notice     string    `json:"notice"`
		Digest     string    `json:"notice_digest"`
		Language   string    `json:"language"`
		LegalBasis string    `json:"legal_basis"`
		Source     string    `json:"source"`
		Supersedes int64     `json:"supersedes"`
		Facts      string    `json:"facts"`
		Device     string    `json:"device"`
		Trace      string    `json:"trace"`
		By         string    `json:"by"`
		Noted      bool      `json:"noted"`
	}
)

// Kind groups choices.
func (r ledgerRecord) Kind() string { return kindOfChoice(r.Choice) }

// ChoiceKind groups choices.
func (d personDelivery) ChoiceKind() string { return kindOfChoice(d.Choice) }

func kindOfChoice(choice string) string {
	if choice == "granted" {
		return "done"
	}
	return "over"
}

// recordsView is a page of records, and how the ledger was narrowed.
type recordsView struct {
	purposeList
	Choices []string
	Sites   []ledgerSite
	Asked   url.Values // the filters
	Items   []ledgerRecord
	Older   string // the address of the next page; "" on the last
	First   bool
}

// Newest is the address of the first page under the same filters.
func (r recordsView) Newest() string {
	if !r.Narrowed() {
		return "/admin/consent"
	}
	return "/admin/consent?" + r.Asked.Encode()
}

// Narrowed says whether any filter is set.
func (r recordsView) Narrowed() bool { return len(r.Asked) > 0 }

type ledgerSite struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

// recordChoices are what records say.
var recordChoices = []string{"granted", "withdrawn", "refused", "expired"}

// recordSources are the sources that every company has.
var recordSources = []string{"signup_form", "cookie_banner", "settings_page", "email_preference_center", "api", "bulk_reconsent", "import", "request", "gpc", "expiry"}

// narrowing are the filters of the ledger that are the API's too.
var narrowing = []string{"purpose", "choice", "source", "site", "subject"}

func listRecords(v *visit) error {
	given, view := v.r.URL.Query(), recordsView{Choices: recordChoices, Asked: url.Values{}}
	asked := url.Values{"limit": {"50"}}
	for _, name := range narrowing {
		if value := strings.TrimSpace(given.Get(name)); value != "" {
			view.Asked.Set(name, value)
			asked.Set(name, value)
		}
	}
	for name, more := range map[string]int{"from": 0, "to": 1} { // the last day is one of them
		if day, err := time.Parse(time.DateOnly, given.Get(name)); err == nil {
			view.Asked.Set(name, given.Get(name))
			asked.Set(name, day.AddDate(0, 0, more).Format(time.RFC3339))
		}
	}
	if before := given.Get("before"); before != "" {
		asked.Set("before", before)
	}
	view.First = !asked.Has("before")
	var page ledgerPage
	if err := v.get("/consents?"+asked.Encode(), &page); err != nil && !is(err, http.StatusUnprocessableEntity, http.StatusNotFound) { // filters that nothing can match
		return err
	}
	if view.Items = page.Items; page.Next != 0 {
		next := maps.Clone(view.Asked)
		next.Set("before", strconv.FormatInt(page.Next, 10))
		view.Older = "/admin/consent?" + next.Encode()
	}
	var all purposeList
	if err := v.get("/purposes", &all); err != nil {
		return err
	}
	view.purposeList = purposeList{all.Purposes, append(slices.Clone(recordSources), all.Sources...)}
	if err := v.ledgerSites(&view.Sites); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/consent", view, nil)
}

// recordView is a record with what was shown, what proves it and where it went.
type recordView struct {
	ledgerRecord
	Notice *noticeShown // nil where none is known, or what was shown was a banner
	Site   string       // whose banner was shown; "" where it was a notice
	Note   string       // how the person said so, once it was asked for
	Proof  proofShown
	Sent   []personDelivery
	purposeList
}

type (
	noticeShown struct {
		Version   string      `json:"version"`
		Published time.Time   `json:"published_at"`
		Summary   string      `json:"summary"`
		Material  bool        `json:"material"`
		Purposes  []string    `json:"purposes"`
		Texts     []textShown `json:"texts"`
	}
	textShown struct {
		Language string `json:"language"`
		Body     string `json:"body"`
	}
	// proofShown is what a receipt has to prove its record by.
	proofShown struct {
		Evidence struct {
			Proof      []string `json:"proof"`
			Checkpoint string   `json:"checkpoint"`
			Key        string   `json:"key"`
		} `json:"volenti:evidence"`
	}
)

// Size is how many leaves the log had that was signed.
func (p proofShown) Size() string {
	lines := strings.Split(p.Evidence.Checkpoint, "\n")
	if len(lines) < 3 {
		return ""
	}
	return lines[1]
}

// Root is the root of that log.
func (p proofShown) Root() string {
	lines := strings.Split(p.Evidence.Checkpoint, "\n")
	if len(lines) < 3 {
		return ""
	}
	return lines[2]
}

// Read is the text in the language that was shown; all texts where that is not known.
func (r recordView) Read() (texts []textShown) {
	if r.Notice == nil {
		return nil
	}
	for _, t := range r.Notice.Texts {
		if r.Language == "" || t.Language == r.Language {
			texts = append(texts, t)
		}
	}
	return texts
}

func showLedgerRecord(v *visit) error { return v.recordPage(recordView{}) }

// readNote shows what was noted about a record. The API has it in the audit log before.
func readNote(v *visit) error {
	var r recordView
	if err := v.get("/consents/"+url.PathEscape(v.r.PathValue("sequence"))+"/note", &r); err != nil {
		return v.noSuchRecord(err)
	}
	return v.recordPage(r)
}

func (v *visit) recordPage(r recordView) error {
	at := "/consents/" + url.PathEscape(v.r.PathValue("sequence"))
	if err := v.get(at, &r.ledgerRecord); err != nil {
		return v.noSuchRecord(err)
	}
	if err := v.get(at+"/receipt", &r.Proof); err != nil {
		return err
	}
	if err := v.get("/purposes", &r.purposeList); err != nil {
		return err
	}
	if key, banner := strings.CutPrefix(r.ledgerRecord.Notice, "site/"); banner {
		r.Site, _, _ = strings.Cut(key, "/")
	} else if r.ledgerRecord.Notice != "" {
		r.Notice = &noticeShown{}
		if err := v.get("/notices/"+url.PathEscape(r.ledgerRecord.Notice), r.Notice); err != nil {
			return err
		}
	}
	if v.session.May(auth.ReadDeliveries) {
		var change struct {
			Deliveries []personDelivery `json:"deliveries"`
		}
		if err := v.get("/deliveries/changes/"+url.PathEscape(r.ID), &change); err != nil && !is(err, http.StatusNotFound) { // it went nowhere
			return err
		}
		r.Sent = change.Deliveries
	}
	return v.show(http.StatusOK, "admin/consent-record", r, nil)
}

// noSuchRecord says of a number that is none that nothing has it.
func (v *visit) noSuchRecord(err error) error {
	if is(err, http.StatusUnprocessableEntity) {
		return notFound
	}
	return err
}

// readReceipt hands a receipt out, as a file to be kept.
func readReceipt(v *visit) error {
	seq := url.PathEscape(v.r.PathValue("sequence"))
	return v.noSuchRecord(v.relay(http.MethodGet, "/consents/"+seq+"/receipt", nil, "receipt-"+seq+".json"))
}
