package server

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const documentPolicies = `
policy:
- key: access
  rules:
  - {key: all, action: access, targets: [user]}
- key: erasure
  rules:
  - {key: rest, action: erasure, targets: [user.name, user.content], masking: {strategy: null_rewrite}}
`

func TestADraftOfDocumentsFindsNestedPeople(t *testing.T) { // D5
	t.Parallel()
	w, db := newChats(t)
	for i := range 12 {
		account := bson.NewObjectID()
		documents := map[string]bson.D{
			"accounts": {
				{Key: "_id", Value: account},
				{Key: "contact", Value: bson.D{{Key: "email", Value: fmt.Sprintf("canary%d@example.com", i)}, {Key: "vorname", Value: "Canary"}}},
				{Key: "devices", Value: bson.A{bson.D{{Key: "ip_address", Value: fmt.Sprintf("192.0.2.%d", i)}}}},
				{Key: "score", Value: map[bool]any{true: int32(i), false: "canary"}[i%2 == 0]},
				{Key: "by_mail", Value: bson.D{{Key: fmt.Sprintf("canary%d@example-com", i), Value: 1}}},
			},
			"remarks": {
				{Key: "_id", Value: int32(i)}, {Key: "account_id", Value: account},
				{Key: "text", Value: bson.D{{Key: "message", Value: "the canary wrote this one"}}},
			},
		}
		for name, d := range documents {
			if _, err := db.Collection(name).InsertOne(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(w.dir, "config", "2.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.yml"), append(text, documentPolicies...), 0o600); err != nil {
		t.Fatal(err)
	}
	drafts := drafted(t, dir, nil, "db", "talk")
	got := proposed(drafts[1:]...)
	want := found{
		"identities": {"talk:accounts.contact.email": "email"},
		"categories": {
			"talk:accounts.contact.email": "user.contact.email", "talk:accounts.contact.vorname": "user.name.first",
			"talk:accounts.devices.ipaddress": "user.device.ip_address", "talk:remarks.text.message": "user.content.private",
		},
		"references": {"talk:remarks.accountid": "talk:accounts.id"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("proposals (-want +got):\n%s", diff)
	}
	passes(t, dir, nil, "shop:customer talk:accounts talk:remarks")
	quiet(t, drafts, "canary", "192.0.2")
}
