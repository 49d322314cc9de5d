using FileServer.Http;
using FileServer.Identity;
using FileServer.Settings;
using FileServer.Storage;

namespace FileServer;

/// <summary>The sub-commands of the program. Each runs with the same settings as the server itself.</summary>
static class Command
{
    const int Done = 0;
    const int Failed = 1;
    const int Usage = 2;
    const string JsonFlag = "--json";

    public static Task<int> ServeAsync(string[] settings) => GuardedAsync(async () =>
    {
        await using var host = await ServerHost.CreateAsync(settings, join: false, CancellationToken.None);
        await host.RunAsync(CancellationToken.None);
        return Done;
    });

    /// <summary>Opening the database brings its schema up to date; there is nothing more to do.</summary>
    public static Task<int> MigrateAsync(string[] settings) => GuardedAsync(async () =>
    {
        await using var host = await ServerHost.CreateAsync([.. settings, "--Database:MigrateOnStart=true"], join: false, CancellationToken.None);
        Console.WriteLine("The database has the schema of this program.");
        return Done;
    });

    /// <summary>Works beside a running server: the account's sessions end there too, within a second.</summary>
    public static Task<int> ResetPasswordAsync(string user, string[] settings) => GuardedAsync(async () =>
    {
        await using var host = await ServerHost.CreateAsync(settings, join: true, CancellationToken.None);
        try
        {
            await host.Services.GetRequiredService<ResetPassword>().RunAsync(user, Console.IsInputRedirected ? Console.In : null, Console.Out, CancellationToken.None);
            return Done;
        }
        catch (Refusal refusal)
        {
            await Console.Error.WriteLineAsync(refusal.Message);
            return Failed;
        }
    });

    /// <summary>Beside a running server, or by itself.</summary>
    public static Task<int> VerifyAsync(string[] settings) => GuardedAsync(async () =>
    {
        await using var host = await ServerHost.CreateAsync(WithoutJson(settings), join: true, CancellationToken.None);
        return await host.Services.GetRequiredService<Verify>().RunAsync(Console.Out, settings.Contains(JsonFlag), CancellationToken.None);
    });

    /// <summary>Not beside a running server: it would go on adding to the index that is being replaced.</summary>
    public static Task<int> ReindexAsync(string[] settings) => GuardedAsync(async () =>
    {
        await using var host = await ServerHost.CreateAsync(WithoutJson(settings), join: false, CancellationToken.None);
        return await host.Services.GetRequiredService<Reindex>().RunAsync(Console.Out, settings.Contains(JsonFlag), CancellationToken.None);
    });

    /// <summary>Asks a running server for its readiness: the health check of a container that has no curl.</summary>
    public static async Task<int> ReadyAsync(string[] address)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(4) };
        try
        {
            using var answer = await http.GetAsync(new Uri(new Uri(address.FirstOrDefault() ?? ServerSettings.DefaultUrl), "/readyz"), CancellationToken.None);
            await Console.Out.WriteLineAsync(await answer.Content.ReadAsStringAsync(CancellationToken.None));
            return answer.IsSuccessStatusCode ? Done : Failed;
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or TaskCanceledException or UriFormatException)
        {
            await Console.Error.WriteLineAsync(unreachable.Message);
            return Failed;
        }
    }

    public static int Help()
    {
        Console.WriteLine(
            """
            FileServer: a self-hosted file server and document repository.

              FileServer [serve] [--urls http://127.0.0.1:8080] [--KEY=VALUE …]    serve until SIGTERM
              FileServer migrate                  bring the database to this program's schema
              FileServer verify [--json]          compare rows, chunk index and packs, bytes included
              FileServer reindex [--json]         make the chunk index anew from the packs alone
              FileServer ready [URL]              ask a running server whether it is ready (for health checks)
              FileServer admin reset-password USER    set a new password: the first line of standard input, else made up and printed

            Environment:
              FILESHARE_DATA             data folder (default: $XDG_DATA_HOME/fileshare, else ~/.local/share/fileshare)
              FILESHARE_DATABASE         Npgsql connection string (default: a private PostgreSQL below the data folder)
              FILESHARE_ADMIN_PASSWORD   of the first administrator, 'admin' (default: made up and printed once)
              FILESHARE_PUBLIC_URL       address under which clients know this server, besides that of the request
              ASPNETCORE_URLS            addresses to listen on (default: http://127.0.0.1:8080)

            Each setting A:B can stand in appsettings.json in the data folder, as FILESHARE_A__B in the environment, or as
            --A:B=VALUE on the command line:

            """);
        foreach (var setting in KnownSettings.All.Values.Where(setting => setting.Key.Contains(':', StringComparison.Ordinal)).OrderBy(setting => setting.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {setting.Key,-44} {setting.Valid}");
        return Done;
    }

    public static int Unknown(string command)
    {
        Console.Error.WriteLine($"There is no command '{command}'. See 'FileServer --help'.");
        return Usage;
    }

    static string[] WithoutJson(string[] settings) => [.. settings.Where(setting => setting != JsonFlag)];

    static async Task<int> GuardedAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception refused) when (refused is StartRefused or Migrations.SchemaRefused)
        {
            await Console.Error.WriteLineAsync(refused.Message);
            return Failed;
        }
        catch (Microsoft.Extensions.Options.OptionsValidationException invalid)
        {
            await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, invalid.Failures));
            return Failed;
        }
        catch (System.Net.Sockets.SocketException noAddress)
        {
            await Console.Error.WriteLineAsync($"The address cannot be listened on: {noAddress.Message}. Give another one with --urls or ASPNETCORE_URLS.");
            return Failed;
        }
        catch (IOException inUse) when (inUse.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await Console.Error.WriteLineAsync($"{inUse.Message} Give another address with --urls or ASPNETCORE_URLS.");
            return Failed;
        }
    }
}
