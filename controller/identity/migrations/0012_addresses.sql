-- `address` is what people see and letters go to. `email` is what one signs in with: the address, once whoever reads its mail has
-- chosen a password, and no two accounts have the same; until then `account:<id>`, which nobody can type. So an organisation can add
-- whoever it likes, and learns nothing of the accounts that others have.
ALTER TABLE account ADD COLUMN address TEXT NOT NULL DEFAULT '';
UPDATE account SET address = email;
UPDATE account SET email = 'account:' || id
WHERE password_hash = '' AND NOT EXISTS (SELECT 1 FROM passkey p WHERE p.account = account.id);
CREATE INDEX account_address ON account (address);

-- The organisation that set the installation up, once and for all: a clock that was set back makes no other older.
ALTER TABLE workspace ADD COLUMN operator BIGINT NOT NULL DEFAULT 0;
UPDATE workspace SET operator = 1
WHERE id = (SELECT id FROM workspace WHERE kind = 'organisation' ORDER BY created_at, id LIMIT 1);

-- Whose word the groups of a provider are: they are given only while that account could give them.
ALTER TABLE oidc_provider ADD COLUMN named_by TEXT NOT NULL DEFAULT '';
-- A provider says that its subject has the address of an account in use: a letter asks whoever reads its mail.
CREATE TABLE oidc_link (
  secret_hash TEXT PRIMARY KEY, provider TEXT NOT NULL, subject TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id),
  expires_at BIGINT NOT NULL);
