package mongodb_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/ferretdbtest"
)

// line stands between a client and a server. It can lose the answer to the
// next message that names a command, and the connection with it.
type line struct {
	address string
	lose    atomic.Pointer[string] // the command
}

func newLine(t *testing.T, server string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	l := &line{address: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client, server)
		}
	}()
	return l
}

// carry passes messages on, one at a time, as a client sends and a server
// answers them.
func (l *line) carry(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for {
		question, err := message(client)
		if err != nil {
			return
		}
		if _, err := server.Write(question); err != nil {
			return
		}
		answer, err := message(server)
		if err != nil {
			return
		}
		if command := l.lose.Load(); command != nil && bytes.Contains(question, []byte("\x02"+*command+"\x00")) {
			l.lose.Store(nil)
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// message reads one message of the protocol: its first four bytes say how long
// it is.
func message(from io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.LittleEndian.Uint32(head)-4)
	_, err := io.ReadFull(from, rest)
	return append(head, rest...), err
}

func TestAnswersThatAreLostAreTriedAgainAndDoNothingTwice(t *testing.T) { // D23, X27
	url := ferretdbtest.URL(t)
	store(t, url).Put(t, "c", map[string]any{"_id": "1", "v": "x"}, map[string]any{"_id": "2", "v": "x"})
	server, name, _ := strings.Cut(strings.TrimPrefix(url, "mongodb://"), "/")
	l := newLine(t, server)
	c := open(t, "mongodb://"+l.address+"/"+name+"?retryReads=false", false)
	defer func() { _ = c.Close() }()
	schema, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table := &schema.Tables[0]
	batch := connector.Batch{Table: table, KeyColumns: []string{"_id"}, Columns: []string{"v"}}
	for _, k := range []string{"1", "2"} {
		batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{k}, Before: connector.Row{"v": "x"}, After: connector.Row{"v": "M"}})
	}
	lose := func(command string) { l.lose.Store(&command) }
	lose("update")
	if _, err := c.Mask(t.Context(), batch); connector.KindOf(err) != connector.Transient {
		t.Errorf("the answer to an update is lost: %v", err)
	}
	out, err := c.Mask(t.Context(), batch)
	if err != nil || out[0].Status != connector.AlreadyDone || out[1].Status != connector.Changed {
		t.Errorf("tried again: %+v, %v", out, err)
	}
	lose("find")
	_, err = c.Read(t.Context(), connector.Read{Table: table, Columns: []string{"v"}, Where: []connector.Match{{Columns: []string{"v"}, Tuples: []connector.Tuple{{"M"}}}}},
		func(connector.Row) error { t.Error("a row came"); return nil })
	if connector.KindOf(err) != connector.Transient {
		t.Errorf("the answer to a find is lost: %v", err)
	}
	batch.Columns = nil
	for i := range batch.Changes {
		batch.Changes[i].After = nil
		batch.Changes[i].Before = nil
	}
	lose("delete")
	if _, err := c.Delete(t.Context(), batch); connector.KindOf(err) != connector.Transient {
		t.Errorf("the answer to a delete is lost: %v", err)
	}
	out, err = c.Delete(t.Context(), batch)
	if err != nil || out[0].Status != connector.AlreadyDone || out[1].Status != connector.Changed {
		t.Errorf("tried again: %+v, %v", out, err)
	}
}
