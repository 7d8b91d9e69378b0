package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
)

// ConnectionStanding is what was last found out about a connection, as it is now.
type ConnectionStanding struct {
	Tried         *ConnectionTrial         `json:"tried,omitempty" doc:"How it went when it was tried out last"`
	Authorization *ConnectionAuthorization `json:"authorization,omitempty" doc:"Whether a person lets it be used, where one has to"`
}

// ConnectionTrial is what came of trying a connection out, and when.
type ConnectionTrial struct {
	At time.Time `json:"at"`
	ConnectionTest
}

// ConnectionAuthorization is whether a person lets a connection be used.
type ConnectionAuthorization struct {
	Stands bool       `json:"stands" doc:"There is a token of the vendor's for it"`
	Since  *time.Time `json:"since,omitempty" doc:"When somebody allowed it"`
	Until  *time.Time `json:"until,omitempty" doc:"When it ends; absent where it is renewed by itself, or the vendor does not say"`
	At     *time.Time `json:"refused_at,omitempty" doc:"When somebody came back last who did not, or could not, allow it"`
	Reason string     `json:"reason,omitempty" doc:"Why that allowed nothing"`
}

type testConnectionOutput struct {
	Body ConnectionTest
}

// ConnectionTest is what came of trying a connection out.
type ConnectionTest struct {
	Succeeded bool           `json:"succeeded"`
	Kind      connector.Kind `json:"kind,omitempty" enum:"transient,unreachable,denied,drift,constraint,permanent" doc:"Of the failure: what it means"`
	Reason    string         `json:"reason,omitempty" doc:"Why it failed"`
}

// TestOf says what came of it.
func TestOf(failed *connector.Error) ConnectionTest {
	if failed == nil {
		return ConnectionTest{Succeeded: true}
	}
	return ConnectionTest{Kind: failed.Kind, Reason: failed.Reason}
}

func testConnection(a *API, ctx context.Context, caller auth.Caller, in *keyInput) (*testConnectionOutput, error) {
	failed, err := a.config.Connections.Test(ctx, caller, in.Key)
	if err != nil {
		return nil, err
	}
	return &testConnectionOutput{TestOf(failed)}, nil
}

type tryConnectionInput struct {
	Body map[string]any `doc:"What a connection would say that is to be made"`
}

func tryConnection(a *API, ctx context.Context, caller auth.Caller, in *tryConnectionInput) (*testConnectionOutput, error) {
	failed, err := a.config.Connections.Try(ctx, caller, in.Body)
	if err != nil {
		return nil, err
	}
	return &testConnectionOutput{TestOf(failed)}, nil
}
