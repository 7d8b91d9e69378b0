package consent

// Tally is for how many subjects a choice stands.
type Tally struct {
	Purpose  string
	Choice   Choice
	Subjects int64
}

// SmallCell is below how many subjects a count could tell of single persons.
const SmallCell = 10

// Anonymous gives the count, unless it is so small that it could tell of single
// persons.
func (t Tally) Anonymous() (n int64, ok bool) { return t.Subjects, t.Subjects >= SmallCell }
