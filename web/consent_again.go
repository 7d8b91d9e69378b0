package web

import (
	"net/http"
	"net/url"
	"slices"
)

// campaign is how far asking people again about a version is.
type campaign struct {
	People int64 `json:"people"`
	Open   int64 `json:"open"`
}

// Answered is how many have answered.
func (c campaign) Answered() int64 { return c.People - c.Open }

// againView is who is to be asked again, and because of what.
type againView struct {
	Notices []noticeShown // the newest first
	People  []duePerson
	Next    string // the address of the next page of people; "" on the last
	First   bool
	purposeList
}

// duePerson is somebody who is to be asked again.
type duePerson struct {
	Subject  string         `json:"subject"`
	Renewals []renewalOfOne `json:"renewals"`
}

func showAgain(v *visit) error {
	var view againView
	var notices struct {
		Items []noticeShown `json:"items"`
	}
	if err := v.get("/notices", &notices); err != nil {
		return err
	}
	view.Notices = notices.Items
	slices.Reverse(view.Notices)
	asked := url.Values{"limit": {"50"}}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		asked.Set("cursor", cursor)
	}
	view.First = !asked.Has("cursor")
	var page struct {
		Items []duePerson `json:"items"`
		Next  string      `json:"next"`
	}
	if err := v.get("/reconsent?"+asked.Encode(), &page); err != nil && !is(err, http.StatusUnprocessableEntity) { // a cursor that is none
		return err
	}
	if view.People = page.Items; page.Next != "" {
		view.Next = "/admin/consent/again?cursor=" + url.QueryEscape(page.Next) + "#people"
	}
	if err := v.get("/purposes", &view.purposeList); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/consent-again", view, nil)
}

// noticeView is a version with its texts, and how far asking again about it is.
type noticeView struct {
	Notice noticeShown
	Asked  campaign
	purposeList
}

func showNoticeOf(v *visit) error {
	at := "/notices/" + url.PathEscape(v.r.PathValue("version"))
	var view noticeView
	if err := v.get(at, &view.Notice); err != nil {
		return err
	}
	if view.Notice.Material {
		if err := v.get(at+"/asked", &view.Asked); err != nil {
			return err
		}
	}
	if err := v.get("/purposes", &view.purposeList); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/consent-notice", view, nil)
}
