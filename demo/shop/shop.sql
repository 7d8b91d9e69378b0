CREATE TABLE customers (
    id             INTEGER PRIMARY KEY,
    email          VARCHAR(254) NOT NULL UNIQUE,
    first_name     VARCHAR(60) NOT NULL,
    last_name      VARCHAR(60) NOT NULL,
    phone          VARCHAR(20),
    birth_date     DATE,
    language       CHAR(2) NOT NULL,
    loyalty_points INTEGER NOT NULL CHECK (loyalty_points >= 0),
    preferences    JSON NOT NULL,
    active         BOOLEAN NOT NULL,
    created_at     TIMESTAMP NOT NULL
);

CREATE TABLE addresses (
    id          UUID PRIMARY KEY NOT NULL,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    kind        VARCHAR(10) NOT NULL CHECK (kind IN ('billing', 'delivery')),
    recipient   VARCHAR(120) NOT NULL,
    street      VARCHAR(120) NOT NULL,
    postal_code VARCHAR(12) NOT NULL,
    city        VARCHAR(60) NOT NULL,
    country     CHAR(2) NOT NULL CHECK (length(country) = 2)
);
CREATE INDEX addresses_customer ON addresses (customer_id);

CREATE TABLE products (
    sku   VARCHAR(16) PRIMARY KEY NOT NULL,
    name  VARCHAR(120) NOT NULL,
    range VARCHAR(30) NOT NULL,
    price DECIMAL(10,2) NOT NULL CHECK (price > 0)
);

CREATE TABLE orders (
    number       VARCHAR(20) PRIMARY KEY NOT NULL,
    customer_id  INTEGER NOT NULL REFERENCES customers (id),
    address_id   UUID NOT NULL REFERENCES addresses (id),
    status       VARCHAR(10) NOT NULL CHECK (status IN ('paid', 'sent', 'delivered', 'returned')),
    total        DECIMAL(10,2) NOT NULL CHECK (total >= 0),
    gift_message TEXT,
    ip_address   VARCHAR(45),
    ordered_at   TIMESTAMP NOT NULL
);
CREATE INDEX orders_customer ON orders (customer_id);

CREATE TABLE order_items (
    order_number VARCHAR(20) NOT NULL REFERENCES orders (number),
    line         INTEGER NOT NULL,
    sku          VARCHAR(16) NOT NULL REFERENCES products (sku),
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    unit_price   DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (order_number, line)
);

CREATE TABLE invoices (
    number       VARCHAR(20) PRIMARY KEY NOT NULL,
    order_number VARCHAR(20) NOT NULL UNIQUE REFERENCES orders (number),
    recipient    VARCHAR(120) NOT NULL,
    street       VARCHAR(120) NOT NULL,
    postal_code  VARCHAR(12) NOT NULL,
    city         VARCHAR(60) NOT NULL,
    country      CHAR(2) NOT NULL,
    gross        DECIMAL(10,2) NOT NULL,
    issued_on    DATE NOT NULL
);

CREATE TABLE payments (
    id           UUID PRIMARY KEY NOT NULL,
    order_number VARCHAR(20) NOT NULL REFERENCES orders (number),
    method       VARCHAR(10) NOT NULL CHECK (method IN ('card', 'transfer')),
    amount       DECIMAL(10,2) NOT NULL,
    iban         VARCHAR(34),
    card_digits  CHAR(4),
    paid_at      TIMESTAMP NOT NULL,
    CHECK ((iban IS NULL) <> (card_digits IS NULL))
);
CREATE INDEX payments_order ON payments (order_number);

CREATE TABLE newsletter_subscriptions (
    id            INTEGER PRIMARY KEY,
    email         VARCHAR(254) NOT NULL UNIQUE,
    confirmed     BOOLEAN NOT NULL,
    source        VARCHAR(20) NOT NULL,
    subscribed_at TIMESTAMP NOT NULL
);

CREATE TABLE reviews (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    sku         VARCHAR(16) NOT NULL REFERENCES products (sku),
    rating      INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    body        TEXT NOT NULL,
    author      JSON NOT NULL,
    written_at  TIMESTAMP NOT NULL
);
CREATE INDEX reviews_customer ON reviews (customer_id);

CREATE TABLE sessions (
    id          UUID PRIMARY KEY NOT NULL,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ip_address  VARCHAR(45) NOT NULL,
    user_agent  VARCHAR(200) NOT NULL,
    pages       JSON NOT NULL,
    started_at  TIMESTAMP NOT NULL
);
CREATE INDEX sessions_customer ON sessions (customer_id);
