-- Accounts, groups, sessions, tokens; then who may do what where.
create table users (
    id                uuid        not null primary key,  -- never given to another person
    name              text        not null,
    name_key          text        not null unique,       -- fold key: Ann and ANN are one account
    display_name      text,
    role              smallint    not null default 0,    -- 0 member, 1 admin (manages, does not read), 2 auditor
    password_hash     text,                              -- PHC string; null: no password sign-in
    security_stamp    uuid        not null,              -- changes with password, role or disabling: older sessions end
    disabled_at       timestamptz,
    created_at        timestamptz not null default clock_timestamp(),
    last_seen_at      timestamptz
);

create table groups (
    id         uuid        not null primary key,
    name       text        not null,
    name_key   text        not null unique,
    created_at timestamptz not null default clock_timestamp()
);

-- A member is a user or a group; groups nest to a depth of five.
create table group_members (
    group_id  uuid not null references groups (id) on delete cascade,
    member_id uuid not null,
    is_group  boolean not null,
    primary key (group_id, member_id)
);
create index group_members_member on group_members (member_id);

-- A signed-in device: one family of refresh tokens. Only the SHA-256 of a token is kept. The token before the current
-- one is remembered, so that its reuse ends the whole session, but for a few seconds of grace answers with the same
-- successor when two requests of one client race.
create table sessions (
    id               uuid        not null primary key,
    user_id          uuid        not null references users (id),
    security_stamp   uuid        not null,
    refresh_hash     bytea       not null unique,
    previous_hash    bytea,
    rotated_at       timestamptz,
    device           text,
    client_ip        inet,
    created_at       timestamptz not null default clock_timestamp(),
    last_used_at     timestamptz not null default clock_timestamp(),
    expires_at       timestamptz not null,               -- absolute end
    revoked_at       timestamptz,
    revoked_reason   text
);
create index sessions_user on sessions (user_id);
create index sessions_previous on sessions (previous_hash) where previous_hash is not null;

-- Personal access tokens, for programs and WebDAV. Narrowed to a space, a folder and rights where set.
create table personal_tokens (
    id           uuid        not null primary key,
    user_id      uuid        not null references users (id),
    name         text        not null,
    prefix       text        not null,                   -- the first characters, for recognising it
    token_hash   bytea       not null unique,
    space_id     uuid,
    node_id      uuid,
    path         text,                                   -- of node_id, as the owner wrote it then
    rights       integer,                                -- Rights flags; null: all that the user has
    created_at   timestamptz not null default clock_timestamp(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index personal_tokens_user on personal_tokens (user_id);

-- Failed sign-ins by account key and by address: survives restarts, shared by all nodes.
create table login_throttle (
    key          text        not null primary key,       -- 'user:<fold key>' or 'ip:<address>'
    failures     integer     not null,
    last_at      timestamptz not null,
    blocked_until timestamptz
);

-- Keys that the server made for itself at the first start (access tokens: ES256, PKCS#8).
create table server_keys (
    id          uuid        not null primary key,
    purpose     text        not null,
    private_key bytea       not null,
    created_at  timestamptz not null default clock_timestamp(),
    retired_at  timestamptz
);

-- A scope is a node with grants of its own or with inheritance stopped. Scopes form a tree of their own: parent_scope is
-- the nearest scope above, null on the root and where inheritance stops. What a caller may do on a node is the union of
-- the grants on the node's scope and on all scopes above it (docs/access.md).
create table access_scopes (
    space_id     uuid    not null,
    node_id      uuid    not null,
    parent_scope uuid,
    inherits     boolean not null default true,
    primary key (space_id, node_id)
);
create index access_scopes_parent on access_scopes (space_id, parent_scope);

-- A grant held in the revisions [from_revision, to_revision); it holds still while to_revision is null.
create table grants (
    space_id       uuid        not null,
    id             uuid        not null,
    node_id        uuid        not null,
    principal_kind smallint    not null,                 -- 0 user, 1 group, 2 everyone
    principal_id   uuid        not null,                 -- all zeros for everyone
    role           smallint    not null,                 -- 0 viewer, 1 uploader, 2 contributor, 3 editor, 4 manager
    expires_at     timestamptz,
    from_revision  bigint      not null,
    to_revision    bigint,
    from_at        timestamptz not null,
    to_at          timestamptz,
    created_by     uuid        not null,
    ended_by       uuid,
    primary key (space_id, id)
);
create unique index grants_current on grants (space_id, node_id, principal_kind, principal_id) where to_revision is null;
create index grants_principal on grants (principal_id, space_id) where to_revision is null;
