-- Quota reserved ahead, holds that the database itself keeps, and the brake.
--
-- A space's quota counts logical bytes of all versions, trash included. So that nobody sends 50 GB in vain, what is under
-- way counts too: uploads with a row by their own length, requests without one by a row here that goes with them.
create table quota_reservations (
    space_id   uuid        not null,
    id         uuid        not null,                     -- the changeset that will use the bytes
    bytes      bigint      not null,
    holder     text        not null,                     -- the server process whose request it is: its rows go when it starts again
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    primary key (space_id, id)
);
create index uploads_reserved on uploads (space_id) where state in (0, 1);

-- Bytes of a space that are promised to uploads under way, but for those named.
create function reserved_bytes(space uuid, but_for uuid[]) returns bigint language sql stable as $$
    select coalesce((
               select sum(coalesce(u.length, u.durable_offset))
               from uploads u
               where u.space_id = space and u.kind = 0 and u.state in (0, 1) and u.expires_at > clock_timestamp() and u.id <> all(but_for)), 0)::bigint
         + coalesce((
               select sum(r.bytes)
               from quota_reservations r
               where r.space_id = space and r.expires_at > clock_timestamp() and r.id <> all(but_for)), 0)::bigint
$$;

-- A hold keeps a node and everything below it: nothing of it may be deleted, purged, thinned, or moved out. kind 0 is a legal
-- hold, which lasts until somebody with the right to releases it; kind 1 keeps until a time, which can only be moved later
-- and ends by itself. Rows stay for ever: who held what, when and why is part of the record.
create table holds (
    space_id       uuid        not null,
    id             uuid        not null,
    node_id        uuid        not null,
    kind           smallint    not null,
    reason         text        not null,
    until          timestamptz,                           -- null for kind 0
    created_at     timestamptz not null default clock_timestamp(),
    created_by     uuid        not null,
    released_at    timestamptz,
    released_by    uuid,
    release_reason text,
    primary key (space_id, id),
    constraint holds_kind check (case kind when 0 then until is null when 1 then until is not null and released_at is null else false end),
    constraint holds_release check ((released_at is null) = (released_by is null) and (released_at is null) = (release_reason is null))
);
create index holds_in_force on holds (space_id, node_id) where released_at is null;

-- Who may release legal holds: a right of its own, which no role and no account has by itself.
create table hold_releasers (
    user_id  uuid        not null primary key references users (id),
    given_by uuid        not null,
    given_at timestamptz not null default clock_timestamp()
);

-- The holds in force that keep a node: its own, and those of all folders above it.
create function holds_on(space uuid, node uuid) returns setof holds language sql stable as $$
    with recursive up (id, parent_id, hops) as (
        select n.id, n.parent_id, 0 from nodes n where n.space_id = space and n.id = node
        union all
        select p.id, p.parent_id, u.hops + 1
        from up u
        join nodes p on p.space_id = space and p.id = u.parent_id
        where u.hops < 300
    )
    select h.*
    from up u
    join holds h on h.space_id = space and h.node_id = u.id
    where h.released_at is null and (h.until is null or h.until > clock_timestamp())
$$;

-- Whether a node, or something below it, is kept: then it can neither go to the trash nor be purged.
create function is_held(space uuid, node uuid) returns boolean language plpgsql stable as $$
begin
    -- Nearly every space has none: one look at an empty index.
    if not exists (select from holds h where h.space_id = space and h.released_at is null) then
        return false;
    end if;
    if exists (select from holds_on(space, node)) then
        return true;
    end if;
    -- From the few holds upwards, not from the folder down.
    return exists (
        with recursive up (id, hops) as (
            select h.node_id, 0
            from holds h
            where h.space_id = space and h.released_at is null and (h.until is null or h.until > clock_timestamp())
            union
            select n.parent_id, u.hops + 1
            from up u
            join nodes n on n.space_id = space and n.id = u.id
            where n.parent_id is not null and u.hops < 300
        )
        select from up where id = node);
end $$;

-- Refusals carry a state of their own, by which the server knows them.
create function keep_held() returns trigger language plpgsql as $$
declare
    space uuid;
    kept boolean := false;
