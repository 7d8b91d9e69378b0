package fulfill

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// Instructions keeps what third parties are told to erase, as papers until it was
// sent. Only who can send letters has them.
type Instructions interface {
	// PutPaper keeps a paper in the place of one of the same kind and name.
	PutPaper(ctx context.Context, l request.Lease, p request.Paper) error
	// Instructed gives what became of the instructions of a request, by dataset.
	Instructed(ctx context.Context, tenant, id string) ([]request.Instruction, error)
}

// AnswerableUntil is until when instructions can be answered that are due then.
func AnswerableUntil(due time.Time) time.Time { return due.AddDate(0, 3, 0) }

// InstructionsURL is the page on which they are.
func InstructionsURL(base, token string) string { return base + "/instructions/" + token }

// errNoMail is why a plan with instructions is not begun where no letter could
// be sent.
var errNoMail = errors.New("the plan has instructions to be sent by email, and this process sends no mail: submit the request to a server, or use a policy that erases nothing there")

// Sendable says whether a plan can be carried out where letters are not sent.
func Sendable(p *graph.Plan) error {
	if slices.ContainsFunc(p.Nodes, func(n graph.Node) bool { return n.Instructs() }) {
		return errNoMail
	}
	return nil
}

func (r *run) instructs() bool { return Sendable(r.plan) != nil }

// emails tells others what to erase: one letter for each dataset that cannot
// be reached (E6). The request waits, in nobody's hands, until a mail server
// has accepted them all. It comes back here, and passes through (E9).
func (r *run) emails(ctx context.Context) error {
	told, err := r.Instructions.Instructed(ctx, r.lease.Tenant, r.lease.Request)
	if err != nil {
		return fmt.Errorf("read the instructions: %w", err)
	}
	errands, err := r.errands(ctx)
	if err != nil {
		return err
	}
	turn := request.Turn{Event: request.Mail}
	var waiting, datasets []string
	for _, dataset := range slices.Sorted(maps.Keys(errands)) {
		before := request.Instruction{Attempt: 1}
		if at := slices.IndexFunc(told, func(i request.Instruction) bool { return i.Dataset == dataset }); at >= 0 {
			before = told[at]
		}
		switch before.State {
		case request.Mailed:
			continue
		case request.GivenUp:
			before.Attempt++
		case request.Posted:
			waiting = append(waiting, dataset)
			continue
		}
		if err := r.write(&turn, dataset, errands[dataset], before.Attempt); err != nil {
			return err
		}
		datasets = append(datasets, dataset)
	}
	if len(waiting)+len(datasets) == 0 {
		return nil
	}
	if err := r.heldNow(ctx, (*graph.Node).Instructs); err != nil {
		return err
	}
	turn.Message = "instructions wait to be sent: " + strings.Join(append(waiting, datasets...), ", ")
	turn.Parked.Needed = []string{"a mail server has to accept the instructions"}
	crash("emails.written")
	if err := r.requests.Move(ctx, r.lease, turn, r.entry("request.instruct", map[string]any{"datasets": datasets})); err != nil {
		return fmt.Errorf("post the instructions: %w", err)
	}
	crash("emails.posted")
	return errHandedOver
}

// errHandedOver is the result of a step that has moved the request on itself:
// what it waits for gives it back to a worker.
var errHandedOver = errors.New("it goes on when what it waits for is there")

