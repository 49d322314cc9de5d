using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using FileClient.Api;
using FileClient.Terminal;

namespace FileClient.Commands;

/// <summary>The program: all commands, the options that each of them takes, and how failures become words and exit codes.</summary>
sealed class Cli
{
    readonly Lock gate = new();
    ExitCode? signal;

    public Cli(Shell shell)
    {
        Shell = shell;
        Root = new RootCommand("Works with a FileShare server: files, versions, sync folders, audit. Remote paths are written SPACE:/path.");
        foreach (var option in Root.Options.OfType<VersionOption>().ToList())
            Root.Options.Remove(option);
        foreach (var help in Root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!);
        Root.Add(Server);
        Root.Add(CaCert);
        Root.Add(Json);
        Root.Add(Quiet);
        foreach (var command in CommandList.All(this))
            Root.Add(command);
    }

    public Shell Shell { get; }

    public RootCommand Root { get; }

    public Option<string?> Server { get; } = new("--server") { Description = "Address of the server (else FILESHARE_URL, else the last sign-in).", HelpName = "URL", Recursive = true };

    public Option<string?> CaCert { get; } = new("--ca-cert") { Description = "PEM file with the certificates to trust.", HelpName = "FILE", Recursive = true };

    public Option<bool> Json { get; } = new("--json") { Description = "Data as JSON on standard output.", Recursive = true };

    public Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "No remarks and no progress on standard error.", Recursive = true };

    /// <summary>Runs the program in this process, with Ctrl-C and SIGTERM ending it in good order.</summary>
    public static async Task<int> MainAsync(string[] args)
    {
        var cli = new Cli(Shell.OfProcess());
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => cli.Stop(context, ExitCode.Interrupted, stop));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => cli.Stop(context, ExitCode.Terminated, stop));
        return await cli.RunAsync(args, stop.Token);
    }

    // The first signal asks, the second one is left to the system.
    void Stop(PosixSignalContext context, ExitCode exit, CancellationTokenSource stop)
    {
        lock (gate)
        {
            if (signal is not null)
                return;
            signal = exit;
        }
        context.Cancel = true;
        stop.Cancel();
    }

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken ct)
    {
        // '@file' is a value of ours (api --data), not a file of further arguments.
        var parsed = Root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is not HelpWithExamples && Mistakes(parsed) is { Count: > 0 } mistakes)
            return Misused(parsed, mistakes);
        await using var output = new StreamWriter(Shell.OpenOutput(), bufferSize: 4096);
        return await parsed.InvokeAsync(
            new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = output, Error = Shell.Error },
            ct);
    }

    static List<string> Mistakes(ParseResult parsed)
    {
        var mistakes = parsed.Errors.Select(static error => error.Message).Distinct().ToList();
        // The parser takes a mistyped option for an argument where one would fit; only behind '--' it can be meant so.
        if (mistakes.Count == 0 && !parsed.Tokens.Any(static token => token.Type == TokenType.DoubleDash))
        {
            mistakes.AddRange(
                from argument in parsed.CommandResult.Children.OfType<ArgumentResult>()
                from token in argument.Tokens
                where token.Value.Length > 1 && token.Value[0] == '-'
                select $"Unrecognized option '{token.Value}'.");
        }
        return mistakes;
    }

    int Misused(ParseResult parsed, List<string> mistakes)
    {
        foreach (var message in mistakes)
            Shell.Error.WriteLine($"fileshare: {message}");
        var names = new List<string>();
        for (SymbolResultName? at = SymbolResultName.Of(parsed.CommandResult); at is not null; at = at.Parent)
            names.Insert(0, at.Name);
        Shell.Error.WriteLine($"  See: {string.Join(' ', names)} --help");
        return (int)ExitCode.Usage;
    }

    /// <summary>Runs one command's action; whatever goes wrong is told once, on standard error.</summary>
    public async Task<int> GuardAsync(ParseResult parsed, Func<Run, CancellationToken, Task<ExitCode>> action, CancellationToken ct)
    {
        using var output = new Output(Shell, parsed.GetValue(Json), parsed.GetValue(Quiet));
        using var run = new Run(this, parsed, output);
        try
        {
            var exit = await action(run, ct);
            output.Flush();
            return (int)exit;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return (int)(signal ?? ExitCode.Interrupted);
        }
        catch (Failure failure)
        {
            output.Fail(failure, (failure as ApiException)?.Code);
            return (int)failure.Exit;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            output.Fail(new Failure(ExitCode.Failure, fault.Message, fault), "local");
            return (int)ExitCode.Failure;
        }
    }

    /// <summary>The names of a command and those above it.</summary>
    sealed record SymbolResultName(string Name, SymbolResultName? Parent)
    {
        public static SymbolResultName? Of(SymbolResult? result) => result switch
        {
            CommandResult { Command: RootCommand } => new SymbolResultName("fileshare", null),
            CommandResult command => new SymbolResultName(command.Command.Name, Of(command.Parent)),
            _ => null,
        };
    }

    /// <summary>Help, with the command's examples at its end.</summary>
    sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
    {
        const string Surroundings =
            """
            Environment:
              FILESHARE_URL      Address of the server.
              FILESHARE_TOKEN    Token to act with, instead of the stored sign-in.
              FILESHARE_CONFIG   Folder for settings and credentials (else $XDG_CONFIG_HOME/fileshare).
              HTTPS_PROXY, HTTP_PROXY, NO_PROXY, NO_COLOR are honoured.

            Exit codes:
              0 done   1 failure   2 usage   3 not found   4 not signed in or forbidden   5 temporary   6 partial
              7 conflicts   8 quota or limit   9 integrity   10 safety brake   11 locked   130, 143 interrupted
            """;

        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            inner.Invoke(parseResult);
            if (parseResult.CommandResult.Command is RootCommand)
                parseResult.InvocationConfiguration.Output.WriteLine(Surroundings);
            if (parseResult.CommandResult.Command is Verb { Examples: { Count: > 0 } examples })
            {
                var output = parseResult.InvocationConfiguration.Output;
                output.WriteLine("Examples:");
                foreach (var example in examples)
                    output.WriteLine($"  {example}");
            }
            return 0;
        }
    }
}
