package arch

// A pattern is a package ("connector"), a package and all below it
// ("request/..."), or only what is below it ("connector/*...").

// ban forbids imports, direct or through other packages of ours.
type ban struct {
	sentence string
	from, to []string
}

var domain = []string{
	"subject/...", "datamap/...", "consent/...", "request/...", "connector",
	"config/...", "message/...", "webhook/...", "audit/...", "auth/...", "tenant/...",
}

// bans are the sentences of the plan on who may import whom.
var bans = []ban{
	{
		"the domain never imports the store, api, web or a concrete connector",
		domain, []string{"internal/store/...", "api/...", "web/...", "connector/*..."},
	},
	{
		"api and web do not see the store",
		[]string{"api/...", "web/..."}, []string{"internal/store/..."},
	},
	{
		"the store does not see api and web",
		[]string{"internal/store/..."}, []string{"api/...", "web/..."},
	},
	{
		"request/fulfill and consent/propagate know the connector contract, never a vendor",
		[]string{"request/fulfill/...", "consent/propagate/..."}, []string{"connector/*..."},
	},
	{
		"connectors know nothing of consent records or requests",
		[]string{"connector/..."}, []string{"consent/...", "request/..."},
	},
	{
		"consent and request do not import each other",
		[]string{"consent/..."}, []string{"request/..."},
	},
	{
		"consent and request do not import each other",
		[]string{"request/..."}, []string{"consent/..."},
	},
	{
		"what is pure has no context, network, database or randomness",
		pure, []string{"context", "net/...", "database/sql", "math/rand/...", "crypto/rand"},
	},
	{
		"what is there for tests is not in the binary",
		[]string{"cmd/..."}, []string{"testing", "internal/vendortest"},
	},
}

// pure are the packages that give the same answer to the same arguments. Of
// audit the plan asks it of the proofs; the whole package is so today.
var pure = []string{
	"request/deadline", "request/graph", "request/masking", "request/policy",
	"consent/signal", "datamap/taxonomy", "audit",
}

const pureClock = "what is pure has no clock"

// deepest is how many imports may follow one another; docs/decisions says why
// it is one more than the design had in mind.
const deepest = 7

// emptyWords say nothing of what a package is about.
var emptyWords = []string{
	"utils", "util", "helpers", "helper", "common", "shared", "models", "types",
	"core", "service", "manager", "misc", "base",
}
