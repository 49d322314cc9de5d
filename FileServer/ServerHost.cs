using FileServer.Access;
using FileServer.Audit;
using FileServer.Changes;
using FileServer.Cors;
using FileServer.Database;
using FileServer.Files;
using FileServer.Http;
using FileServer.Identity;
using FileServer.Proxies;
using FileServer.Rest;
using FileServer.Settings;
using FileServer.Storage;
using FileServer.Sync;
using FileServer.Uploads;
using FileServer.WebDav;
using Microsoft.Extensions.Logging.Console;

namespace FileServer;

/// <summary>
/// One server, put together: settings checked, data folder taken, database opened, features added and mapped. The program
/// runs one; a test may run several in one process.
/// </summary>
sealed class ServerHost : IAsyncDisposable
{
    readonly DataFolder folder;
    readonly OpenDatabase database;
    readonly ILoggerFactory logs;

    ServerHost(WebApplication app, DataFolder folder, OpenDatabase database, ILoggerFactory logs)
    {
        App = app;
        this.logs = logs;
        this.folder = folder;
        this.database = database;
    }

    public WebApplication App { get; }

    public IServiceProvider Services => App.Services;

    /// <param name="args">Settings as on the command line, like `--Data=FOLDER --urls=http://127.0.0.1:0`.</param>
    /// <param name="join">Whether a data folder that a running server owns will do: for commands that work on rows beside it.</param>
    /// <exception cref="StartRefused">Something is not set up as it must be; the message says what would be right.</exception>
    public static async Task<ServerHost> CreateAsync(string[] args, bool join, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        var path = ServerSettings.Apply(builder, args);
        var folder = join ? DataFolder.OwnOrJoin(path) : DataFolder.Own(path);
        // The database is there before the host is, and after it has gone: it has a log of its own.
        var logs = LoggerFactory.Create(logging => Configure(logging, builder.Configuration));
        var options = builder.Configuration.GetSection("Database").Get<DatabaseOptions>() ?? new DatabaseOptions();
        // The database takes its time to start; the host is put together meanwhile.
        var opening = Task.Run(() => OpenDatabase.OpenAsync(folder, builder.Configuration["Database"], options, logs.CreateLogger("FileServer.Database"), ct), ct);
        try
        {
            OpenDatabase? database = null;
            // Why a start fails is thrown, too, and told in a sentence: the framework's stack before it would bury that.
            WebApplication? started = null;
            builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && (level != LogLevel.Error || started?.Lifetime.ApplicationStarted.IsCancellationRequested is true));
            Add(builder, folder, () => database ?? throw new InvalidOperationException("The database is not open yet."));
            var app = started = builder.Build();
            database = await opening;
            Map(app);
            return new ServerHost(app, folder, database, logs);
        }
        catch
        {
            await opening.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (opening.IsCompletedSuccessfully)
                await (await opening).DisposeAsync();
            logs.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>The features in the order of the house, lowest row first.</summary>
    static void Add(WebApplicationBuilder builder, DataFolder folder, Func<OpenDatabase> database)
    {
        Configure(builder.Logging, builder.Configuration);
        // SIGTERM lets running requests end, within this time.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddSingleton(folder);
        builder.Services.AddProxies();
        builder.AddCors();
        builder.AddHttp();
        builder.AddDatabase(database);
        builder.AddStorage();
        builder.Services.AddChanges();
        builder.Services.AddAudit();
        builder.AddIdentity();
        builder.Services.AddAccess();
        builder.Services.AddFiles();
        builder.Services.AddSync();
        builder.Services.AddUploads();
        builder.Services.AddRest();
        builder.Services.AddWebDav();
        builder.Services.AddApiDescription();
    }

    static void Map(WebApplication app)
    {
        app.UseProxies();
        app.UseCrossOrigin();
        app.UseHttp();
        app.UseUploads();
        app.UseWebDav();
        app.UseRouting();
        app.UseIdentity();
        app.UseRest();
        MapRoutes(app.MapGroup("").AnsweringHead());
    }

    static void MapRoutes(RouteGroupBuilder app)
    {
        app.MapHealth();
        app.MapAudit();
        app.MapIdentity();
        app.MapAccess();
        app.MapFiles();
        app.MapSync();
        app.MapUploads();
        app.MapWebDav();
        app.MapApiDescription();
    }

    static void Configure(ILoggingBuilder logging, ConfigurationManager configuration)
    {
        logging.AddConfiguration(configuration.GetSection("Logging"));
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("System", LogLevel.Warning);
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
        });
        // Standard output is for what programs wait for: the line that says the server is ready.
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    /// <summary>Serves until SIGTERM, SIGINT or the token.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await App.StartAsync(ct);
        foreach (var url in App.Urls)
            Console.WriteLine($"FileShare is ready at {url}");
        await App.WaitForShutdownAsync(ct);
    }

    /// <summary>The database goes last: until then somebody may still be writing.</summary>
    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await database.DisposeAsync();
        logs.Dispose();
        folder.Dispose();
    }
}
