using System.Text;

namespace FileClient.Terminal;

/// <summary>What the user is asked, and what comes through standard input.</summary>
static class Input
{
    const int LongestLine = 64 * 1024;

    /// <summary>The first line of standard input, for secrets that scripts hand over.</summary>
    public static async Task<string> LineAsync(Shell shell, CancellationToken ct)
    {
        await using var input = shell.OpenInput();
        var bytes = new List<byte>();
        var one = new byte[1];
        while (await input.ReadAsync(one, ct) == 1 && one[0] != (byte)'\n')
        {
            bytes.Add(one[0]);
            if (bytes.Count > LongestLine)
                throw Failure.Usage("The line on standard input is too long to be a secret.");
        }
        var line = Encoding.UTF8.GetString([.. bytes]).TrimEnd('\r');
        return line.Length > 0 ? line : throw Failure.Usage("Standard input holds no secret.");
    }

    /// <summary>Asks on the terminal.</summary>
    public static string Ask(Shell shell, string question, string otherwise)
    {
        if (!shell.InputIsTerminal)
            throw Failure.Usage(otherwise);
        shell.Error.Write($"{question}: ");
        return Console.ReadLine() is { Length: > 0 } answer ? answer : throw Failure.Usage("Nothing was typed.");
    }

    /// <summary>Asks on the terminal without showing what is typed.</summary>
    public static string AskSecretly(Shell shell, string question, string otherwise)
    {
        if (!shell.InputIsTerminal)
            throw Failure.Usage(otherwise);
        shell.Error.Write($"{question}: ");
        var typed = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter)
                break;
            if (key.Key == ConsoleKey.Backspace)
                typed.Length = Math.Max(0, typed.Length - 1);
            else if (key.KeyChar != '\0')
                typed.Append(key.KeyChar);
        }
        shell.Error.WriteLine();
        return typed.Length > 0 ? typed.ToString() : throw Failure.Usage("Nothing was typed.");
    }
}
