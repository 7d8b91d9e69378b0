// Package masking replaces personal values by values that tell nothing. Each
// strategy is a pure function of a secret and the value that was read, so
// that a run that is repeated writes the same mask and recognises its own.
//
//	Check   is the strategy written correctly, whatever it is used on
//	Fits    can it be applied to this column at all
//	Notes   what a plan must say about it beforehand
//	New     the strategy itself
//
// Null stays null under every strategy: it holds nothing personal. Everything
// else is masked, also "" and 0 and false: that somebody left a field empty
// says something about them too, and the rows of an erased person look alike.
//
// A mask has the type of its column. Text becomes text, an integer another
// integer of the same size, a UUID another UUID. Where the type is not known,
// as in documents, numbers stay numbers, bytes stay bytes, and the rest
// becomes text. Arrays are masked element by element and objects part by part,
// keeping their shape; a JSON column becomes one JSON string.
//
// Some masks keep more: they look like the email, the date or the number that
// they replace. Such a strategy leaves no value alone that has another form:
// it becomes a digest, as by hash.
package masking

import (
	"strconv"

	"volenti.dev/volenti/datamap/value"
)

// Spec is a strategy as a policy or a dataset names it.
type Spec struct {
	Strategy      string         `json:"strategy"`
	Configuration map[string]any `json:"configuration,omitempty"`
}

// The strategies.
const (
	NullRewrite         = "null_rewrite"
	StringRewrite       = "string_rewrite"
	RandomStringRewrite = "random_string_rewrite"
	Hash                = "hash"
	HMAC                = "hmac"
	AESEncrypt          = "aes_encrypt"
	FF1Encrypt          = "ff1_encrypt"
	EmailRewrite        = "email_rewrite"
	PhoneRewrite        = "phone_rewrite"
	FakeRewrite         = "fake_rewrite"
	DateShift           = "date_shift"
	DateGeneralise      = "date_generalise"
	NumberZero          = "number_zero"
	NumberRound         = "number_round"
	NumberNoise         = "number_noise"
	Preserve            = "preserve"
	Delete              = "delete"
)

// Names are all strategies, in the order in which they are suggested.
var Names = []string{
	NullRewrite, StringRewrite, RandomStringRewrite, Hash, HMAC, AESEncrypt, FF1Encrypt, EmailRewrite, PhoneRewrite, FakeRewrite,
	DateShift, DateGeneralise, NumberZero, NumberRound, NumberNoise, Preserve, Delete,
}

// Column is what a strategy must know of the field it masks. The zero value
// is a field of a document of which nothing is declared.
type Column struct {
	Type      value.Type
	Native    string   // the declared type in the database's words, for messages
	Bits      int      // integers: 16, 32 or 64; 0 for not known
	Length    int      // text: characters at most; bytes: bytes at most; 0 for no limit
	Precision int      // exact numbers: digits in all, 0 for no limit
	Scale     int      // exact numbers: digits behind the point
	Labels    []string // enumerations: what the column can hold
	NotNull   bool
	Unique    bool
	Generated bool
	Checks    []string // expressions of check constraints that name the column
}

// Place is where a value lies and the secret of the request and rule.
// Strategies that keep equal values equal use the secret only.
type Place struct {
	Secret []byte // at least 16 bytes
	Table  string
	Key    string // of the row, in any form that is the same in every run
	Column string
}

// Strategy masks values. It is safe for concurrent use.
type Strategy interface {
	Name() string
	// Mask gives the mask of a value as it was read. For columns that Fits
	// has passed it fails only when the secret is too short, and with ErrForm
	// where the strategy refuses the value itself. Errors hold no value. Called
	// again with the same arguments it gives the same mask, in every version:
	// a request may be resumed by a newer one.
	Mask(v any, c Column, p Place) (any, error)
}

// Deletes says whether the strategy removes whole rows. It has no Strategy.
func Deletes(s Spec) bool { return s.Strategy == Delete }

// New gives the strategy that a Spec names, or the error of Check.
func New(s Spec) (Strategy, error) {
	o, err := parse(s)
	if err != nil {
		return nil, err
	}
	switch s.Strategy {
	case NullRewrite:
		return null{}, nil
	case Preserve:
		return preserve{}, nil
	case StringRewrite:
		return constant{o}, nil
	case AESEncrypt:
		return encrypted{o}, nil
	case Delete:
		return nil, errDelete
	case RandomStringRewrite, Hash, HMAC:
		return derived{name: s.Strategy, options: o}, nil
	default:
		return shaped{name: s.Strategy, form: forms[s.Strategy], options: o}, nil
	}
}

type null struct{}

func (null) Name() string                         { return NullRewrite }
func (null) Mask(any, Column, Place) (any, error) { return nil, nil }

type preserve struct{}

func (preserve) Name() string                               { return Preserve }
func (preserve) Mask(v any, _ Column, _ Place) (any, error) { return v, nil }

// walk masks the scalars of a value one by one, each at a place of its own.
func walk(v any, c Column, p Place, scalar func(any, Column, Place) (any, error)) (any, error) {
	if c.Type.Kind == value.JSON && v != nil {
		return scalar(v, c, p)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			var err error
			if out[i], err = walk(element, c, p.below(strconv.Itoa(i)), scalar); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, part := range v {
			var err error
			if out[name], err = walk(part, Column{}, p.below(name), scalar); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return scalar(v, c, p)
	}
}

func (p Place) below(name string) Place {
	p.Column += "." + name
	return p
}
