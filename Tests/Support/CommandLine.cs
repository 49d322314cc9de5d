using System.Text;
using FileClient.Commands;
using FileClient.Terminal;

namespace Tests.Support;

/// <summary>What a call of <c>fileshare</c> left behind.</summary>
sealed record Called(ExitCode Exit, byte[] Data, string Error)
{
    public string Text => Encoding.UTF8.GetString(Data);
}

/// <summary>The <c>fileshare</c> of one person on one machine: the real program, in this process, with its streams in memory.</summary>
sealed class CommandLine(Uri server, string configFolder)
{
    readonly Dictionary<string, string> environment = new(StringComparer.Ordinal)
    {
        ["FILESHARE_CONFIG"] = configFolder,
        ["FILESHARE_URL"] = server.AbsoluteUri,
    };

    public string? this[string variable]
    {
        set
        {
            if (value is null)
                environment.Remove(variable);
            else
                environment[variable] = value;
        }
    }

    public Task<Called> RunAsync(params string[] args) => RunAsync([], args);

    /// <summary>Runs it with something on its standard input.</summary>
    public async Task<Called> RunAsync(byte[] input, params string[] args)
    {
        using var output = new MemoryStream();
        await using var error = new StringWriter();
        var shell = new Shell
        {
            OpenInput = () => new MemoryStream(input),
            OpenOutput = () => new Outgoing(output),
            Error = error,
            Environment = environment.GetValueOrDefault,
            Clock = TimeProvider.System,
        };
        var exit = await new Cli(shell).RunAsync(args, TestContext.Current.CancellationToken);
        return new Called((ExitCode)exit, output.ToArray(), error.ToString());
    }

    /// <summary>The same where anything but success would be the test's own mistake.</summary>
    public async Task<string> DoAsync(params string[] args)
    {
        var called = await RunAsync(args);
        Assert.True(called.Exit == ExitCode.Done, $"fileshare {string.Join(' ', args)} ended with {called.Exit}: {called.Error}");
        return called.Text;
    }

    public async Task SignInAsync(string user, string password)
    {
        var called = await RunAsync(Encoding.UTF8.GetBytes(password + "\n"), "login", server.AbsoluteUri, "--user", user, "--password-stdin");
        Assert.True(called.Exit == ExitCode.Done, called.Error);
    }

    /// <summary>Keeps what was written when the writer closes it, as a pipe's reader does.</summary>
    sealed class Outgoing(Stream kept) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => kept.Length;

        public override long Position
        {
            get => kept.Position;
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => kept.Write(buffer, offset, count);
    }
}
