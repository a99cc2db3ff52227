-- The tables of account decisions, version 1. Instants are text in RFC 3339.
CREATE TABLE provision_ledger (
    seq BIGINT PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL
);
-- Accounts as the ledger folds to; version is the last event about one, district the one that governs it, if one does.
CREATE TABLE provision_accounts (
    id TEXT PRIMARY KEY, standing TEXT NOT NULL, version BIGINT NOT NULL, last_used TEXT, district TEXT NOT NULL
);
CREATE INDEX provision_accounts_of ON provision_accounts (district, id);
-- Which account an identity opens; alias: by an older id of the same identity.
CREATE TABLE provision_links (
    user_id TEXT PRIMARY KEY, account TEXT NOT NULL, alias BIGINT NOT NULL, in_roster BIGINT NOT NULL
);
CREATE TABLE provision_methods (
    account TEXT NOT NULL, id TEXT NOT NULL, proven_at TEXT, PRIMARY KEY (account, id)
);
CREATE TABLE provision_merges (
    id BIGINT PRIMARY KEY, record TEXT NOT NULL, survivor TEXT NOT NULL, proof TEXT NOT NULL
);
CREATE TABLE provision_reviews (
    id BIGINT PRIMARY KEY, record TEXT NOT NULL, is_open BIGINT NOT NULL, district TEXT NOT NULL,
    user_id TEXT NOT NULL, subject TEXT NOT NULL, expires BIGINT NOT NULL, sealed TEXT
);
CREATE INDEX provision_reviews_of ON provision_reviews (user_id, is_open);
CREATE INDEX provision_reviews_open ON provision_reviews (district, id) WHERE is_open = 1;
CREATE INDEX provision_reviews_waiting ON provision_reviews (id) WHERE is_open = 1;
CREATE INDEX provision_merges_into ON provision_merges (survivor, id);
CREATE TABLE provision_declined (
    pair TEXT PRIMARY KEY, evidence TEXT NOT NULL
);
CREATE TABLE provision_sharing (
    user_id TEXT PRIMARY KEY, shared_by TEXT NOT NULL
);
-- The key of each district's personal data, wrapped. Deleting one erases them.
CREATE TABLE provision_keys (
    district TEXT PRIMARY KEY, wrapped TEXT NOT NULL
);
-- Both values of each field of merged accounts, sealed.
CREATE TABLE provision_fields (
    merge_id BIGINT PRIMARY KEY, district TEXT NOT NULL, sealed TEXT NOT NULL
);
-- What is known of an account's holder, sealed: the app's own record of an account, or Clever's of an identity.
CREATE TABLE provision_known (
    holder TEXT NOT NULL, is_account BIGINT NOT NULL, district TEXT NOT NULL, sealed TEXT NOT NULL,
    PRIMARY KEY (holder, is_account)
);
CREATE INDEX provision_known_of ON provision_known (district);
-- What such a record is found by: digests of its ids and names under the district's key.
CREATE TABLE provision_clues (
    clue BIGINT NOT NULL, holder TEXT NOT NULL, is_account BIGINT NOT NULL, district TEXT NOT NULL,
    PRIMARY KEY (clue, holder, is_account)
);
CREATE INDEX provision_clues_of ON provision_clues (holder, is_account);
-- How far the accounts have followed a district's roster: all changes of the feed up to seq; the run that was under
-- way then began behind began.
CREATE TABLE provision_positions (
    district TEXT PRIMARY KEY, seq BIGINT NOT NULL, began BIGINT NOT NULL
);
-- The last event about an account or an identity: a decision that saw less is stale.
CREATE TABLE provision_touched (
    thing TEXT PRIMARY KEY, seq BIGINT NOT NULL
);
-- Which entries of the ledger are about an account or an identity.
CREATE TABLE provision_about (
    thing TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (thing, seq)
);
