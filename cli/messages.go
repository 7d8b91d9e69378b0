package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
)

type messagesCommand struct {
	there
	JSON bool `help:"Write them as JSON."`
}

// Run shows what a person and operators have written to each other.
func (c *messagesCommand) Run(s *session) error {
	var all api.MessageList
	if err := c.get(s, c.path("messages"), &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all)
	}
	if len(all.Items) == 0 {
		fmt.Fprintln(s.Out, "Nothing was written.")
	}
	for _, m := range all.Items {
		is := ""
		if m.New && m.From == "person" {
			is = ", unanswered"
		}
		fmt.Fprintf(s.Out, "%d. the %s, %s%s\n", m.Number, m.From, m.At.UTC().Format(time.RFC3339), is)
		for line := range strings.Lines(m.Text) {
			fmt.Fprintf(s.Out, "   %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if all.Destroyed != nil {
		fmt.Fprintf(s.Out, "The texts were destroyed at %s.\n", all.Destroyed.UTC().Format(time.RFC3339))
	}
	return nil
}

type answerCommand struct {
	there
	Read int64  `help:"Number of the last message that you have read: those behind it stay unanswered." placeholder:"NUMBER"`
	Key  string `name:"idempotency-key" help:"The same key writes one message, however often it is sent; a new one unless told." placeholder:"KEY"`
}

// maxMessage bounds in bytes what is read of a message; the server bounds it in
// characters.
const maxMessage = 20_000

// Run writes to the person what comes on standard input: on the command line other
// users of the machine could read it.
func (c *answerCommand) Run(s *session) error {
	text, err := io.ReadAll(io.LimitReader(s.In, maxMessage+1))
	if err != nil {
		return fmt.Errorf("read the message: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return usage("there is no message: write it on standard input, as in volenti request answer %s < message.txt", c.ID)
	}
	var sent api.MessageSent
	body := api.MessageText{Text: string(text), Read: c.Read}
	if err := c.ask(s, "POST", c.path("messages"), cmp.Or(c.Key, uuid.NewString()), body, &sent); err != nil {
		return err
	}
	told := "a letter tells the person"
	if !sent.Told {
		told = "no address is known, so the person sees it only when they look"
	}
	fmt.Fprintf(s.Out, "Message %d is written: %s.\n", sent.Number, told)
	return nil
}
