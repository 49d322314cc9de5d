namespace FileClient.Sync.Core;

/// <summary>Which names take no part in sync: our own folder and what editors and desktops leave behind.</summary>
static class IgnoreRules
{
    public const string StateFolder = ".fileshare";

    static readonly string[] exact = [".DS_Store", "Thumbs.db", "desktop.ini"];
    static readonly string[] endings = [".part", ".swp"];

    public static bool Covers(string name) =>
        name.StartsWith("~$", StringComparison.Ordinal)
        || (name.StartsWith(".~lock.", StringComparison.Ordinal) && name.EndsWith('#'))
        || IsOurs(name)
        || Array.IndexOf(exact, name) >= 0
        || Array.Exists(endings, ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase) && name.Length > ending.Length);

    /// <summary>The state folder, however a case-insensitive disk might spell it.</summary>
    public static bool IsOurs(string name) => name.Equals(StateFolder, StringComparison.OrdinalIgnoreCase) || name.StartsWith(EvictedPrefix, StringComparison.Ordinal);

    /// <summary>Folders that hold unsynced content of nodes that this account may no longer see.</summary>
    public const string EvictedPrefix = "Unsynced (access removed ";
}
