package api

import (
	"context"
	"errors"
	"net/http"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/delivery"
)

// Previews shows what packages hold. request.ErrNotFound where there is none, and
// request.ErrRecipientOnly where it is closed for its recipient.
type Previews interface {
	// Preview gives the package of an access rule, "" where there is one, with the
	// first rows of each collection in disguise.
	Preview(ctx context.Context, tenant, id, rule string) ([]delivery.Glimpse, error)
}

const closedForRecipient = "The package is closed for its recipient, and nobody else can read it."

type packagePreviewOutput struct {
	Body PackagePreview
}

// PackagePreview is what a package holds.
type PackagePreview struct {
	Collections []delivery.Glimpse `json:"collections" nullable:"false"`
}

func previewPackage(a *API, ctx context.Context, caller auth.Caller, in *packageInput) (*packagePreviewOutput, error) {
	found, err := a.config.Previews.Preview(ctx, caller.Tenant, in.ID, in.Rule)
	if errors.Is(err, request.ErrRecipientOnly) {
		return nil, &Problem{Status: http.StatusConflict, Detail: closedForRecipient}
	}
	if err != nil {
		return nil, err
	}
	return &packagePreviewOutput{PackagePreview{found}}, nil
}
