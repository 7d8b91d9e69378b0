-- What colleagues are asked, and the files that they hand in. See 00001 for
-- times.
-- +goose Up
CREATE TABLE tasks (
	tenant     TEXT NOT NULL,
	request    TEXT NOT NULL,
	connection TEXT NOT NULL,
	asked      INTEGER NOT NULL,
	due        INTEGER NOT NULL,
	remind     INTEGER NOT NULL, -- 0: not, or not again
	answered   INTEGER NOT NULL, -- 0: not yet; the answer is a paper of kind input
	closed     INTEGER NOT NULL, -- when the request ended
	upload     TEXT NOT NULL, -- which files are those of the answer
	PRIMARY KEY (tenant, request, connection),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;

CREATE INDEX tasks_open ON tasks (tenant, due, request, connection) WHERE answered = 0 AND closed = 0;
CREATE INDEX tasks_remind ON tasks (tenant, remind) WHERE remind > 0;

-- Files in pieces, sealed under the request's key, until it ends.
CREATE TABLE task_pieces (
	tenant     TEXT NOT NULL,
	request    TEXT NOT NULL,
	connection TEXT NOT NULL,
	upload     TEXT NOT NULL,
	file       TEXT NOT NULL,
	n          INTEGER NOT NULL,
	size       INTEGER NOT NULL, -- bytes of what is sealed
	sealed     BLOB NOT NULL,
	PRIMARY KEY (tenant, request, connection, upload, file, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
) STRICT;
