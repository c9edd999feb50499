-- The order service's database, as every world begins with it. The app's password is set in a world's first epoch.
CREATE ROLE firedrill LOGIN;
-- A false ack of synchronous replication is told by a warning only: no session of the app may be deaf to it.
ALTER ROLE firedrill SET client_min_messages = warning;
ALTER ROLE firedrill SET synchronous_commit = on;
-- Who has flushed how far: the relay sends nothing that the quorum does not have.
GRANT pg_read_all_stats TO firedrill;
CREATE DATABASE firedrill;
\connect firedrill

-- Tells which transactions a rewind is about to throw away.
CREATE EXTENSION pg_walinspect;

CREATE SCHEMA firedrill;
-- The first commit of each epoch, made by the agent of its primary.
CREATE TABLE firedrill.epoch (
  epoch bigint PRIMARY KEY,
  region text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  idempotency_key text NOT NULL UNIQUE,
  request_hash text NOT NULL,
  customer text NOT NULL,
  item text NOT NULL,
  quantity integer NOT NULL,
  region text NOT NULL,
  epoch bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- A retry writes here, so that it waits for a quorum commit of its own.
  touched_at timestamptz NOT NULL DEFAULT now()
);

-- Events on their way out. A row is deleted once every region's Kafka has its event: what is here is not done.
CREATE TABLE outbox (
  seq bigserial PRIMARY KEY,
  event_id uuid NOT NULL,
  order_id uuid NOT NULL,
  payload jsonb NOT NULL,
  epoch bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The app's probe commits: a primary is ready for writes once one of them had its quorum.
CREATE TABLE firedrill.probe (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  probed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
INSERT INTO firedrill.probe DEFAULT VALUES;

GRANT USAGE ON SCHEMA firedrill TO firedrill;
GRANT SELECT ON firedrill.epoch TO firedrill;
GRANT SELECT, UPDATE ON firedrill.probe TO firedrill;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders, outbox TO firedrill;
GRANT USAGE ON SEQUENCE outbox_seq_seq TO firedrill;
