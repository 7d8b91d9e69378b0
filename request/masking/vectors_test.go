package masking

import (
	"encoding/hex"
	"testing"
)

func TestDigestsGiveTheVectorsOfTheFormat(t *testing.T) { // D27
	if got := hex.EncodeToString(digest(sha256Name, []byte("monkey"), []byte("adobo"))); got != "1c015e801323afa54bde5e4d510809e6b5f14ad9b9961c48cbd7143106b6e596" {
		t.Errorf("hash: %s", got)
	}
	if got := hex.EncodeToString(keyed(sha256Name, []byte("test_key"), []byte("my_data"), []byte("test_salt"))); got != "df1e66dc2262ae3336f36294811f795b075900287e0a1add7974eacea8a52970" {
		t.Errorf("hmac: %s", got)
	}
}
