package api

import (
	"context"

	"volenti.dev/volenti/auth"
)

// GPC says that this server heeds Global Privacy Control, as
// https://www.w3.org/TR/gpc/ has it.
type GPC struct {
	GPC        bool   `json:"gpc"`
	LastUpdate string `json:"lastUpdate" doc:"When that was last looked at, as YYYY-MM-DD"`
}

// gpcReviewed is the day on which how the signal is heeded was last changed:
// consent/signal and what choices are made of it.
const gpcReviewed = "2026-11-26"

type gpcOutput struct {
	ContentType string `header:"Content-Type"`
	Body        GPC
}

func heedsGPC(*API, context.Context, auth.Caller, *struct{}) (*gpcOutput, error) {
	return &gpcOutput{"application/json", GPC{true, gpcReviewed}}, nil
}
