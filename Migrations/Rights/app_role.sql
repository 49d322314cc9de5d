-- What the running server may do: read and write rows, and nothing else. It owns no table, cannot create, alter, drop or
-- truncate one, and can only add to the audit log. Runs after every migration, so new tables are covered by themselves.
--
-- The role belongs to the whole cluster, so another database of it may have made it before. A role that may not
-- create roles leaves this out: the server then works with the rights it was given, and says so when it starts.
do $$
begin
    if not exists (select from pg_roles where rolname = 'fileshare_app') then
        create role fileshare_app nologin;
    end if;
exception
    when insufficient_privilege then
        raise warning 'The role fileshare_app could not be created: %', sqlerrm;
    when duplicate_object or unique_violation then
        null; -- Another database of this cluster was migrated at the same moment.
end $$;

do $$
begin
    if exists (select from pg_roles where rolname = 'fileshare_app') then
        grant usage on schema public to fileshare_app;
        revoke all on all tables in schema public from fileshare_app;
        grant select, insert, update, delete on all tables in schema public to fileshare_app;
        revoke update, delete on audit_events from fileshare_app;
        revoke insert, update, delete on schema_scripts from fileshare_app;
        grant usage, select on all sequences in schema public to fileshare_app;
        -- The owner works as this role too, when the server is given the owner's connection.
        if not pg_has_role(current_user, 'fileshare_app', 'member') then
            execute format('grant fileshare_app to %I', current_user);
        end if;
    end if;
exception
    when insufficient_privilege then
        raise warning 'The rights of fileshare_app could not be set: %', sqlerrm;
end $$;
