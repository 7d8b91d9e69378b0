package cli

import (
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

// consents tells how Anna is asked, answers, and is asked again. The newsletter
// stops as soon as she is to be asked again.
func (t *tour) consents() error {
	ledger := t.house.Store.Consents()
	anna, err := subject.New(subject.Email, shop.AnnaSpelled)
	if err != nil {
		return err
	}
	rules := []consent.Purpose{{Key: "newsletter", Block: true, Uses: []string{"marketing.communications.email"}}, {Key: "analytics"}}
	if err := ledger.Configure(t.ctx, store.DefaultTenant, rules, nil, t.act("purposes.set", "purposes")); err != nil {
		return err
	}
	if err := t.publish(ledger, "1", "We send letters and count visits.", false); err != nil {
		return err
	}
	checks, err := ledger.Checks(t.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	gate := consent.Gate{Tenant: store.DefaultTenant, States: checks, Now: t.Now}
	told := ""
	choose := func(what, purpose string, granted bool) error {
		e := consent.Entry{Identities: []subject.Identity{anna}, Purpose: purpose, Granted: granted, Source: consent.SettingsPage}
		o, err := ledger.Append(t.ctx, store.DefaultTenant, "", []consent.Entry{e})
		if err != nil {
			return err
		}
		d := gate.Allowed(t.ctx, o[0].Subject, purpose)
		if d.Allowed != granted {
			return fmt.Errorf("the gate says %s after she %s", d.Reason, what)
		}
		told += fmt.Sprintf("She %-38s record %d, and the gate says: %s\n", what+":", o[0].Sequence, d.Reason)
		return nil
	}
	if err := choose("agrees to the newsletter", "newsletter", true); err != nil {
		return err
	}
	if err := choose("refuses to be counted", "analytics", false); err != nil {
		return err
	}
	if err := choose("withdraws the newsletter", "newsletter", false); err != nil {
		return err
	}
	if err := choose("agrees to the newsletter again", "newsletter", true); err != nil {
		return err
	}
	if err := t.publish(ledger, "2", "We send letters, also of a partner, and count visits.", true); err != nil {
		return err
	}
	id, err := ledger.Find(t.ctx, store.DefaultTenant, anna)
	if err != nil {
		return err
	}
	d := gate.Allowed(t.ctx, id, "newsletter")
	if d.Reason != consent.ReconsentDue {
		return fmt.Errorf("the gate says %s after a material change", d.Reason)
	}
	told += fmt.Sprintf("The notice changes in substance:           the gate says: %s\n", d.Reason)
	if err := choose("agrees to what is new", "newsletter", true); err != nil {
		return err
	}
	t.say("Anna Keller is asked what she agrees to (Art. 7 GDPR)", "%s", told)
	return t.receipt(ledger, id)
}

// receipt shows that what she agreed to can be proven without the ledger.
func (t *tour) receipt(ledger *store.Consents, id consent.SubjectID) error {
	states, err := ledger.States(t.ctx, store.DefaultTenant, id)
	if err != nil {
		return err
	}
	evidence, err := ledger.Evidence(t.ctx, store.DefaultTenant, states["newsletter"].Sequence)
	if err != nil {
		return err
	}
	text, err := evidence.Receipt()
	if err != nil {
		return err
	}
	v, err := consent.VerifyReceipt(text, evidence.Key)
	if err != nil {
		return err
	}
	t.say("Her receipt", "A file of %d bytes proves record %d of %d: %s, version %s of the notice.", len(text), v.Record.Sequence, v.Size, v.Record.Choice, v.Record.Notice)
	return nil
}

func (t *tour) publish(ledger *store.Consents, label, text string, material bool) error {
	v := notice.Version{
		Version: label, Texts: []notice.Text{{Language: "en", Body: text}}, Summary: "Letters of a partner.",
		Material: material, ClassifiedBy: t.User,
	}
	if v.ClassifiedBy == "" {
		v.ClassifiedBy = "demo"
	}
	return ledger.Publish(t.ctx, store.DefaultTenant, v, t.act("notice.publish", "notice"))
}

func (t *tour) act(act, object string) audit.Entry {
	return audit.Entry{Act: act, Object: object, Details: map[string]any{"by": t.User}}
}
