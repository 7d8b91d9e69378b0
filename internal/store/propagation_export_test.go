package store

// What a lane and a planner ask of the database, again and again.
var LaneQueries = map[string]string{
	"vacant": vacantLanes, "left": leftSending, "at once": dueAtOnce, "put off": duePutOff, "later": dueLater, "busy": busyPairs,
	"superseded": waitingAbout, "pending elsewhere": pendingLegacy, "elsewhere": legacyOf, "places": placesOf, "standing": standingOf, "known": knownAs,
}
