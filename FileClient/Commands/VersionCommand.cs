using System.CommandLine;
using FileClient.Api;

namespace FileClient.Commands;

/// <summary><c>fileshare version</c>: which build this is.</summary>
static class VersionCommand
{
    public static Command Of(Cli cli) => new Verb("version", "Which build of this program this is.").Does(cli, (run, _) =>
    {
        if (run.Output.Json)
            run.Output.Value(new Build(ThisAssembly.Version), CommandJson.Default.Build);
        else
            run.Output.Line($"fileshare {ThisAssembly.Version}");
        return Task.CompletedTask;
    });
}