begin
    if tg_table_name = 'spaces' then
        space := old.id;
    else
        space := old.space_id;
    end if;
    -- One look at an index that is empty in nearly every space.
    if exists (select from holds h where h.space_id = space and h.released_at is null) then
        if tg_table_name = 'spaces' then
            kept := exists (select from holds h where h.space_id = space and h.released_at is null and (h.until is null or h.until > clock_timestamp()));
        elsif tg_table_name <> 'nodes' then
            kept := exists (select from holds_on(space, old.node_id));
        elsif tg_op = 'DELETE' then
            kept := is_held(space, old.id);
        elsif new.state <> old.state and new.state <> 0 then
            kept := is_held(space, old.id);
        else
            -- Out of a folder that is held: what keeps it there must keep it at its new place too.
            kept := exists (
                select h.id from holds_on(space, old.parent_id) h
                except
                select h.id from holds_on(space, new.parent_id) h);
        end if;
    end if;
    if kept then
        raise exception 'held: a legal hold or a retention keeps this' using errcode = 'FSH01';
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end $$;

-- Only what takes something away is looked at: ordinary changes of nodes do not run the function. Moves and deletions are
-- judged by what the transaction leaves behind, as changesets are.
create constraint trigger nodes_held after update on nodes deferrable initially deferred for each row
    when (new.state <> old.state and new.state <> 0 or new.parent_id is distinct from old.parent_id) execute function keep_held();
create trigger nodes_held_delete before delete on nodes for each row execute function keep_held();
create trigger versions_held_delete before delete on versions for each row execute function keep_held();
create trigger versions_held before update on versions for each row
    when (new.chunk_list <> old.chunk_list or new.content_id <> old.content_id or new.size <> old.size or new.node_id <> old.node_id or new.number <> old.number)
    execute function keep_held();
create trigger node_history_held before delete on node_history for each row execute function keep_held();
create trigger spaces_held before update on spaces for each row
    when (new.deleted_at is not null and old.deleted_at is null) execute function keep_held();
create trigger spaces_held_delete before delete on spaces for each row execute function keep_held();

-- A hold only ever grows: it is extended, or released once, and its row stays.
create function keep_holds() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        raise exception 'held: a hold is never deleted, only released' using errcode = 'FSH01';
    end if;
    if (new.space_id, new.id, new.node_id, new.kind, new.reason, new.created_at, new.created_by)
        is distinct from (old.space_id, old.id, old.node_id, old.kind, old.reason, old.created_at, old.created_by)
        or new.until < old.until
        or old.released_at is not null then
        raise exception 'held: a hold can only be extended or released' using errcode = 'FSH01';
    end if;
    return new;
end $$;
create trigger holds_grow before update or delete on holds for each row execute function keep_holds();

-- The brake: how many files each changeset took away or rewrote, counted where the changeset is written anyway.
alter table changesets add column destroyed integer not null default 0;
create index changesets_destroying on changesets (space_id, created_by, created_at) where destroyed > 0;

-- Limits of a space; what is null is the server's own. files 0: no brake.
create table brake_limits (
    space_id uuid    not null primary key,
    files    integer,
    percent  integer,
    minutes  integer
);

-- A caller that is paused in a space (kind 0), or that may pass the limit for a while (kind 1; all callers where user_id is null).
create table brakes (
    space_id       uuid        not null,
    id             uuid        not null,
    kind           smallint    not null,
    user_id        uuid,
    device         text,
    files          integer     not null default 0,        -- taken away or rewritten within the window, the refused changeset included
    max_files      bigint      not null default 0,        -- the limit that it passed
    since_revision bigint      not null default 0,        -- the first revision of the window
    created_at     timestamptz not null default clock_timestamp(),
    until          timestamptz,                           -- end of a permission
    ended_at       timestamptz,
    ended_by       uuid,
    outcome        text,                                  -- lifted or rolled-back
    primary key (space_id, id)
);
create unique index brakes_paused on brakes (space_id, user_id) where kind = 0 and ended_at is null;
create index brakes_user on brakes (space_id, user_id, ended_at);
-- Pauses in force, kept with the row that every change of the space locks anyway.
alter table spaces add column paused integer not null default 0;
