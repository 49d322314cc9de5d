namespace FileClient.Terminal;

/// <summary>What surrounds a run of the program: its streams, environment, clock and whether people are watching.</summary>
sealed record Shell
{
    public required Func<Stream> OpenInput { get; init; }

    public required Func<Stream> OpenOutput { get; init; }

    /// <summary>Standard error, as text.</summary>
    public required TextWriter Error { get; init; }

    public required Func<string, string?> Environment { get; init; }

    public required TimeProvider Clock { get; init; }

    public bool InputIsTerminal { get; init; }

    public bool OutputIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether colours may be used on standard output.</summary>
    public bool Colours => OutputIsTerminal && string.IsNullOrEmpty(Environment("NO_COLOR")) && Environment("TERM") != "dumb";

    /// <summary>The process's own surroundings.</summary>
    public static Shell OfProcess() => new()
    {
        OpenInput = Console.OpenStandardInput,
        OpenOutput = Console.OpenStandardOutput,
        Error = new StreamWriter(Console.OpenStandardError(), bufferSize: 1024) { AutoFlush = true },
        Environment = System.Environment.GetEnvironmentVariable,
        Clock = TimeProvider.System,
        InputIsTerminal = !Console.IsInputRedirected,
        OutputIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
    };
}
