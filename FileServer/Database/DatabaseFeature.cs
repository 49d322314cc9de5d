using Npgsql;

namespace FileServer.Database;

/// <summary>The database: opened before the host is built, closed after everything that uses it.</summary>
static class DatabaseFeature
{
    /// <param name="database">Given once it is open, which is before the host starts.</param>
    public static void AddDatabase(this IHostApplicationBuilder builder, Func<OpenDatabase> database)
    {
        TypeHandlers.Register();
        builder.Services.AddOptions<DatabaseOptions>().BindConfiguration("Database").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton(_ => new NpgsqlDataSourceBuilder(database().ConnectionString).Build());
        builder.Services.AddHostedService(services => new DatabaseWatch(database(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<DatabaseWatch>>()));
        builder.Services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
    }
}
