-- Packs, the chunk index, uploads: where the bytes are.
--
-- The chunk index says in which pack, at which offset, a chunk stands. A row appears in the transaction of the first
-- changeset that names the chunk, never before, so every row here is named by some version; node_id is the node of that
-- first version and lets a caller without sight of the whole space prove that it may name the chunk.
create table packs (
    space_id    uuid        not null,
    id          uuid        not null primary key,       -- never reused
    state       smallint    not null,                   -- 0 open (shared, being appended), 1 sealed, 2 suspect (a sync failed: never written again)
    length      bigint      not null default 0,         -- bytes of the file, footer included, once sealed
    created_at  timestamptz not null default clock_timestamp(),
    sealed_at   timestamptz,
    node_name   text                                    -- the server process that appends to an open pack
);
create index packs_space on packs (space_id, id);
create index packs_open on packs (state) where state = 0;

create table chunks (
    space_id     uuid    not null,
    hash         bytea   not null,
    pack_id      uuid    not null,
    pack_offset  bigint  not null,
    length       integer not null,
    node_id      uuid    not null,
    condemned_at timestamptz,                            -- no version names it any more, since then
    damaged_at   timestamptz,                            -- the scrub found other bytes: reads are refused
    primary key (space_id, hash)
);
create index chunks_pack on chunks (pack_id, pack_offset);

-- A tus upload, and what it became. kind 0 is a whole file that becomes a version, kind 1 a pack of chunks sent by a sync
-- client, kind 2 a part of a concatenation. durable_offset never exceeds the bytes that would survive a crash now.
create table uploads (
    id             uuid        not null primary key,
    user_id        uuid        not null,
    session_id     uuid,
    kind           smallint    not null,
    state          smallint    not null default 0,      -- 0 receiving, 1 complete (bytes safe), 2 committed, 3 terminated
    space_id       uuid,                                -- null for parts: their place is known when they are joined
    parent_id      uuid,
    length         bigint,                              -- null while deferred
    durable_offset bigint      not null default 0,
    metadata       text,                                -- Upload-Metadata exactly as the client sent it
    concat         text,                                -- Upload-Concat exactly as the client sent it
    pack_id        uuid        not null,                -- the pack that the staged bytes become
    content        bytea,                               -- once complete: content id, size, SHA-256 and chunk places, see Uploads
    result         text,                                -- once committed: where it stands, as JSON
    created_at     timestamptz not null default clock_timestamp(),
    touched_at     timestamptz not null default clock_timestamp(),
    expires_at     timestamptz not null
);
create index uploads_user on uploads (user_id, state);
create index uploads_expiry on uploads (expires_at);

-- What a user has proven to possess by sending the bytes: the chunk list of an uploaded pack. A changeset of the same
-- user may name these chunks. Rows go when the claim expires; the pack's bytes go then too if nothing named them.
create table pack_claims (
    space_id   uuid        not null,
    user_id    uuid        not null,
    pack_id    uuid        not null,
    entries    bytea       not null,                    -- 36 bytes a chunk in pack order: SHA-256, length (uint32, little endian)
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    primary key (space_id, user_id, pack_id)
);
create index pack_claims_expiry on pack_claims (expires_at);
