-- What colleagues are asked, and the files that they hand in. See 00001 for
-- times.
-- +goose Up
CREATE TABLE tasks (
	tenant     text COLLATE "C" NOT NULL,
	request    text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,
	asked      bigint NOT NULL,
	due        bigint NOT NULL,
	remind     bigint NOT NULL, -- 0: not, or not again
	answered   bigint NOT NULL, -- 0: not yet; the answer is a paper of kind input
	closed     bigint NOT NULL, -- when the request ended
	upload     text COLLATE "C" NOT NULL, -- which files are those of the answer
	PRIMARY KEY (tenant, request, connection),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);

CREATE INDEX tasks_open ON tasks (tenant, due, request, connection) WHERE answered = 0 AND closed = 0;
CREATE INDEX tasks_remind ON tasks (tenant, remind) WHERE remind > 0;

-- Files in pieces, sealed under the request's key, until it ends.
CREATE TABLE task_pieces (
	tenant     text COLLATE "C" NOT NULL,
	request    text COLLATE "C" NOT NULL,
	connection text COLLATE "C" NOT NULL,
	upload     text COLLATE "C" NOT NULL,
	file       text COLLATE "C" NOT NULL,
	n          bigint NOT NULL,
	size       bigint NOT NULL, -- bytes of what is sealed
	sealed     bytea NOT NULL,
	PRIMARY KEY (tenant, request, connection, upload, file, n),
	FOREIGN KEY (tenant, request) REFERENCES requests (tenant, id)
);