// errands reads what was prepared, by dataset, and leaves out what would tell
// nobody anything: collections whose rows nothing finds, and datasets in which
// nothing is to be erased then.
func (r *run) errands(ctx context.Context) (map[string][]named, error) {
	papers, err := r.work.Papers(ctx, r.lease.Tenant, r.lease.Request, instructionPapers)
	if err != nil {
		return nil, fmt.Errorf("read the instructions: %w", err)
	}
	prepared := map[string]errand{}
	for _, p := range papers {
		plain, err := p.Unseal(r.key, r.lease.Tenant, r.lease.Request)
		if err != nil {
			return nil, err
		}
		var o errand
		if err := json.Unmarshal(plain, &o); err != nil {
			return nil, fmt.Errorf("read the instructions for %s: %w", p.Name, err)
		}
		prepared[p.Name] = o
	}
	found := findable(prepared)
	errands := map[string][]named{}
	for _, n := range r.plan.Nodes { // in its order: who is found by others comes behind them
		if o, dataset, collection := prepared[n.Address], dataset(n.Address), collection(n.Address); found[n.Address] {
			o.Locators = slices.DeleteFunc(o.Locators, func(l locator) bool { return l.Of != "" && !found[dataset+":"+l.Of] })
			errands[dataset] = append(errands[dataset], named{collection, o})
		}
	}
	maps.DeleteFunc(errands, func(_ string, all []named) bool {
		return !slices.ContainsFunc(all, func(n named) bool { return len(n.Update) > 0 })
	})
	return errands, nil
}

// findable marks the collections of which a value, or the rows of another one,
// tell which rows are meant.
func findable(prepared map[string]errand) map[string]bool {
	found := map[string]bool{}
	for more := true; more; {
		more = false
		for address, o := range prepared {
			if !found[address] && slices.ContainsFunc(o.Locators, func(l locator) bool { return l.Of == "" || found[dataset(address)+":"+l.Of] }) {
				found[address], more = true, true
			}
		}
	}
	return found
}

func dataset(address string) string {
	key, _, _ := strings.Cut(address, ":")
	return key
}

func collection(address string) string {
	_, name, _ := strings.Cut(address, ":")
	return name
}

// named is an errand with the name of its collection, as letters have it.
type named struct {
	Name string `json:"name"`
	errand
}

// write adds the letter for a dataset to a turn, with the link by which it is
// answered.
func (r *run) write(turn *request.Turn, dataset string, errands []named, attempt int) error {
	key := r.plan.Node(dataset + ":" + errands[0].Name).Connection
	who, err := capability[connector.Instructed](r, key)
	if err != nil {
		return err
	}
	content, err := json.Marshal(errands)
	if err != nil {
		return err
	}
	var collections []any
	if err := json.Unmarshal(content, &collections); err != nil {
		return err
	}
	id, err := r.letterID(dataset, content, attempt)
	if err != nil {
		return err
	}
	due := r.Now().UTC().AddDate(0, 0, who.Term())
	pass, token, err := auth.NewPass(r.lease.Tenant, auth.Acknowledge, request.InstructionObject(r.lease.Request, dataset), auth.AnyUses, AnswerableUntil(due), rand.Reader)
	if err != nil {
		return err
	}
	turn.Passes = append(turn.Passes, pass)
	turn.Letters = append(turn.Letters, message.Letter{
		ID: id, Request: r.lease.Request, Kind: message.Instructions, To: who.Recipient(),
		Values: message.Values{"collections": collections, "due": due.Format(time.DateOnly), "url": InstructionsURL(r.PublicURL, token)},
	})
	turn.Instructions = append(turn.Instructions, request.Instruction{Dataset: dataset, Connection: key, Letter: id, Attempt: attempt, Due: due})
	return nil
}

// letterID is the same whenever the same is told for the same request, so that
// it is sent once (E18). Only another attempt, after one was given up, is
// another letter. It is a UUIDv7 of the time at which the request was made, and
// tells nothing of the content, since the key of the request is in it.
func (r *run) letterID(dataset string, content []byte, attempt int) (string, error) {
	id, err := uuid.Parse(r.lease.Request)
	if err != nil {
		return "", fmt.Errorf("name a letter: %w", err)
	}
	mac := hmac.New(sha256.New, r.key.Derive("letters"))
	fmt.Fprintf(mac, "%s\x00%d\x00", dataset, attempt)
	mac.Write(content)
	sum := mac.Sum(nil)
	copy(id[6:], sum)
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id.String(), nil
}
