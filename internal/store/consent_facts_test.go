package store_test

import (
	"bytes"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestAReceiptSaysWhatTheControllerSaidWhenTheChoiceWasMade(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		describe := func(name string) {
			must(t, db.Consents().Describe(ctx, tenant, consent.Controller{Name: name}, entry("controller.set")))
		}
		receipt := func(seq int64) []byte {
			evidence, err := db.Consents().Evidence(ctx, tenant, seq)
			must(t, err)
			text, err := evidence.Receipt()
			must(t, err)
			if _, err := consent.VerifyReceipt(text, ""); err != nil {
				t.Error(err)
			}
			return text
		}
		untold := give(t, db, says("anna@example.com", "analytics", true))[0].Sequence
		publish(t, db, version("1", false))
		describe("Old Shop")
		old := give(t, db, says("anna@example.com", "analytics", false))[0].Sequence
		describe("New Shop")
		fresh := give(t, db, says("anna@example.com", "analytics", true))[0].Sequence
		configure(t, db, consent.Purpose{Key: "other"}) // and the purpose is no more
		for seq, want := range map[int64]string{untold: "", old: "Old Shop", fresh: "New Shop"} {
			for _, name := range []string{"Old Shop", "New Shop"} {
				if text := receipt(seq); bytes.Contains(text, []byte(name)) != (name == want) {
					t.Errorf("the receipt of record %d says %s: %s", seq, name, text)
				}
			}
		}
		if !bytes.Contains(receipt(fresh), []byte(`"dct:date"`)) {
			t.Error("it is not said when the notice was published")
		}
		sound(t, db)
	})
}
