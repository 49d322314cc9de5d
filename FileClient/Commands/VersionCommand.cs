using System.CommandLine;
using FileClient.Api;

namespace FileClient.Commands;

/// <summary><c>fileshare version</c>: which build this is.</summary>
static class VersionCommand
{
    public static Command Build(Cli cli) => new Verb("version", "Which build of this program this is.").Does(cli, (run, _) =>
    {
        run.Output.Line($"fileshare {ThisAssembly.Version}");
        return Task.CompletedTask;
    });
}
