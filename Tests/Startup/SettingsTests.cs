using FileServer.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Tests.Support;

namespace Tests.Startup;

public sealed class SettingsTests
{
    [Fact]
    public void A_misspelt_setting_is_refused_with_what_was_meant()
    {
        var message = Refused("--Database:MaxPolSize=20");
        Assert.Contains("Database:MaxPolSize", message, StringComparison.Ordinal);
        Assert.Contains("Valid are, among others, Database:MaxPoolSize", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Database:MaxPoolSize=many", "'many'")]
    [InlineData("--Database:MaxPoolSize=0", "'0'")]
    [InlineData("--Database:MaxPoolSize=501", "'501'")]
    [InlineData("--Store=tape", "'tape'; valid is 'disk'")]
    [InlineData("--Public_Url=ftp://files", "an http or https address")]
    public void An_invalid_value_is_refused_with_what_would_be_valid(string argument, string part)
    {
        var message = Refused(argument);
        Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains("valid is", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_wrong_setting_is_named_at_once()
    {
        var message = Refused("--Nonsense=1", "--Database:MaxPoolSize=x");
        Assert.Equal(2, message.Split(Environment.NewLine).Length);
    }

    [Fact]
    public void A_secret_is_never_repeated() =>
        Assert.DoesNotContain("hunter2", Refused("--Admin_Pasword=hunter2"), StringComparison.Ordinal);

    [Fact]
    public void What_the_client_or_the_framework_reads_is_let_pass() =>
        Check("--urls=http://127.0.0.1:1", "--Logging:LogLevel:Default=Debug", "--Database:LockTimeoutSeconds=5");

    [Theory]
    [InlineData("--bogus")]
    [InlineData("--Store", "--Data=x")]
    [InlineData("--Data=x", "hunter2")]
    public void Words_that_set_nothing_are_not_passed_over(params string[] arguments) =>
        Assert.DoesNotContain("hunter2", Assert.Throws<StartRefused>(() => SettingsCheck.Check(arguments)).Message, StringComparison.Ordinal);

    [Fact]
    public void Values_may_stand_behind_their_settings() => SettingsCheck.Check(["--urls", "http://127.0.0.1:1", "--Data=x"]);

    [Theory]
    [InlineData("garbage")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("https://127.0.0.1:0")]
    public async Task An_address_that_cannot_be_is_refused_before_anything_is_made(string url)
    {
        using var folder = new TemporaryFolder();
        var (exit, output) = await ServerProcess.RunAsync(folder["data"], TestContext.Current.CancellationToken, $"--urls={url}");
        Assert.Equal(1, exit);
        Assert.Contains($"The setting Urls holds '{url}'; valid are", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["data"]));
    }

    [Fact]
    public async Task An_address_that_is_in_use_is_told_in_a_sentence()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        using var folder = new TemporaryFolder();
        var (exit, output) = await ServerProcess.RunAsync(folder["data"], TestContext.Current.CancellationToken, $"--urls=http://{taken.LocalEndpoint}");
        Assert.Equal(1, exit);
        Assert.Contains("address already in use. Give another address", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Hosting", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_variable_stops_the_start()
    {
        using var folder = new TemporaryFolder();
        var (exit, output) = await ServerProcess.RunAsync(folder["data"], TestContext.Current.CancellationToken, "--Uplods:X=1");
        Assert.Equal(1, exit);
        Assert.Contains("The setting Uplods:X (value '1') is not known", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["data"]));
    }

    static string Refused(params string[] arguments) => Assert.Throws<StartRefused>(() => Check(arguments)).Message;

    static void Check(params string[] arguments)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables("NOBODY_SETS_THIS_").AddCommandLine(arguments).Build();
        SettingsCheck.Check(configuration, configuration.Providers.OfType<EnvironmentVariablesConfigurationProvider>().Single());
    }
}
