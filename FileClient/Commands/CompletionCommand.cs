using System.CommandLine;

namespace FileClient.Commands;

/// <summary><c>completion</c>: scripts that let a shell ask this program what may come next.</summary>
static class CompletionCommand
{
    const string Bash =
        """
        _fileshare() {
            local IFS=$'\n'
            COMPREPLY=($(fileshare "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null))
            COMPREPLY=($(compgen -W "${COMPREPLY[*]}" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _fileshare fileshare
        """;

    const string Zsh =
        """
        #compdef fileshare
        _fileshare() {
            local -a found
            found=("${(@f)$(fileshare "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -a found
            _files
        }
        compdef _fileshare fileshare
        """;

    const string Fish =
        """
        complete -c fileshare -a '(fileshare "[suggest:"(commandline -C)"]" (commandline -cp) 2>/dev/null)'
        """;

    const string Pwsh =
        """
        Register-ArgumentCompleter -Native -CommandName fileshare -ScriptBlock {
            param($word, $line, $position)
            fileshare "[suggest:$position]" "$line" 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
        }
        """;

    public static Command Build(Cli cli)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or pwsh." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "pwsh");
        return new Verb("completion", "Prints the script that completes commands in a shell.", shell)
        {
            Examples = ["eval \"$(fileshare completion bash)\"", "fileshare completion fish > ~/.config/fish/completions/fileshare.fish"],
        }.Does(cli, (run, _) =>
        {
            run.Output.Line(run.Of(shell) switch { "bash" => Bash, "zsh" => Zsh, "fish" => Fish, _ => Pwsh });
            return Task.CompletedTask;
        });
    }
}
