namespace Tests.Architecture;

/// <summary>The one list: which folder stands in which row of the house. A folder may use rows below it, never above, never beside.</summary>
static class House
{
    public static readonly string[][] Rows =
    [
        ["Portal", "WebDav"],
        ["Uploads", "Sync", "Links", "Search", "Maintenance", "Rest"],
        ["Files"],
        ["Access"],
        ["Identity"],
        ["Audit", "Changes", "Storage"],
        ["Database", "Http", "Cors", "Proxies"],
        ["Settings"],
    ];

    /// <summary>The projects whose sources the tests read, with the root namespace of each.</summary>
    public static readonly (string Folder, string Namespace)[] Projects =
    [
        ("FileServer/Protocol", "FileServer.Protocol"),
        ("FileServer", "FileServer"),
        ("FileClient", "FileClient"),
        ("Migrations", "Migrations"),
        ("Tests/Benchmarks", "Benchmarks"),
        ("Tests", "Tests"),
    ];

    /// <returns>0 is the top row; null for a folder that nobody has given a place.</returns>
    public static int? RowOf(string folder) => Array.FindIndex(Rows, row => row.Contains(folder, StringComparer.Ordinal)) is var row and >= 0 ? row : null;
}
