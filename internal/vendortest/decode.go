package vendortest

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
)

// decode reads a body: JSON, or a form whose names may be nested, a[b]=c.
func decode(contentType string, text []byte) (Row, error) {
	if len(text) == 0 {
		return Row{}, nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("the type of the content: %w", err)
	}
	switch {
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		body := Row{}
		return body, json.Unmarshal(text, &body)
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, err
		}
		body := Row{}
		for name, values := range form {
			nest(body, strings.Split(strings.ReplaceAll(name, "]", ""), "["), values[0])
		}
		return body, nil
	}
	return nil, errors.New("bodies of the type " + kind + " are not read")
}

func nest(into Row, path []string, value string) {
	if len(path) == 1 {
		into[path[0]] = value
		return
	}
	inner, isObject := into[path[0]].(Row)
	if !isObject {
		inner = Row{}
		into[path[0]] = inner
	}
	nest(inner, path[1:], value)
}
