package http

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Problems of a description that only its values show.
var (
	errNoJSON   = errors.New("the answer is no JSON: look at the host and the path, it may be a page for people")
	errBody     = errors.New("the body is no JSON once its placeholders are filled in")
	errBodyType = errors.New("the body has a Content-Type that cannot be written: use application/json, application/x-www-form-urlencoded or text/...")
	errHeader   = errors.New("a header would hold a line break or another control character")
	errSegment  = errors.New("a value in the path is empty, . or .., and would lead elsewhere")
)

// missing says that a call cannot be made without a value.
type missing struct{ name, where string }

func (m missing) Error() string {
	text := fmt.Sprintf("there is no value for <%s> in the %s", m.name, m.where)
	if question, custom := strings.CutPrefix(m.name, "custom_privacy_request_fields."); custom {
		text += ": the policy does not ask for " + question + ", or it was not answered; make it a required field of its intake"
	}
	return text
}

// call is a request with its placeholders filled in. It is what may be sent
// several times, and leads to the next page.
type call struct {
	request *Request
	client  *Client
	doing   string  // "read customers"
	url     url.URL // without query
	query   []Pair
	header  http.Header
	body    []byte
	form    bool   // body is JSON that is sent as a form
	shown   string // method and path template, for people
	once    bool   // the caller repeats it, not the connector
	token   bool   // it asks for a token: its answer is a secret
}

// build fills a request in.
func (c *Connector) build(r *Request, doing string, v values) (*call, error) {
	k := &call{request: r, client: r.Client, doing: doing, header: http.Header{}, shown: r.Method + " " + r.Path}
	if k.client == nil {
		k.client = &c.about.Client
	}
	base, err := c.base(k.client)
	if err != nil {
		return nil, err
	}
	path, query, err := pathOf(r.Path, v)
	if err != nil {
		return nil, err
	}
	k.url, err = address(base, path)
	if err != nil {
		return nil, err
	}
	k.query = query
	for _, p := range r.Query {
		if text, missing := fill(p.Value, v, asIs); missing == "" {
			k.query = append(k.query, Pair{p.Name, text})
		}
	}
	for _, p := range r.Headers {
		text, missing := fill(p.Value, v, asIs)
		if strings.ContainsFunc(text, unicode.IsControl) {
			return nil, errHeader
		}
		if missing == "" {
			k.header.Set(p.Name, text)
		}
	}
	return k, k.fillBody(r.Body, v)
}

// pathOf fills a path in, each value as one segment of it, and splits off the
// query that it may have. What a path lacks is an error even where it is
// optional: without its end it would mean everybody.
func pathOf(template string, v values) (path string, query []Pair, err error) {
	template, rest, _ := strings.Cut(template, "?")
	template, rest = mendOptional(template, rest)
	empty := false
	path, lacks := fill(template, v, func(s string) string {
		empty = empty || s == "" || s == "." || s == ".."
		return url.PathEscape(s)
	})
	switch {
	case lacks != "":
		return "", nil, missing{lacks, "path"}
	case empty:
		return "", nil, errSegment
	}
	for part := range strings.SplitSeq(rest, "&") {
		name, template, _ := strings.Cut(part, "=")
		if text, missing := fill(template, v, asIs); name != "" && missing == "" {
			query = append(query, Pair{name, text})
		}
	}
	return path, query, nil
}

// mendOptional puts a template together again that was cut at the question
// mark of <a?>.
func mendOptional(path, rest string) (string, string) {
	for strings.LastIndexByte(path, '<') > strings.LastIndexByte(path, '>') && strings.HasPrefix(rest, ">") {
		more, left, _ := strings.Cut(rest, "?")
		path, rest = path+"?"+more, left
	}
	return path, rest
}

func address(base url.URL, path string) (url.URL, error) {
	u, err := url.Parse(base.EscapedPath() + path)
	if err != nil {
		return url.URL{}, errors.New("the path cannot be read")
	}
	base.Path, base.RawPath = u.Path, u.RawPath
	return base, nil
}

// base gives where a client's calls go: what Host says is its own, and a
// secret can put a name into it but neither a path nor a user.
func (c *Connector) base(client *Client) (url.URL, error) {
	template, path, _ := strings.Cut(client.Host, "/")
	host, lacks := fill(template, c.secrets, asIs)
	if lacks != "" {
		return url.URL{}, missing{lacks, "host"}
	}
	if path != "" {
		path = "/" + strings.TrimSuffix(path, "/")
	}
	u, err := url.Parse(client.Protocol + "://" + host)
	if err != nil || u.Host != host || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(host, "?#\\ ") {
		return url.URL{}, errors.New("the host is no name of a host")
	}
	u.Path = path
	return *u, nil
}

func (k *call) fillBody(template string, v values) error {
	if template == "" {
		return nil
	}
	kind := k.header.Get("Content-Type")
	if kind == "" {
		kind = "application/json"
		k.header.Set("Content-Type", kind)
	}
	kind, _, _ = strings.Cut(kind, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "application/x-www-form-urlencoded":
		body, lacks := fillJSON(template, v)
		if lacks != "" {
			return missing{lacks, "body"}
		}
		parsed, err := parseJSON(body)
		if err != nil {
			return errBody
		}
		if kind == "application/x-www-form-urlencoded" {
			if _, ok := parsed.(map[string]any); !ok {
				return errBody
			}
			k.form = true
		}
		k.body = body
	case strings.HasPrefix(kind, "text/"):
		text, lacks := fill(template, v, asIs)
		if lacks != "" {
			return missing{lacks, "body"}
		}
		k.body = []byte(text)
	default:
		return errBodyType
	}
	return nil
}

// encoded is the body as it goes out.
func (k *call) encoded() []byte {
	if !k.form {
		return k.body
	}
	parsed, err := parseJSON(k.body)
	if err != nil {
		return nil // fillBody has read it
	}
	var pairs []Pair
	form("", parsed, &pairs)
	return []byte(encode(pairs))
}

// form writes a value as the fields of a form: members as a[b], elements as
// a[0], as most vendors that take forms read them. Null is an empty text, which
// unsets: left out it would leave what is to be masked as it is.
func form(name string, v any, pairs *[]Pair) {
	switch v := v.(type) {
	case nil:
		*pairs = append(*pairs, Pair{name, ""})
	case map[string]any:
		for _, member := range slices.Sorted(maps.Keys(v)) {
			inner := member
			if name != "" {
				inner = name + "[" + member + "]"
			}
			form(inner, v[member], pairs)
		}
	case []any:
		for i, element := range v {
			form(fmt.Sprintf("%s[%d]", name, i), element, pairs)
		}
	default:
		*pairs = append(*pairs, Pair{name, inText(v)})
	}
}

// encode writes pairs in their order.
func encode(pairs []Pair) string {
	var b strings.Builder
	for _, p := range pairs {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value))
	}
	return b.String()
}
