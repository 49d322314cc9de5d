using System.CommandLine;
using FileClient.Api;
using FileClient.Local;
using FileClient.Terminal;

namespace FileClient.Commands;

/// <summary>One call of one command: its parsed arguments, where output goes, and the connection once it is needed.</summary>
sealed class Run(Cli cli, ParseResult parsed, Output output) : IDisposable
{
    ApiClient? api;
    Settings? settings;

    public Output Output => output;

    public Shell Shell => cli.Shell;

    public TimeProvider Clock => cli.Shell.Clock;

    public Settings Settings => settings ??= Settings.Resolve(parsed.GetValue(cli.Server), parsed.GetValue(cli.CaCert), cli.Shell.Environment);

    /// <summary>The server, as whoever is signed in.</summary>
    public ApiClient Api => api ??= Connect(Settings.RequireUrl(), Settings.Tokens(Clock));

    /// <summary>Forgets the settings and the connection, to use what is stored of them by now.</summary>
    public void Reconnect()
    {
        api?.Dispose();
        (api, settings) = (null, null);
    }

    /// <summary>A connection to a server that is not (or not yet) the configured one.</summary>
    public ApiClient Connect(Uri url, ITokens tokens) => new(new ApiOptions { Server = url, TrustedRoots = Settings.TrustedRoots() }, tokens, Clock);

    public T? Of<T>(Option<T> option) => parsed.GetValue(option);

    public T Of<T>(Argument<T> argument) => parsed.GetValue(argument)!;

    /// <summary>Whether the option stands on the command line.</summary>
    public bool Has(Option option) => parsed.GetResult(option) is { Implicit: false };

    public static Option<bool> DryRun() => new("--dry-run", "-n") { Description = "Say what would be done, and do nothing." };

    /// <summary>With <c>--dry-run</c>: prints the deed that is not done, and says so.</summary>
    public bool Would(Option<bool> dryRun, Deed deed)
    {
        if (!Of(dryRun))
            return false;
        Tell(deed with { DryRun = true });
        return true;
    }

    /// <summary>Prints what was done: data for programs, a remark for people.</summary>
    public void Tell(Deed deed)
    {
        if (output.Json)
            output.Value(deed, CommandJson.Default.Deed);
        else
            output.Note($"{(deed.DryRun == true ? "would " : "")}{deed.Action} {Wording.Printable(deed.Path)}{(deed.To is null ? "" : $" -> {Wording.Printable(deed.To)}")}");
    }

    /// <summary>A name as data: as it is for programs, without control characters for a terminal.</summary>
    public string Name(string name) => Shell.OutputIsTerminal ? Wording.Printable(name) : name;

    public void Dispose() => api?.Dispose();
}
