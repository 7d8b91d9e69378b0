package http

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"volenti.dev/volenti/connector"
)

// paged describes one endpoint whose request has the further keys.
func paged(keys string) string {
	return `
  endpoints:
  - name: rows
    requests:
      read:
        method: GET
        path: /rows
        param_values: [{name: who, identity: email}]
` + keys
}

func TestPagesAreFollowedToTheirEnd(t *testing.T) { // H9
	// There are five rows, two a page; from says with which a page begins.
	rows := func(from int) string {
		var all []string
		for i := from; i < min(from+2, 5); i++ {
			all = append(all, fmt.Sprintf(`{"id":%d}`, i))
		}
		return strings.Join(all, ",")
	}
	number := func(r *http.Request, name string) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil {
			return 0
		}
		return n
	}
	for name, c := range map[string]struct {
		keys   string
		answer http.HandlerFunc
		calls  int
	}{
		"offset to the first page without rows": {
			"        query_params: [{name: at, value: 0}, {name: who, value: <who>}]\n        data_path: all\n        pagination: {strategy: offset, configuration: {incremental_param: at, increment_by: 2}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintf(w, `{"all": [%s]}`, rows(number(r, "at")))
			}, 4,
		},
		"offset up to its limit": {
			"        query_params: [{name: at, value: 0}]\n        pagination: {strategy: offset, configuration: {incremental_param: at, increment_by: 2, limit: 4}}\n",
			func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, `[%s]`, rows(number(r, "at"))) }, 3,
		},
		"offset in the body": {
			"        body: '{\"at\": 0}'\n        pagination: {strategy: offset, configuration: {incremental_param: at, increment_by: 2}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				at, _ := strconv.Atoi(strings.Trim(string(body), `{}"at: `))
				_, _ = fmt.Fprintf(w, `[%s]`, rows(at))
			}, 4,
		},
		"link in the headers": {
			"        pagination: {strategy: link, configuration: {source: headers, rel: next}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				if at := number(r, "at"); at < 4 {
					w.Header().Set("Link", fmt.Sprintf(`<http://%s/rows?at=0>; rel="first", </rows?at=%d>; title="a, b"; rel="last next"`, r.Host, at+2))
				}
				_, _ = fmt.Fprintf(w, `[%s]`, rows(number(r, "at")))
			}, 3,
		},
		"link in the body": {
			"        data_path: items\n        pagination: {strategy: link, configuration: {source: body, path: paging.next}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				next := "null"
				if at := number(r, "at"); at < 4 {
					next = fmt.Sprintf(`"http://%s/rows?at=%d"`, r.Host, at+2)
				}
				_, _ = fmt.Fprintf(w, `{"items": [%s], "paging": {"next": %s}}`, rows(number(r, "at")), next)
			}, 3,
		},
		"cursor of the last row": {
			"        query_params: [{name: who, value: <who>}]\n        data_path: items\n        pagination: {strategy: cursor, configuration: {cursor_param: after, field: id, has_next: more}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				at := 0
				if r.URL.Query().Has("after") {
					at = number(r, "after") + 1
				}
				_, _ = fmt.Fprintf(w, `{"items": [%s], "more": %t}`, rows(at), at+2 < 5)
			}, 3,
		},
		"cursor of the answer": {
			"        data_path: items\n        pagination: {strategy: cursor, configuration: {cursor_param: at, field: next.at}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				next := ""
				if at := number(r, "at"); at < 4 {
					next = strconv.Itoa(at + 2)
				}
				_, _ = fmt.Fprintf(w, `{"items": [%s], "next": {"at": "%s"}}`, rows(number(r, "at")), next)
			}, 3,
		},
		"cursor inside the body": {
			"        body: '{\"page\": {\"size\": 2}}'\n        data_path: items\n        pagination: {strategy: cursor, configuration: {cursor_param: page.at, field: next}}\n",
			func(w http.ResponseWriter, r *http.Request) {
				var asked struct{ Page struct{ At, Size int } }
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Page.Size != 2 {
					t.Errorf("asked for %+v: %v", asked, err)
				}
				next := "null"
				if at := asked.Page.At; at < 4 {
					next = strconv.Itoa(at + 2)
				}
				_, _ = fmt.Fprintf(w, `{"items": [%s], "next": %s}`, rows(asked.Page.At), next)
			}, 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, c.answer)
			got := read(t, v.open(t, describe(t, paged(c.keys))), "rows", match("who", "a@b.c"))
			same(t, "rows", got, []string{`{"id":0}`, `{"id":1}`, `{"id":2}`, `{"id":3}`, `{"id":4}`})
			if len(v.made()) != c.calls {
				t.Errorf("calls: %v", v.made())
			}
		})
	}
}

