using FileServer;

return args switch
{
    ["--help" or "-h" or "help", ..] => Command.Help(),
    ["serve", .. var settings] => await Command.ServeAsync(settings),
    ["migrate", .. var settings] => await Command.MigrateAsync(settings),
    ["verify", .. var settings] => await Command.VerifyAsync(settings),
    ["reindex", .. var settings] => await Command.ReindexAsync(settings),
    ["ready", .. var address] => await Command.ReadyAsync(address),
    ["admin", "reset-password", var user, .. var settings] => await Command.ResetPasswordAsync(user, settings),
    [] => await Command.ServeAsync([]),
    [['-', ..], ..] => await Command.ServeAsync(args),
    [var unknown, ..] => Command.Unknown(unknown),
};
