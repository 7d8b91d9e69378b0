package http

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// mostPages bounds how far one request is followed.
const mostPages = 10_000

var (
	errPages = errors.New("there are more than 10000 pages: the vendor's answers lead on without end, or pagination is described wrong")
	errCycle = errors.New("the next page is the same page: the vendor's answer leads to itself, or pagination is described wrong")
	errLink  = errors.New("the link to the next page leads to another host than the connector's own: add it to allowed_values if it is the vendor's")
)

// next gives the call for the page behind an answer, nil when it was the last.
// Rows are how many the page held, before the postprocessors.
func (c *Connector) next(k *call, a *answer, data any) (*call, error) {
	p := k.request.Pagination
	if p == nil {
		return nil, nil
	}
	if p.HasNext != "" && !isTrue(dig(a.data, p.HasNext)) {
		return nil, nil
	}
	var following *call
	var err error
	switch p.Strategy {
	case "offset":
		following, err = c.nextOffset(k, p, data)
	case "link":
		following, err = c.nextLink(k, p, a)
	case "cursor":
		following, err = k.nextCursor(p, a, data)
	}
	if err != nil || following == nil {
		return nil, err
	}
	if following.url == k.url && slices.Equal(following.query, k.query) && string(following.body) == string(k.body) {
		return nil, errCycle
	}
	return following, nil
}

func isTrue(v any) bool {
	b, ok := v.(bool)
	return ok && b || strings.EqualFold(inText(v), "true")
}

func holdsRows(data any) bool {
	switch data := data.(type) {
	case []any:
		return len(data) > 0
	case map[string]any:
		return len(data) > 0
	}
	return false
}

func (c *Connector) nextOffset(k *call, p *Pagination, data any) (*call, error) {
	if !holdsRows(data) {
		return nil, nil
	}
	now, err := strconv.ParseInt(k.param(p.Param), 10, 64)
	if err != nil {
		return nil, errors.New("the parameter " + p.Param + " that counts pages is no whole number")
	}
	limit := p.Limit
	if p.LimitParam != "" {
		if limit, err = strconv.ParseInt(inText(c.secrets[p.LimitParam]), 10, 64); err != nil {
			return nil, errors.New("secrets." + p.LimitParam + ", which limits the pages, is no whole number")
		}
	}
	now += p.By
	if limit > 0 && now > limit {
		return nil, nil
	}
	return k.with(p.Param, now)
}

func (k *call) nextCursor(p *Pagination, a *answer, data any) (*call, error) {
	cursor := any(nil)
	switch data := data.(type) {
	case []any:
		if len(data) > 0 {
			cursor = dig(data[len(data)-1], p.Field)
		}
	case map[string]any:
		cursor = dig(data, p.Field)
	}
	if cursor == nil {
		cursor = dig(a.data, p.Field)
	}
	switch cursor.(type) {
	case nil, bool, map[string]any, []any:
		return nil, nil
	}
	if inText(cursor) == "" {
		return nil, nil
	}
	return k.with(p.Param, cursor)
}

// param gives what counts pages: a query parameter, or a member of the body.
func (k *call) param(name string) string {
	for _, q := range k.query {
		if q.Name == name {
			return q.Value
		}
	}
	body, err := parseJSON(k.body)
	if err != nil {
		return ""
	}
	return inText(dig(body, name))
}

// with gives the same call with another value of a parameter: in the body when
// it stands there, else in the query.
func (k *call) with(name string, v any) (*call, error) {
	following := *k
	if body, err := parseJSON(k.body); err == nil && put(body, name, v) {
		following.body = appendJSON(nil, body)
		return &following, nil
	}
	following.query = slices.DeleteFunc(slices.Clone(k.query), func(q Pair) bool { return q.Name == name })
	following.query = append(following.query, Pair{name, inText(v)})
	return &following, nil
}

// put sets a member of a body that is there, or one of an object in it, "a.b",
// which need not be there on the first page.
func put(body any, name string, v any) bool {
	object, _ := body.(map[string]any)
	if of, member, inner := strings.Cut(name, "."); inner && object[name] == nil {
		if object, _ = object[of].(map[string]any); object == nil {
			return false
		}
		name = member
	} else if object[name] == nil {
		return false
	}
	object[name] = v
	return true
}

// nextLink follows a link, which may be relative, to a host of the connector.
func (c *Connector) nextLink(k *call, p *Pagination, a *answer) (*call, error) {
	link := ""
	if p.Source == "headers" {
		link = linkOf(a.header.Values("Link"), p.Rel)
	} else if text, ok := dig(a.data, p.Path).(string); ok {
		link = text
	}
	if link == "" {
		return nil, nil
	}
	u, err := k.url.Parse(link)
	if err != nil || !c.mine(k.url, *u) {
		return nil, errLink
	}
	following := *k
	following.query = nil
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, text, _ := strings.Cut(part, "=")
		q := Pair{Name: unescape(name), Value: unescape(text)}
		if part != "" {
			following.query = append(following.query, q)
		}
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	following.url = *u
	return &following, nil
}

func unescape(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

// mine says whether a call that began at one address may go on to another: on
// the same host by the same protocol, or on one of the allowed hosts.
func (c *Connector) mine(from, to url.URL) bool {
	if to.Scheme != from.Scheme || to.User != nil || to.Opaque != "" {
		return false
	}
	if strings.EqualFold(to.Host, from.Host) {
		return true
	}
	for _, p := range c.about.Params {
		for _, pattern := range p.Allowed {
			host := strings.ReplaceAll(c.about.Client.Host, "<"+p.Name+">", pattern)
			if host != c.about.Client.Host && strings.Trim(host, "*.") != "" && allowed([]string{host}, to.Host) {
				return true
			}
		}
	}
	return false
}

// linkOf finds the target of a relation among Link headers (RFC 8288).
func linkOf(headers []string, rel string) string {
	for _, h := range headers {
		for h != "" {
			begin := strings.IndexByte(h, '<')
			end := strings.IndexByte(h, '>')
			if begin < 0 || end < begin {
				break
			}
			target := h[begin+1 : end]
			params, rest := linkParams(h[end+1:])
			if slices.Contains(strings.Fields(strings.ToLower(params["rel"])), strings.ToLower(rel)) {
				return target
			}
			h = rest
		}
	}
	return ""
}

// linkParams reads ; name=value up to the comma that ends a link.
func linkParams(s string) (params map[string]string, rest string) {
	params = map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t;")
		if s == "" || s[0] == ',' {
			return params, strings.TrimPrefix(s, ",")
		}
		end := strings.IndexAny(s, "=;,")
		if end < 0 || s[end] != '=' {
			if end < 0 {
				return params, ""
			}
			s = s[end:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:end]))
		s = s[end+1:]
		value := ""
		if strings.HasPrefix(s, `"`) {
			value, s, _ = strings.Cut(s[1:], `"`)
		} else {
			stop := strings.IndexAny(s, ";,")
			if stop < 0 {
				stop = len(s)
			}
			value, s = strings.TrimSpace(s[:stop]), s[stop:]
		}
		if _, again := params[name]; !again {
			params[name] = value
		}
	}
}
