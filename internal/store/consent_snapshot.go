package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
)

// A snapshot has the index of a tenant in a file beside an embedded database,
// so that the next start does not read all states. It holds ids and choices,
// no identities:
//
//	a line of JSON      snapshotHead
//	consent.Parts times 8 bytes: length; rows
//	32 bytes            HMAC-SHA256 of all that, under a key of the tenant
//
// It says how long the tenant's log was, and its root. A log that has the same
// root at that length holds all that the snapshot is made of, and whom the
// acts since are about. Any other snapshot is passed over.
type snapshotHead struct {
	Version  int      `json:"version"`
	Tenant   string   `json:"tenant"`
	Stamp    int64    `json:"stamp"` // of the rules
	Purposes []string `json:"purposes"`
	Size     int64    `json:"size"` // of the log
	Root     []byte   `json:"root"`
}

const snapshotVersion = 1

// SaveChecks writes the states that are in memory to the disk, for the next
// start. It holds up no write for long. Close does it too.
func (c *Consents) SaveChecks(ctx context.Context) error {
	m := &c.db.consents
	m.mu.Lock()
	all := make([]*memory, 0, len(m.memories))
	for _, k := range m.memories {
		all = append(all, k)
	}
	m.mu.Unlock()
	var errs []error
	for _, k := range all {
		if err := c.save(ctx, k); err != nil {
			errs = append(errs, fmt.Errorf("save the states for checks: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (c *Consents) save(ctx context.Context, k *memory) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	if x := k.index.Load(); x == nil || !x.IsReady() {
		return nil
	}
	keys, err := c.db.Tenant(ctx, k.tenant)
	if err != nil {
		return err
	}
	rules, err := c.rulesIn(ctx, c.db.engine, k.tenant)
	if err != nil {
		return err
	}
	h := snapshotHead{Version: snapshotVersion, Tenant: k.tenant, Stamp: rules.Stamp}
	if h.Size, h.Root, err = c.end(ctx, k.tenant); err != nil || h.Size == k.saved {
		return err
	}
	// What this log holds is in the index after the writers' next turn. What
	// is added later may be in the snapshot or not.
	if err := c.db.write(ctx, k.tenant, func(context.Context, *tx) error { return nil }); err != nil {
		return err
	}
	x := k.index.Load()
	if x == nil || !x.IsReady() {
		return nil
	}
	h.Purposes = x.Purposes()
	if err := replaceFile(c.snapshotOf(k.tenant), func(w io.Writer) error { return writeSnapshot(w, keys, h, x) }); err != nil {
		return err
	}
	k.saved = h.Size
	return nil
}

func writeSnapshot(w io.Writer, keys *seal.Tenant, h snapshotHead, x *consent.Index) error {
	mac := snapshotMAC(keys, h.Tenant)
	buffered := bufio.NewWriterSize(io.MultiWriter(w, mac), 1<<20)
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, _ = buffered.Write(append(line, '\n')) // Flush tells
	var rows []byte
	for n := range consent.Parts {
		rows = x.Part(n, len(h.Purposes), rows[:0])
		_, _ = buffered.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(rows))))
		_, _ = buffered.Write(rows)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	_, err = w.Write(mac.Sum(nil))
	return err
}

// restore fills the index from the snapshot and from what was done since; ok
// is false when there is no snapshot of this log, and the index is as it was.
func (c *Consents) restore(ctx context.Context, k *memory, x *consent.Index) (ok bool, err error) {
	k.saving.Lock()
	defer k.saving.Unlock()
	if k.distrust {
		return false, nil
	}
	file, err := os.ReadFile(c.snapshotOf(k.tenant))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		c.db.trouble(fmt.Errorf("read the saved states: %w", err))
		return false, nil
	}
	keys, err := c.db.Tenant(ctx, k.tenant)
	if err != nil {
		return false, err
	}
	h, parts, ok := openSnapshot(file, keys, k.tenant)
	if ok {
		ok, err = c.ours(ctx, h, x)
	}
	if err != nil {
		return false, err
	}
	if !ok {
		c.db.trouble(errors.New("the saved states are not those of this database or were damaged: all are read from the database"))
		return false, nil
	}
	if err := c.catchUp(ctx, k.tenant, h.Size, x); err != nil {
		return false, err
	}
	for n, rows := range parts {
		if err := x.Restore(n, len(h.Purposes), rows); err != nil {
			k.distrust = true
			return false, fmt.Errorf("take the saved states: %w", err)
		}
	}
	k.saved = h.Size
	return true, nil
}

