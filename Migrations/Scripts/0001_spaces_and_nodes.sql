-- Spaces, nodes, versions, changesets: the documents themselves.
--
-- A space is a root that a team owns. Its row carries the one revision counter: whoever commits a changeset locks
-- this row first, so revisions commit in order, and a reader that has seen revision N never later finds a new
-- row with a revision of N or less. Every table below that belongs to a space leads its key with space_id, so that
-- a space can be deleted, dumped, restored or moved to another shard by itself.
create table spaces (
    id           uuid        not null primary key,      -- also the id of the root folder in nodes
    name         text        not null,
    name_key     text        not null,                  -- fold key of the name, see NameRules.FoldKey
    epoch        uuid        not null,                  -- new after any restore: clients then never delete
    revision     bigint      not null default 0,
    quota_bytes  bigint,                                -- null: no limit
    used_bytes   bigint      not null default 0,        -- logical bytes of all versions, trash included
    created_at   timestamptz not null default clock_timestamp(),
    deleted_at   timestamptz
);
create unique index spaces_name on spaces (name_key) where deleted_at is null;

-- A node is a file, folder or symlink. The row is the current state and stays small; what it was before stands in
-- node_history. Deleting or moving a folder changes its own row only: a node is live when neither it nor any
-- ancestor is in the trash, and its place in the tree is found by walking parent_id.
--
-- access_id names the node whose scope (see access_scopes) decides about this one: always set on folders and on files
-- with a scope of their own, null on files that take their folder's.
create table nodes (
    space_id         uuid        not null references spaces (id),
    id               uuid        not null,
    parent_id        uuid,                              -- null on the root folder only
    name             text        not null,              -- NFC, as people see it; empty on the root folder
    name_key         text        not null,              -- what must be unique among live siblings
    kind             smallint    not null,              -- 0 folder, 1 file, 2 symlink
    state            smallint    not null default 0,    -- 0 live, 1 in the trash (top of the deleted subtree), 2 purged
    access_id        uuid,
    version          integer     not null default 0,
    size             bigint      not null default 0,
    content_id       bytea,
    sha256           bytea,
    modified_at      timestamptz not null,
    executable       boolean     not null default false,
    target           text,
    conflict_of      uuid,
    changed_revision bigint      not null,
    changed_at       timestamptz not null,
    changed_by       uuid        not null,
    primary key (space_id, id)
) with (fillfactor = 90);
-- There can be only one live node per folder and folded name; trashed ones do not hold their name.
create unique index nodes_name on nodes (space_id, parent_id, name_key) where state = 0 and parent_id is not null;
-- Walking the folders of a subtree must not touch its files.
create index nodes_folders on nodes (space_id, parent_id, id) include (access_id) where kind = 0 and state = 0;
-- The change feed reads by (revision, id).
create unique index nodes_feed on nodes (space_id, changed_revision, id);
-- The trash is listed newest first.
create index nodes_trash on nodes (space_id, changed_revision desc, id) where state = 1;
-- A folder's scope changes for what was deleted from it too.
create index nodes_trash_parent on nodes (space_id, parent_id) where state = 1;

-- Each earlier state of a node: it held in the revisions [from_revision, to_revision). The current state is the row in
-- nodes, from its changed_revision on, so writing a new node costs nothing here.
create table node_history (
    space_id      uuid        not null,
    node_id       uuid        not null,
    from_revision bigint      not null,
    to_revision   bigint      not null,
    from_at       timestamptz not null,
    to_at         timestamptz not null,
    changed_by    uuid        not null,                 -- who made the state that this row keeps
    parent_id     uuid,
    name          text        not null,
    name_key      text        not null,
    kind          smallint    not null,
    state         smallint    not null,
    access_id     uuid,
    version       integer     not null,
    size          bigint      not null,
    content_id    bytea,
    modified_at   timestamptz not null,
    executable    boolean     not null,
    target        text,
    primary key (space_id, node_id, from_revision)
);
create index node_history_parent on node_history (space_id, parent_id, from_revision);

-- An immutable content of a file. chunk_list is the ordered list of its chunks in the compact form of ChunkListCodec:
-- inline for short ones, a list of segment ids beyond that, so that no version ever costs a row per chunk.
create table versions (
    space_id    uuid        not null,
    node_id     uuid        not null,
    number      integer     not null,
    size        bigint      not null,
    content_id  bytea       not null,
    sha256      bytea,                                  -- of the whole; null until known
    chunk_list  bytea       not null,
    modified_at timestamptz not null,
    executable  boolean     not null default false,
    created_at  timestamptz not null,
    created_by  uuid        not null,
    device      text,
    origin      smallint    not null,                   -- the door: 0 rest, 1 tus, 2 sync, 3 webdav, 4 portal
    comment     text,
    revision    bigint      not null,
    primary key (space_id, node_id, number)
);
-- Finds versions whose plain SHA-256 the background pass has still to compute.
create index versions_unhashed on versions (space_id, revision) where sha256 is null;

-- A run of about a thousand chunk references that several versions share, named by its own SHA-256.
create table segments (
    space_id uuid  not null,
    id       bytea not null,
    entries  bytea not null,                            -- 36 bytes a chunk: SHA-256, length (uint32, little endian)
    primary key (space_id, id)
);

-- One row per committed changeset. The client's id makes sending it twice harmless: the stored answer is returned.
create table changesets (
    space_id   uuid        not null,
    revision   bigint      not null,
    id         uuid        not null,
    created_at timestamptz not null,
    created_by uuid        not null,
    session_id uuid,
    device     text,
    origin     smallint    not null,
    request    bytea       not null,                    -- SHA-256 over what was asked, so that a reused id is noticed
    result     text,                                    -- the answer as JSON; null when it can be made from the nodes
    primary key (space_id, revision)
);
create unique index changesets_id on changesets (space_id, id);

-- Announcements of the change feed that are not a node's change: everything at and below node_id must be listed anew.
-- old_access_id names the scope that decided before, so that those who lost sight of the subtree hear of it.
create table subtree_resets (
    space_id      uuid     not null,
    revision      bigint   not null,
    node_id       uuid     not null,
    reason        smallint not null,                    -- 0 granted, 1 revoked, 2 restored, 3 moved
    old_access_id uuid,
    primary key (space_id, revision, node_id)
);
