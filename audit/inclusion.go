package audit

import (
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyRecord checks that a record with its salt and details is part of the
// log that the checkpoint signs, with nothing but the record, the proof of
// tlog.ProveRecord, the signed checkpoint and the public key. It gives the
// size of that log.
func VerifyRecord(r Record, proof []tlog.Hash, signed, verifier string) (size int64, err error) {
	key, err := openVerifier(verifier)
	if err != nil {
		return 0, err
	}
	c, err := openCheckpoint(signed, key)
	if err != nil {
		return 0, err
	}
	if err := r.check(); err != nil {
		return 0, err
	}
	if len(r.Salt) != SaltSize || commitment(r.Salt, r.Details) != r.Commitment {
		return 0, errors.New("the details are not those that were logged")
	}
	if tlog.CheckRecord(tlog.RecordProof(proof), c.size, c.root, r.Sequence, LeafHash(r.Leaf)) != nil {
		return 0, errors.New("the record is not in the log that was signed, or the proof was changed")
	}
	return c.size, nil
}
