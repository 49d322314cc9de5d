-- What WebDAV keeps beside the documents: properties that clients set, files that programs make for themselves, and for a
-- minute who stood where, so that a save by temporary file and rename goes on with the history of the name.
--
-- A dead property belongs to a node (or to an ephemeral file, by its id), so it follows every move; a copy gets copies. It is
-- kept as the XML that came in, with its prefixes declared. None of this is history: it changes without a revision.
create table dav_properties (
    space_id  uuid        not null references spaces (id),
    node_id   uuid        not null,
    namespace text        not null,
    name      text        not null,
    lang      text,                                     -- xml:lang as it held where the property was set
    value     text        not null,                     -- what stands between its tags
    set_at    timestamptz not null,
    primary key (space_id, node_id, namespace, name)
);

-- Ephemeral files: ._x, .DS_Store, ~$x and their like. No version, no revision, no event, no index; few, small, dropped when
-- nobody has written them for a while. The live name in nodes wins where both are there. A row with node_id holds no bytes: it
-- shows an earlier version of that node under the name to which a program put the file aside while saving.
create table dav_ephemerals (
    space_id     uuid        not null references spaces (id),
    folder_id    uuid        not null,
    name_key     text        not null,
    id           uuid        not null,
    name         text        not null,
    size         bigint      not null,
    etag         bytea       not null,                  -- SHA-256 of the bytes
    content      bytea,
    node_id      uuid,
    version      integer,
    created_at   timestamptz not null,
    modified_at  timestamptz not null,
    written_at   timestamptz not null,
    written_by   uuid        not null,
    primary key (space_id, folder_id, name_key)
);
create unique index dav_ephemerals_id on dav_ephemerals (space_id, id);
create index dav_ephemerals_age on dav_ephemerals (written_at);

-- A file that left its name by this door, to the trash or to another name. Rows count for a minute, and are swept.
create table dav_departures (
    space_id  uuid        not null references spaces (id),
    folder_id uuid        not null,
    name_key  text        not null,
    node_id   uuid        not null,
    user_id   uuid        not null,
    left_at   timestamptz not null,
    primary key (space_id, folder_id, name_key)
);
create index dav_departures_age on dav_departures (left_at);
