package consent

// Halfway changes a state in two steps, with something between them, as one
// change.
func (x *Index) Halfway(id SubjectID, purpose string, half State, between func(), s State) {
	h, place := x.shard(id), (*x.view.Load())[purpose].place
	h.mu.Lock()
	defer h.mu.Unlock()
	h.turn.Add(1)
	defer h.turn.Add(1)
	t := h.table.Load()
	bucket, row := t.add(id)
	t.put(bucket, row, place, newSlot(half))
	between()
	t.put(bucket, row, place, newSlot(s))
}
