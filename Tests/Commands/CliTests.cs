using System.CommandLine;
using FileClient.Commands;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.Commands;

public sealed class CliTests : IDisposable
{
    readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    CommandLine Nobody => new(new Uri("http://127.0.0.1:1"), temporary["config"]);

    [Theory]
    [InlineData("ls", "not/a/remote/path")]
    [InlineData("ls", "team:relative")]
    [InlineData("cat")]
    [InlineData("put", "only-one-argument")]
    [InlineData("ls", "--no-such-option")]
    [InlineData("no-such-command")]
    [InlineData("restore", "team:/a")]
    [InlineData("restore", "team:/a", "--version", "one")]
    [InlineData("access", "grant", "team:/", "user:ann", "king")]
    [InlineData("audit", "export", "--format", "pdf")]
    [InlineData("login", "not-an-address", "--user", "ann")]
    [InlineData("spaces", "create", "x", "--quota", "plenty")]
    public async Task Misuse_is_exit_code_2_and_says_nothing_on_standard_output(params string[] args)
    {
        var called = await Nobody.RunAsync(args);
        Assert.Equal(ExitCode.Usage, called.Exit);
        Assert.Empty(called.Data);
        Assert.StartsWith("fileshare: ", called.Error);
    }

    [Fact]
    public async Task Failures_are_json_for_programs()
    {
        var called = await Nobody.RunAsync("ls", "nonsense/", "--json");
        var error = System.Text.Json.JsonDocument.Parse(called.Error).RootElement;
        Assert.Equal(2, error.GetProperty("exit").GetInt32());
        Assert.Contains("nonsense/", error.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Who_never_signed_in_is_told_how_to()
    {
        var nobody = Nobody;
        nobody["FILESHARE_URL"] = null;
        var called = await nobody.RunAsync("whoami");
        Assert.Equal(ExitCode.NotSignedIn, called.Exit);
        Assert.Contains("fileshare login", called.Error);
    }

    [Fact]
    public async Task Every_command_explains_itself()
    {
        var cli = new Cli(Shell.OfProcess());
        foreach (var path in Leaves(cli.Root, []))
        {
            var called = await Nobody.RunAsync([.. path, "--help"]);
            Assert.Equal(ExitCode.Done, called.Exit);
            Assert.Contains("Usage:", called.Text);
        }
    }

    [Fact]
    public void Every_command_but_the_simplest_shows_an_example()
    {
        var cli = new Cli(Shell.OfProcess());
        var silent = cli.Root.Subcommands.OfType<Verb>().Where(verb => verb.Examples.Count == 0 && verb.Subcommands.Count == 0).Select(verb => verb.Name);
        Assert.Equal(["version"], silent);
    }

    [Fact]
    public async Task Completion_scripts_exist_for_four_shells()
    {
        foreach (var shell in new[] { "bash", "zsh", "fish", "pwsh" })
            Assert.Contains("fileshare", await Nobody.DoAsync("completion", shell));
        Assert.Contains("spaces", await Nobody.DoAsync("[suggest:13]", "fileshare spa"));
    }

    static IEnumerable<string[]> Leaves(Command command, string[] path) => command.Subcommands.Count == 0
        ? [path]
        : command.Subcommands.SelectMany(below => Leaves(below, [.. path, below.Name])).Prepend(path);
}
