package api

import (
	"context"

	"volenti.dev/volenti/auth"
)

// Connections are the ways to the systems of the company.
type Connections interface {
	// Test tries one out. The reason says why it failed, "" when it succeeded; the
	// error, request.ErrNotFound among others, why it could not be tried.
	Test(ctx context.Context, caller auth.Caller, key string) (reason string, err error)
}

type testConnectionInput struct {
	Key string `path:"key" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
}

type testConnectionOutput struct {
	Body ConnectionTest
}

// ConnectionTest is what came of trying a connection out.
type ConnectionTest struct {
	Succeeded bool   `json:"succeeded"`
	Reason    string `json:"reason,omitempty" doc:"Why it failed"`
}

func testConnection(a *API, ctx context.Context, caller auth.Caller, in *testConnectionInput) (*testConnectionOutput, error) {
	reason, err := a.config.Connections.Test(ctx, caller, in.Key)
	if err != nil {
		return nil, err
	}
	return &testConnectionOutput{ConnectionTest{reason == "", reason}}, nil
}
