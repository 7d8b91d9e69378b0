package api

import (
	"context"
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/auth"
)

type stateOutput struct {
	Body State
}

// State says how the program is.
type State struct {
	Status string `json:"status" enum:"ok"`
}

func health(*API, context.Context, auth.Caller, *struct{}) (*stateOutput, error) {
	return &stateOutput{State{"ok"}}, nil
}

func ready(a *API, ctx context.Context, _ auth.Caller, _ *struct{}) (*stateOutput, error) {
	if err := a.config.Ready(ctx); err != nil {
		a.config.Log.WarnContext(ctx, "not ready", "error", err)
		return nil, unavailable("The store does not answer now.")
	}
	return &stateOutput{State{"ok"}}, nil
}

type documentOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func describe(a *API, _ context.Context, _ auth.Caller, _ *struct{}) (*documentOutput, error) {
	text, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return &documentOutput{"application/json", text}, nil
}
