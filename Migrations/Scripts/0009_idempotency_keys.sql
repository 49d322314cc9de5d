-- What came of requests that carried an Idempotency-Key, so that sending one again answers the same and does nothing twice.
--
-- A row holds no key, no request and no answer that could be read from it: the key itself is the secret from which its hash, the
-- code over the request and the encryption of the answer are derived. An answer may be a token that is shown only once.
create table idempotency_keys (
    user_id      uuid        not null,
    key_hash     bytea       not null,
    request_mac  bytea       not null,
    started_at   timestamptz not null,
    expires_at   timestamptz not null,
    answer       bytea,                                  -- null: the first request is still under way, or broke off
    primary key (user_id, key_hash)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);
