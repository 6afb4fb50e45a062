-- Argon2id hash of the PIN somebody signs in with at a gateway while the controller is away.
CREATE TABLE gateway_pin (
  account TEXT PRIMARY KEY REFERENCES account (id), hash TEXT NOT NULL, made_at BIGINT NOT NULL);
