CREATE TABLE agents (
    id       INTEGER PRIMARY KEY,
    name     VARCHAR(120) NOT NULL,
    email    VARCHAR(254) NOT NULL UNIQUE,
    team     VARCHAR(30) NOT NULL,
    hired_on DATE NOT NULL
);

CREATE TABLE tickets (
    id              INTEGER PRIMARY KEY,
    requester_email VARCHAR(254) NOT NULL,
    requester_name  VARCHAR(120) NOT NULL,
    customer_id     INTEGER,
    agent_id        INTEGER NOT NULL REFERENCES agents (id),
    subject         VARCHAR(120) NOT NULL,
    status          VARCHAR(10) NOT NULL CHECK (status IN ('open', 'waiting', 'closed')),
    context         JSON NOT NULL,
    opened_at       TIMESTAMP NOT NULL
);
CREATE INDEX tickets_requester ON tickets (requester_email);
CREATE INDEX tickets_customer ON tickets (customer_id);

CREATE TABLE ticket_messages (
    id        UUID PRIMARY KEY NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    author    VARCHAR(10) NOT NULL CHECK (author IN ('customer', 'agent')),
    body      TEXT NOT NULL,
    sent_at   TIMESTAMP NOT NULL
);
CREATE INDEX ticket_messages_ticket ON ticket_messages (ticket_id);

CREATE TABLE call_logs (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER,
    agent_id    INTEGER NOT NULL REFERENCES agents (id),
    phone       VARCHAR(20) NOT NULL,
    seconds     INTEGER NOT NULL CHECK (seconds >= 0),
    note        TEXT,
    started_at  TIMESTAMP NOT NULL
);
CREATE INDEX call_logs_customer ON call_logs (customer_id);
CREATE INDEX call_logs_phone ON call_logs (phone);
