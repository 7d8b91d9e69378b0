package cli

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

type connectionTestCommand struct {
	Key     string  `arg:"" help:"Key of the connection."`
	Config  string  `required:"" help:"Configuration directory." placeholder:"DIR"`
	Mailing mailing `embed:""`
}

// Run tries a connection out: a database is asked for nothing, a mailbox gets a
// letter without contents.
func (c *connectionTestCommand) Run(s *session) error {
	cfg, err := loadSound(s, c.Config)
	if err != nil {
		return err
	}
	if err := hasConnection(cfg, c.Key, c.Config); err != nil {
		return err
	}
	systems := connected(cfg)
	defer func() { _ = systems.Close() }()
	mail, err := c.Mailing.transport()
	if err != nil {
		return err
	}
	if mail != nil {
		systems.Mailing(func(ctx context.Context, to subject.Personal[string]) error {
			words, err := message.Render(message.Sample(message.Trial, ""), mail.Domain(), cfg.Messages)
			if err != nil {
				return err
			}
			return mail.Send(ctx, uuid.NewString(), to.Reveal(), words)
		})
	}
	if err := systems.Test(s.ctx, c.Key); err != nil {
		return fmt.Errorf("failed: %w", err)
	}
	fmt.Fprintf(s.Out, "%s: succeeded\n", c.Key)
	return nil
}