func TestPagesThatNeverEndAreAnError(t *testing.T) { // H9
	next := 0
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
		next++
		_, _ = fmt.Fprintf(w, `{"items": [{"id": 1}], "next": "/rows?at=%d"}`, next)
	})
	d := describe(t, paged("        data_path: items\n        pagination: {strategy: link, configuration: {source: body, path: next}}\n"))
	rows, err := tryRead(t.Context(), v.open(t, d), "rows", match("who", "a@b.c"))
	if err == nil || !strings.Contains(err.Error(), "more than 10000 pages") || len(rows) != 1 || len(v.made()) != mostPages {
		t.Errorf("%d rows, %d calls, %v", len(rows), len(v.made()), err)
	}

	v = newVendor(t, says(`{"items": [{"id": 1}], "next": "/rows"}`))
	if _, err = tryRead(t.Context(), v.open(t, d), "rows", match("who", "a@b.c")); err == nil || !strings.Contains(err.Error(), "leads to itself") || len(v.made()) != 1 {
		t.Errorf("%d calls, %v", len(v.made()), err)
	}
}

func TestPostprocessors(t *testing.T) { // H10
	const people = `{"data": {"all": [{"who": {"mail": "Ann@b.c", "n": 1}}, {"who": {"mail": "ann@b.c", "n": 2}}, {"who": {"mail": ["x", "xann@b.c"], "n": 3}}, {"other": 1}]}, "ticket": "T-1 of ann@b.c"}`
	for name, c := range map[string]struct {
		steps string
		want  string
	}{
		"unwrap of a list":     {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}]", "1 2 3"},
		"filter by identity":   {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}, {strategy: filter, configuration: {field: mail, value: {identity: email}}}]", "2"},
		"in any case":          {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}, {strategy: filter, configuration: {field: mail, value: {identity: email}, case_sensitive: false}}]", "1 2"},
		"that hold it":         {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}, {strategy: filter, configuration: {field: mail, value: {identity: email}, exact: false}}]", "2 3"},
		"filter by text":       {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}, {strategy: filter, configuration: {field: n, value: 3}}]", "3"},
		"filter by other data": {"[{strategy: unwrap, configuration: {data_path: data.all}}, {strategy: unwrap, configuration: {data_path: who}}, {strategy: filter, configuration: {field: n, value: {dataset_reference: shop.people.n}}}]", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, says(people))
			c2 := v.open(t, describe(t, paged("        postprocessors: "+c.steps+"\n")))
			got := strings.Join(read(t, c2, "rows", match("who", "a"), match("filter_email", "ann@b.c"), match("filter_shop_people_n", int64(1))), " ")
			var numbers []string
			for _, n := range []string{"1", "2", "3"} {
				if strings.Contains(got, `"n":`+n) {
					numbers = append(numbers, n)
				}
			}
			if strings.Join(numbers, " ") != c.want {
				t.Errorf("rows are %s", got)
			}
		})
	}
	t.Run("a filter by an identity that is not known keeps nothing", func(t *testing.T) {
		v := newVendor(t, says(`[{"mail": ""}, {"mail": "x"}]`))
		c := v.open(t, describe(t, paged("        postprocessors: [{strategy: filter, configuration: {field: mail, value: {identity: email}, exact: false}}]\n")))
		same(t, "rows", read(t, c, "rows", match("who", "a"), match("filter_email", "")), []string{})
	})
	t.Run("what is extracted for the log shows no person", func(t *testing.T) {
		v := newVendor(t, says(`{"ticket": "T-1 of Ann@B.c by canary-secret"}`))
		var notes []string
		c := v.open(t, describe(t, paged("        postprocessors: [{strategy: extract_for_execution_log, configuration: {path: ticket}}]\n")), func(o *Options) {
			o.Log = func(e connector.Exchange) { notes = append(notes, e.Note) }
		})
		read(t, c, "rows", match("who", "ann@b.c"))
		same(t, "notes", notes, []string{"", "T-1 of … by …"})
	})
	t.Run("what are no rows is an error", func(t *testing.T) {
		v := newVendor(t, says(`["a@b.c"]`))
		_, err := tryRead(t.Context(), v.open(t, describe(t, paged(""))), "rows", match("who", "a"))
		if err == nil || !strings.Contains(err.Error(), "a list of text where rows are expected") || strings.Contains(err.Error(), "a@b.c") {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestOutputsMakeRows(t *testing.T) { // H4
	v := newVendor(t, says(`[{"id": 1}, {"id": 2}]`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: called
    requests:
      read: {method: GET, path: /x, output: '{"who": "<who>", <all_object_fields>}', param_values: [{name: who, identity: email}]}
  - name: made
    requests:
      read: {output: '{"who": "<who>"}', param_values: [{name: who, identity: email}]}
`))
	same(t, "rows", read(t, c, "called", match("who", "a")), []string{`{"id":1,"who":"a"}`, `{"id":2,"who":"a"}`})
	same(t, "rows", read(t, c, "made", match("who", "a", "b")), []string{`{"who":"a"}`, `{"who":"b"}`})
	if len(v.made()) != 1 {
		t.Errorf("calls: %v", v.made())
	}
}

func TestErrorsThatAreToBeIgnoredGiveNoRows(t *testing.T) { // H13
	for status, ok := range map[int]bool{204: true, 404: true, 410: false} {
		v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := tryRead(t.Context(), v.open(t, describe(t, paged("        ignore_errors: [404]\n"))), "rows", match("who", "a"))
		if (err == nil) != ok || err != nil && connector.KindOf(err) != connector.Permanent {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAnErrorInTheBodyIsNotTakenForNoRows(t *testing.T) { // H13
	for answer, want := range map[string]string{
		`200 {"errors": [{"message": "no scope"}]}`:        "GET /people: the vendor answered 200 with an error in the body: look at what it says, or write ignore_errors: [200] where that is nothing",
		`200 {"data": null, "errors": [{"message": "x"}]}`: "with an error in the body",
		`200 {"error": "users_not_found"}`:                 "with an error in the body",
		`200 {"ok": false}`:                                "with an error in the body",
		`200 {"success": false, "data": null}`:             "with an error in the body",
		`202 {"status": "queued"}`:                         "GET /people: the vendor answered 202, that it will answer later: describe how by async_config",
		`200 {"data": [], "errors": [], "error": null}`:    "",
		`200 {"errors": 0, "error": false, "ok": true}`:    "",
		`202 {"data": []}`:                                 "",
		`200 {"total": 0}`:                                 "",
	} {
		status, body, _ := strings.Cut(answer, " ")
		code, err := strconv.Atoi(status)
		if err != nil {
			t.Fatal(err)
		}
		v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
		c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people, data_path: data, query_params: [{name: mail, value: <mail>}], param_values: [{name: mail, identity: email}]}
`))
		_, err = tryRead(t.Context(), c, "people", match("mail", "a@b.c"))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", answer, err, want)
		}
		c.about.Endpoints[0].Read[0].Ignore = []int{200}
		if _, err = tryRead(t.Context(), c, "people", match("mail", "a@b.c")); err != nil && code == 200 {
			t.Errorf("%s, when errors of 200 are ignored: %v", answer, err)
		}
	}
}
