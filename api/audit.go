package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/auth"
)

type checkpointOutput struct {
	Body Checkpoint
}

// Checkpoint is what a verifier remembers.
type Checkpoint struct {
	Checkpoint string `json:"checkpoint" doc:"A signed note, see https://c2sp.org/tlog-checkpoint"`
}

func checkpoint(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*checkpointOutput, error) {
	text, err := a.config.Audit.Checkpoint(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	return &checkpointOutput{Checkpoint{string(text)}}, nil
}

// stallTime is how long one piece of a long answer may wait for its reader.
const stallTime = 30 * time.Second

func exportAudit(a *API, _ context.Context, caller auth.Caller, _ *struct{}) (*huma.StreamResponse, error) {
	return a.export(func(ctx context.Context, w io.Writer) error { return a.config.Audit.Export(ctx, caller.Tenant, w) }), nil
}

// export answers with lines of JSON, piece by piece.
func (a *API) export(text func(context.Context, io.Writer) error) *huma.StreamResponse {
	return a.streamed("application/jsonl", text)
}

// streamed answers with what is written, piece by piece.
func (a *API) streamed(as string, text func(context.Context, io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(h huma.Context) {
		w, ok := h.BodyWriter().(http.ResponseWriter)
		if !ok {
			panic("api: huma does not hand on the ResponseWriter")
		}
		out := &stream{ResponseWriter: w, as: as}
		err := text(h.Context(), out)
		switch {
		case err == nil:
		case !out.begun:
			write(w, a.problem(h.Context(), err))
		default:
			a.config.Log.WarnContext(h.Context(), "an export was cut", "error", err)
			panic(http.ErrAbortHandler)
		}
	}}
}

// stream moves the deadline of the answer with each piece of it.
type stream struct {
	http.ResponseWriter
	as    string // Content-Type
	begun bool
}

func (s *stream) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.Header().Set("Content-Type", s.as)
	}
	err := http.NewResponseController(s.ResponseWriter).SetWriteDeadline(time.Now().Add(stallTime))
	if err != nil && !errors.Is(err, http.ErrNotSupported) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	return s.ResponseWriter.Write(p)
}
