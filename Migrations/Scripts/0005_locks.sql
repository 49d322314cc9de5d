-- Locks on nodes: check-outs by people and the locks of WebDAV clients, in one table, so that every door honours both.
--
-- A lock protects its node (content, metadata, name, place, life) and, on a folder, its list of members; a deep one also
-- everything below. One that has run out counts as none and is swept by whoever locks next in the space. The audit log
-- keeps who locked what and when, so nothing is lost with the row. Rows change under the space's lock, as nodes do: a change
-- that was judged before a lock was taken is committed before the lock is.
create table node_locks (
    space_id     uuid        not null references spaces (id),
    token        uuid        not null,                  -- what a WebDAV client has to show, as urn:uuid:…
    node_id      uuid        not null,
    user_id      uuid        not null,
    owner        text,                                  -- what the client said about the owner: text, or XML from WebDAV
    reason       text,
    shared       boolean     not null,
    deep         boolean     not null,                  -- with everything below
    origin       smallint    not null,                  -- the door, as in versions.origin
    created_at   timestamptz not null,
    refreshed_at timestamptz not null,
    expires_at   timestamptz not null,
    primary key (space_id, token)
);
create index node_locks_node on node_locks (space_id, node_id);
