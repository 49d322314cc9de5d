using System.CommandLine;
using FileClient.Terminal;

namespace FileClient.Commands;

/// <summary>One command of the program: what it takes, what it does, and examples of it.</summary>
sealed class Verb : Command
{
    public Verb(string name, string description, params IEnumerable<Symbol> parts)
        : base(name, description)
    {
        foreach (var part in parts)
        {
            switch (part)
            {
                case Argument argument:
                    Add(argument);
                    break;
                case Option option:
                    Add(option);
                    break;
                case Command command:
                    Add(command);
                    break;
            }
        }
    }

    /// <summary>Whole command lines, shown under <c>--help</c>.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];

    /// <summary>Says what the command does when it is called. Failures become words and an exit code around it.</summary>
    public Verb Does(Cli cli, Func<Run, CancellationToken, Task<ExitCode>> action)
    {
        SetAction((parsed, ct) => cli.GuardAsync(parsed, action, ct));
        return this;
    }

    /// <summary>The same for what either succeeds or fails.</summary>
    public Verb Does(Cli cli, Func<Run, CancellationToken, Task> action) => Does(cli, async (run, ct) =>
    {
        await action(run, ct);
        return ExitCode.Done;
    });
}
