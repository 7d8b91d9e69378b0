package store

import (
	"time"

	"volenti.dev/volenti/consent/site"
)

// KeepLate does what a reader does who has read a place, and keeps it when
// something was published since.
func (s *Sites) KeepLate(p site.Place) {
	_, mark := s.db.shown.place(p.Key, true)
	s.db.shown.forget()
	s.db.shown.keep(p.Key, foundPlace{p, time.Now()}, mark)
}
