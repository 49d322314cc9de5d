-- The audit log: what happened, in rows that are only ever inserted.
--
-- xid orders rows by transaction, so that a later sealer can take all rows of finished transactions without a gap and
-- without locking writers. Times are PostgreSQL's microseconds. detail is kept as the exact text that was written, not as
-- jsonb, so that its bytes can be hashed.
create table audit_events (
    id           bigint      not null generated always as identity primary key,
    xid          xid8        not null default pg_current_xact_id(),
    at           timestamptz not null default clock_timestamp(),
    actor_id     uuid,                                  -- null: nobody signed in, or the server itself
    actor        text        not null,                  -- the name at that time
    auth_kind    smallint    not null,                  -- 0 none, 1 session, 2 personal token, 3 share link, 4 system
    session_id   uuid,
    client_ip    inet,
    action       text        not null,                  -- noun.verb
    outcome      smallint    not null,                  -- 0 done, 1 refused, 2 failed
    space_id     uuid,
    node_id      uuid,
    subject      text,                                  -- what the event is about, by its name at that time
    request_id   text,
    detail       text                                   -- a JSON object
);
create index audit_events_at on audit_events using brin (at) with (pages_per_range = 32);
create index audit_events_node on audit_events (space_id, node_id, id) where node_id is not null;
create index audit_events_actor on audit_events (actor_id, id) where actor_id is not null;

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% rows are only ever inserted', tg_table_name;
end $$;
create trigger audit_events_insert_only before update or delete on audit_events
    for each row execute function refuse_change();
create trigger audit_events_no_truncate before truncate on audit_events
    for each statement execute function refuse_change();
