using FileServer.Database;
using FileServer.Settings;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace FileServer;

/// <summary>
/// Where settings come from, weakest first: defaults, appsettings.json beside the program, appsettings.json in the data
/// folder, FILESHARE_ variables, the command line.
/// </summary>
static class ServerSettings
{
    public const string DefaultUrl = "http://127.0.0.1:8080";

    /// <returns>The data folder.</returns>
    /// <exception cref="StartRefused">A setting is unknown or cannot be right.</exception>
    public static string Apply(WebApplicationBuilder builder, string[] args)
    {
        var sources = builder.Configuration.Sources;
        // The framework would also read every variable without a prefix: DATA or DATABASE may well be somebody else's.
        foreach (var foreign in sources.Where(source => source is JsonConfigurationSource or EnvironmentVariablesConfigurationSource { Prefix: null or "" }).ToList())
            sources.Remove(foreign);
        SettingsCheck.Check(args);
        builder.Configuration.AddEnvironmentVariables(SettingsCheck.EnvironmentPrefix).AddCommandLine(args);
        var data = Path.GetFullPath(builder.Configuration["Data"] is { Length: > 0 } named ? named : DataFolder.Default);
        var position = sources.Count - 2;
        sources.Insert(position, File(Path.Combine(data, "appsettings.json")));
        sources.Insert(position, File(Path.Combine(AppContext.BaseDirectory, "appsettings.json")));
        sources.Insert(0, new Microsoft.Extensions.Configuration.Memory.MemoryConfigurationSource
        {
            InitialData = [new("Storage:Folder", data)],
        });
        IConfigurationRoot root = builder.Configuration;
        SettingsCheck.Check(root, root.Providers.OfType<EnvironmentVariablesConfigurationProvider>().Last());
        if (string.IsNullOrEmpty(root["Urls"]) && string.IsNullOrEmpty(root["Http_Ports"]) && !root.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(DefaultUrl);
        foreach (var url in (root["Urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            RequireAddress(url);
        return data;
    }

    /// <summary>Before anything is made or printed that should not be there for a slip of the hand.</summary>
    static void RequireAddress(string url)
    {
        try
        {
            if (BindingAddress.Parse(url) is { Scheme: "http", Port: >= 0 and <= 65535 })
                return;
        }
        catch (FormatException)
        {
            // Told below, like an address of another kind.
        }
        throw new StartRefused($"The setting Urls holds '{url}'; valid are addresses like {DefaultUrl} or http://*:8080. For https, put a proxy in front that ends TLS.");
    }

    static JsonConfigurationSource File(string path)
    {
        var source = new JsonConfigurationSource { Path = path, Optional = true, ReloadOnChange = false };
        source.ResolveFileProvider();
        return source;
    }
}
