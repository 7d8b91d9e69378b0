package http

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"volenti.dev/volenti/connector"
)

// authenticated makes the request of a call and puts on it who is calling.
// token is the one that was used, "" where there is none that could be renewed.
func (c *Connector) authenticated(ctx context.Context, k *call) (r *http.Request, token string, err error) {
	query, body, header := k.query, k.encoded(), http.Header{}
	if a := k.client.Auth; a != nil && !c.anonymous {
		lacks := ""
		text := func(template string) string {
			s, missing := fill(template, c.secrets, asIs)
			if missing != "" {
				lacks = missing
			}
			return s
		}
		switch a.Strategy {
		case APIKey, QueryParam:
			for _, p := range a.Headers {
				header.Set(p.Name, text(p.Value))
			}
			query = slices.Clone(query)
			for _, p := range a.Query {
				query = append(query, Pair{p.Name, text(p.Value)})
			}
			if a.Body != "" {
				body, lacks = k.withMembers(a.Body, c.secrets)
			}
		case Basic:
			password, _ := fill(a.Password, c.secrets, asIs) // there may be none
			header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(text(a.Username)+":"+password)))
		case Bearer:
			header.Set("Authorization", "Bearer "+text(a.Token))
		default:
			if token, err = c.tokens.get(ctx, c, k); err != nil {
				return nil, "", err
			}
			header.Set("Authorization", "Bearer "+token)
		}
		if lacks != "" {
			return nil, "", c.fail(k, connector.Denied, "secrets."+lacks+" is missing, which the vendor knows the caller by", 0)
		}
	}
	for name := range header {
		if strings.ContainsFunc(header.Get(name), unicode.IsControl) {
			return nil, "", c.fail(k, connector.Denied, "a secret holds a line break or another control character: copy it again", 0)
		}
	}
	r, err = k.plain(ctx, query, body)
	if err != nil {
		return nil, "", c.fail(k, connector.Permanent, err.Error(), 0)
	}
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	if body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, token, nil
}

// withMembers adds the members of a JSON object to the body.
func (k *call) withMembers(template string, v values) (body []byte, lacks string) {
	more, lacks := fillJSON(template, v)
	if lacks != "" {
		return nil, lacks
	}
	added, err := parseJSON(more)
	object, ok := added.(map[string]any)
	if err != nil || !ok {
		return k.encoded(), ""
	}
	all := map[string]any{}
	if was, err := parseJSON(k.body); err == nil {
		if was, ok := was.(map[string]any); ok {
			all = was
		}
	}
	for name, v := range object {
		all[name] = v
	}
	merged := *k
	merged.body = appendJSON(nil, all)
	return merged.encoded(), ""
}

// fetch asks for a token as the description says.
func (c *Connector) fetch(ctx context.Context, k *call, refresh string) (connector.Token, error) {
	a := k.client.Auth
	if a.Strategy == ServiceAccount {
		return c.fetchGoogle(ctx, k)
	}
	r, v := a.TokenRequest, values{}
	for name, secret := range c.secrets {
		v[name] = secret
	}
	switch {
	case refresh != "" && a.Refresh != nil:
		r = a.Refresh
		v["refresh_token"] = refresh
	case a.Strategy == AuthorizationCode:
		return connector.Token{}, c.fail(k, connector.Denied, "nobody has authorised this connection yet, or the vendor has forgotten it: volenti connection authorize "+c.key+" gives the address where somebody does", 0)
	}
	return c.askToken(ctx, k, r, v)
}

func (c *Connector) askToken(ctx context.Context, k *call, r *Request, v values) (connector.Token, error) {
	ask, err := c.build(r, "get a token", c.withValues(r, v))
	if err != nil {
		return connector.Token{}, c.fail(k, connector.Permanent, "no token can be asked for: "+err.Error(), 0)
	}
	if ask.client.Auth != nil && r.Client == nil {
		bare := *ask.client // a token is not asked for with a token
		bare.Auth = nil
		ask.client = &bare
	}
	ask.once = k.once
	return c.readToken(ctx, ask, k.client.Auth)
}

// withValues adds the param values of a request that come from secrets.
func (c *Connector) withValues(r *Request, v values) values {
	all := c.standing()
	for name, one := range v {
		all[name] = one
	}
	for _, p := range r.Values {
		if p.Param != "" {
			all[p.Name] = c.secrets[p.Param]
		}
	}
	return all
}

