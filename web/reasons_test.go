package web

import (
	"testing"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent/propagate"
)

// sentencesOfDeliveries are all that can be said of a delivery, and of what can be done
// about it.
func sentencesOfDeliveries() (all []string) {
	for _, r := range propagate.Reasons() {
		all = append(all, r.Sentence(), r.Mend())
	}
	for _, s := range propagate.Statuses() {
		all = append(all, s.Sentence())
	}
	for _, c := range propagate.Cases() {
		sentence, mend := propagate.Answer{Case: c}.Why()
		all = append(all, sentence, mend)
	}
	return all
}

func TestWhateverIsSaidOfADeliveryIsSaidInEveryLanguage(t *testing.T) { // W8, C13
	german := loadTongues(loadAssets()).match("de")
	for _, l := range []*tongue{german} {
		for _, sentence := range sentencesOfDeliveries() {
			if _, known := l.said[sentence]; !known && sentence != "" {
				t.Errorf("%s has no words for %q", l.Tag, sentence)
			}
		}
	}
	for _, l := range loadTongues(loadAssets()).all {
		for _, r := range propagate.Reasons() {
			if l.words["reason."+string(r)] == "" {
				t.Errorf("%s has no word for the reason %s", l.Tag, r)
			}
		}
		for _, s := range propagate.Statuses() {
			if l.words["delivery."+string(s)] == "" {
				t.Errorf("%s has no word for the status %s", l.Tag, s)
			}
		}
		for _, o := range []connector.CallOutcome{connector.Arrived, connector.Rejected, connector.Lost, connector.Busy, connector.NotMade, connector.Unknown} {
			if l.words["outcome_of_call."+string(o)] == "" {
				t.Errorf("%s has no word for the outcome %s", l.Tag, o)
			}
		}
		for _, k := range connector.Kinds() {
			if l.words["trial."+string(k)] == "" {
				t.Errorf("%s does not say what to do about a connection that is %s", l.Tag, k)
			}
		}
	}
}

func TestTypesThatComeAlongAreSaidInEveryLanguage(t *testing.T) { // W8, W16
	german := loadTongues(loadAssets()).match("de")
	for _, spec := range builtin.Registry() {
		for _, s := range spec.Secrets {
			if _, known := german.translated(s.Help); !known && s.Help != "" {
				t.Errorf("there are no words for %s of %s: %q", s.Name, spec.Type, s.Help)
			}
		}
		if _, known := german.translated(spec.Summary); !known || spec.Name == "" {
			t.Errorf("there are no words for %s: %q", spec.Type, spec.Summary)
		}
	}
	told := german.tell("Domain: Your account, such as shop.zendesk.com. (*.zendesk.com)")
	if want := "Ihr Konto, etwa shop.zendesk.com: *.zendesk.com"; string(told) != want {
		t.Errorf("%s", told)
	}
}