// openSnapshot reads a file that this program wrote for this tenant.
func openSnapshot(file []byte, keys *seal.Tenant, tenant string) (h snapshotHead, parts [][]byte, ok bool) {
	n := len(file) - sha256.Size
	if n < 0 {
		return h, nil, false
	}
	mac := snapshotMAC(keys, tenant)
	mac.Write(file[:n])
	if !hmac.Equal(mac.Sum(nil), file[n:]) {
		return h, nil, false
	}
	line, rest, _ := bytes.Cut(file[:n], []byte("\n"))
	if json.Unmarshal(line, &h) != nil || h.Version != snapshotVersion || h.Tenant != tenant {
		return h, nil, false
	}
	for range consent.Parts {
		if len(rest) < 8 {
			return h, nil, false
		}
		size := binary.LittleEndian.Uint64(rest)
		if rest = rest[8:]; size > uint64(len(rest)) {
			return h, nil, false
		}
		parts, rest = append(parts, rest[:size]), rest[size:]
	}
	return h, parts, len(rest) == 0
}

// ours says whether the tenant's log goes on from where the snapshot was made.
func (c *Consents) ours(ctx context.Context, h snapshotHead, x *consent.Index) (bool, error) {
	rules, err := c.rulesIn(ctx, c.db.engine, h.Tenant)
	if err != nil {
		return false, err
	}
	size, _, err := c.end(ctx, h.Tenant)
	if err != nil || h.Size > size || h.Stamp > rules.Stamp || !slices.Equal(h.Purposes, x.Purposes()) {
		return false, err
	}
	root, err := tlog.TreeHash(h.Size, treeReader(ctx, c.db.engine, h.Tenant))
	return err == nil && bytes.Equal(root[:], h.Root), nil // a damaged tree is not this file's fault, and no reason to believe it
}

// catchUp loads the states of all whom something was done about since the log
// had this length, and lets the snapshot say nothing of them.
func (c *Consents) catchUp(ctx context.Context, tenant string, since int64, x *consent.Index) error {
	size, _, err := c.end(ctx, tenant)
	if err != nil {
		return err
	}
	for ; since < size; since += catchUpSlice {
		ids, err := c.touched(ctx, tenant, since, since+catchUpSlice)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if subject, err := consent.ParseSubjectID(id); err == nil {
				x.Outdate(subject)
			}
		}
		err = c.db.engine.each(ctx, func(s scanner) error {
			a, state, err := scanBrief(s)
			x.Load(a.subject, a.purpose, state)
			return err
		}, selectBrief+` WHERE tenant = $1 AND subject {in $2}`, tenant, ids)
		if err != nil {
			return err
		}
	}
	return nil
}

const catchUpSlice = 10_000 // records of the log

// touched gives the subjects that something was done about in a stretch of the
// log: what they chose is in the records, what befell them is an act on them.
func (c *Consents) touched(ctx context.Context, tenant string, from, to int64) ([]string, error) {
	return collect(ctx, c.db.engine, func(s scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, `
		SELECT subject FROM consent_records WHERE tenant = $1 AND seq >= $2 AND seq < $3
		UNION
		SELECT substr(object, 9) FROM audit_leaves WHERE tenant = $1 AND seq >= $2 AND seq < $3 AND object LIKE 'subject/%'`, tenant, from, to)
}

// end gives the length of the tenant's log and its root.
func (c *Consents) end(ctx context.Context, tenant string) (size int64, root []byte, err error) {
	err = c.db.engine.row(ctx, `SELECT size, root FROM audit_heads WHERE tenant = $1`, tenant).Scan(&size, &root)
	if err != nil {
		return 0, nil, fmt.Errorf("read the end of the audit log: %w", err)
	}
	return size, root, nil
}

// snapshotOf names the file by a digest of the tenant's name, which may be
// anything.
func (c *Consents) snapshotOf(tenant string) string {
	sum := sha256.Sum256([]byte(tenant))
	return c.db.engine.file() + ".checks-" + hex.EncodeToString(sum[:8])
}

func snapshotMAC(keys *seal.Tenant, tenant string) hash.Hash {
	key := hmac.New(sha256.New, keys.DigestKey())
	key.Write([]byte("consent/checks\x00" + tenant))
	return hmac.New(sha256.New, key.Sum(nil))
}

// replaceFile replaces a file by what write writes, for its owner's eyes only.
// After a loss of power there is the old one or the new one.
func replaceFile(path string, write func(io.Writer) error) error {
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		_ = os.Remove(draft)
	}
	return err
}
