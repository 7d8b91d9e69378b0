package propagate

// worst are the statuses in their order for people who look at a system as a whole,
// the worst first.
var worst = []Status{Failed, Sending, Pending, Partial, Complete, Superseded, Skipped}

// shown is what a status counts as in a roll-up, where not as itself.
var shown = map[Status]Status{Sending: Pending, Superseded: Skipped}

// RollUp gives the one status that stands for several: the worst of them, with what
// is being sent as pending and what was superseded as skipped; Skipped for none. It
// is for readers from outside: nothing here decides by it (C3).
func RollUp(all ...Status) Status {
	for _, s := range worst {
		for _, one := range all {
			if one == s {
				if as, ok := shown[s]; ok {
					return as
				}
				return s
			}
		}
	}
	return Skipped
}
