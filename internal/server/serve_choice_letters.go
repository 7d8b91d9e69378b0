package server

import (
	"bytes"
	"context"
	"errors"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request/delivery"
)

// writeNow sends a letter to a mailbox that a connection names, while somebody waits
// for what becomes of it. It is kept nowhere.
func (s *Server) writeNow(ctx context.Context, tenant string, l message.Letter, table [][]string) connector.Call {
	written, err := s.wording().render(ctx, tenant, s.Mail.Domain(), l)
	if errors.Is(err, errNoWords) {
		return connector.Call{Outcome: connector.NotMade, Reason: "the templates of letters could not be read"}
	}
	if err == nil && len(table) > 0 {
		written.Files, err = spreadsheet(string(l.Kind), table)
	}
	if err != nil {
		return connector.Call{Outcome: connector.Rejected, Reason: err.Error()}
	}
	return became(s.Mail.Send(ctx, l.ID, l.To.Reveal(), written))
}

// spreadsheet writes a table so that no cell of it is taken for a formula (SE6).
func spreadsheet(name string, table [][]string) ([]message.File, error) {
	var out bytes.Buffer
	err := delivery.WriteCSV(&out, delivery.Collection{Address: name, Fields: table[0], Rows: func(yield func(map[string]any) error) error {
		for _, cells := range table[1:] {
			row := map[string]any{}
			for i, cell := range cells {
				if cell != "" { // else "", in quotes, would stand there
					row[table[0][i]] = cell
				}
			}
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	}})
	return []message.File{{Name: name + ".csv", Type: "text/csv", Data: out.Bytes()}}, err
}

// became says what the answer of a mail server means to whoever has a letter sent.
func became(err error) connector.Call {
	if err == nil {
		return connector.Call{Outcome: connector.Arrived}
	}
	call := connector.Call{Outcome: connector.NotMade, Reason: err.Error()}
	var failed *mail.Error
	if !errors.As(err, &failed) {
		return call
	}
	switch {
	case failed.Outcome == mail.Refused:
		call.Outcome = connector.Rejected
	case failed.Outcome == mail.Unknown:
		call.Outcome = connector.Lost
	case failed.Code >= 400 && failed.Code < 500:
		call.Outcome = connector.Busy
	}
	return call
}
