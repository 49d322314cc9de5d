using FileClient.Local;
using FileClient.Terminal;
using Tests.Support;

namespace Tests.Local;

public sealed class SettingsTests : IDisposable
{
    readonly TemporaryFolder temporary = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => temporary.Dispose();

    Func<string, string?> Environment(params (string Name, string Value)[] more) =>
        name => more.FirstOrDefault(pair => pair.Name == name).Value ?? (name == "FILESHARE_CONFIG" ? temporary.Path : null);

    [Fact]
    public void Flag_comes_before_environment_before_file()
    {
        var folder = new ConfigFolder(temporary.Path);
        Assert.Null(Settings.Resolve(null, null, Environment()).Url);
        folder.Save(new Config(Url: "http://file.example"));
        Assert.Equal("file.example", Settings.Resolve(null, null, Environment()).Url!.Host);
        Assert.Equal("env.example", Settings.Resolve(null, null, Environment(("FILESHARE_URL", "http://env.example"))).Url!.Host);
        Assert.Equal("flag.example", Settings.Resolve("http://flag.example", null, Environment(("FILESHARE_URL", "http://env.example"))).Url!.Host);
    }

    [Fact]
    public async Task A_token_of_the_environment_comes_before_the_stored_sign_in()
    {
        var folder = new ConfigFolder(temporary.Path);
        folder.Save(new Config(Url: "http://file.example"));
        await folder.ChangeAsync(stored => stored.With(new Credential("http://file.example", "ann", null, null, null, "stored")), TimeProvider.System, Ct);
        Assert.Equal("stored", Settings.Resolve(null, null, Environment()).Tokens(TimeProvider.System).Current);
        Assert.Equal("env", Settings.Resolve(null, null, Environment(("FILESHARE_TOKEN", "env"))).Tokens(TimeProvider.System).Current);
        Assert.Null(Settings.Resolve("http://other.example", null, Environment()).Tokens(TimeProvider.System).Current);
    }

    [Fact]
    public async Task Only_their_owner_can_read_credentials()
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = new ConfigFolder(temporary["deep/config"]);
        await folder.ChangeAsync(stored => stored.With(new Credential("http://x.example", "ann", null, null, null, "secret")), TimeProvider.System, Ct);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.CredentialsFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Path));
    }

    [Fact]
    public void A_relative_configuration_home_is_ignored()
    {
        var found = ConfigFolder.Find(name => name switch { "XDG_CONFIG_HOME" => "relative", "HOME" => "/home/ann", _ => null });
        Assert.Equal("/home/ann/.config/fileshare", found.Path);
        Assert.Equal("/xdg/fileshare", ConfigFolder.Find(name => name == "XDG_CONFIG_HOME" ? "/xdg" : null).Path);
    }

    [Theory]
    [InlineData("localhost:8080")]
    [InlineData("ftp://server.example")]
    [InlineData("server.example")]
    [InlineData("http://ann:secret@server.example")]
    [InlineData("http://server.example/?a=b")]
    public void What_is_no_address_of_a_server_is_refused(string text) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => Settings.ParseUrl(text)).Exit);

    [Theory]
    [InlineData("http://Server.Example/", "http://server.example")]
    [InlineData("https://server.example:8443/files/", "https://server.example:8443/files")]
    public void Addresses_are_written_in_one_way(string text, string written) => Assert.Equal(written, Settings.Text(Settings.ParseUrl(text)));

    [Fact]
    public void A_broken_file_is_named()
    {
        File.WriteAllText(temporary["config.json"], "{ nonsense");
        Assert.Contains("config.json", Assert.Throws<Failure>(() => Settings.Resolve(null, null, Environment())).Message);
    }
}