func (c *Connector) readToken(ctx context.Context, ask *call, a *Auth) (connector.Token, error) {
	ask.token = true
	got, err := c.send(ctx, ask)
	if err != nil {
		return connector.Token{}, err
	}
	if !got.good() {
		refused := c.refused(ask, got)
		if f := refused.failure; f.Kind == connector.Constraint { // RFC 6749, 5.2: a wrong secret is a 400
			f.Kind, f.Reason = connector.Denied, f.Reason+": look at the connection's secrets, they were not accepted"
		}
		return connector.Token{}, refused
	}
	data, err := parseJSON(got.body)
	object, _ := data.(map[string]any)
	text, _ := object["access_token"].(string)
	if err != nil || text == "" {
		return connector.Token{}, c.fail(ask, connector.Permanent, "the answer holds no access_token", 0)
	}
	t := connector.Token{Access: text}
	t.Refresh, _ = object["refresh_token"].(string)
	lives := a.ExpiresIn
	switch s := object["expires_in"].(type) {
	case int64:
		lives = time.Duration(s) * time.Second
	case string:
		if d, err := time.ParseDuration(s + "s"); err == nil {
			lives = d
		}
	}
	if lives > 0 {
		t.Expires = time.Now().Add(lives)
	}
	return t, nil
}

// AuthorizationURL is where somebody allows this connection to act for them:
// the vendor sends them back to redirect with a code and the state.
func (c *Connector) AuthorizationURL(state, redirect, verifier string) (string, error) {
	a := c.about.Client.Auth
	if a == nil || a.Authorization == nil {
		return "", connector.ErrNoAuthorization
	}
	challenge := sha256.Sum256([]byte(verifier)) // S256: RFC 7636, 4.2
	v := c.withValues(a.Authorization, values{"state": state, "redirect_uri": redirect, "code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:])})
	k, err := c.build(a.Authorization, "authorise", v)
	if err != nil {
		return "", err
	}
	u := k.url
	u.RawQuery = encode(k.query)
	return u.String(), nil
}

// Authorize exchanges the code that a person was sent back with for a token,
// and keeps it.
func (c *Connector) Authorize(ctx context.Context, code, redirect, verifier string) error {
	a := c.about.Client.Auth
	if a == nil || a.Strategy != AuthorizationCode {
		return connector.ErrNoAuthorization
	}
	k := &call{request: a.TokenRequest, client: &c.about.Client, doing: "authorise", shown: a.TokenRequest.Method + " " + a.TokenRequest.Path}
	return c.tokens.take(ctx, c, k.client, func(ctx context.Context) (connector.Token, error) {
		return c.askToken(ctx, k, a.TokenRequest, values{"code": code, "redirect_uri": redirect, "code_verifier": verifier})
	})
}

// googleScope is what a service account asks for where the description does
// not say.
const googleScope = "https://www.googleapis.com/auth/cloud-platform"

// fetchGoogle asks for a token with a JWT that the account's key signs (RFC
// 7523, section 2.1). The token's address stands in the key file, and must be
// Google's.
func (c *Connector) fetchGoogle(ctx context.Context, k *call) (connector.Token, error) {
	wrong := func(reason string) (connector.Token, error) {
		return connector.Token{}, c.fail(k, connector.Denied, "the key file of the service account "+reason, 0)
	}
	a := k.client.Auth
	text, _ := fill(a.Keyfile, c.secrets, asIs)
	var file struct {
		Email string `json:"client_email"`
		ID    string `json:"private_key_id"`
		Key   string `json:"private_key"`
		URI   string `json:"token_uri"`
	}
	if json.Unmarshal([]byte(text), &file) != nil || file.Email == "" || file.Key == "" {
		return wrong("is not the JSON that the console gives: paste all of it")
	}
	if file.URI == "" {
		file.URI = "https://oauth2.googleapis.com/token"
	}
	u, err := url.Parse(file.URI)
	if err != nil || !slices.Contains(c.options.TokenHosts, u.Host) {
		return wrong("has a token_uri that is not Google's")
	}
	scopes := a.Scopes
	if len(scopes) == 0 {
		scopes = []string{googleScope}
	}
	signed, err := signJWT(file.Key, map[string]any{"alg": "RS256", "typ": "JWT", "kid": file.ID}, map[string]any{
		"iss": file.Email, "scope": strings.Join(scopes, " "), "aud": file.URI,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		return wrong("holds no private key that signs")
	}
	form := appendJSON(nil, map[string]any{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed})
	r := &Request{Method: http.MethodPost, Path: "/token"}
	ask := &call{request: r, client: &Client{}, doing: "get a token", url: *u, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: form, form: true, shown: "POST token_uri"}
	return c.readToken(ctx, ask, a)
}

// signJWT signs claims by RS256 (RFC 7515, 7518).
func signJWT(key string, header, claims map[string]any) (string, error) {
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", errors.New("no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", errors.New("no PKCS #8")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("no RSA key")
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(appendJSON(nil, header)) + "." + b64(appendJSON(nil, claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
	return text + "." + b64(signature), err
}
