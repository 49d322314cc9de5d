using System.Runtime.Versioning;
using FileServer.Settings;

namespace FileServer.Database.Embedded;

/// <summary>The unprivileged account that PostgreSQL runs under when we are root: it refuses to run as root itself.</summary>
[UnsupportedOSPlatform("windows")]
sealed record PostgresUser(string Name, uint Id, uint Group)
{
    /// <returns>Null when we are not root: PostgreSQL then runs as ourselves.</returns>
    public static PostgresUser? Find()
    {
        if (!Environment.IsPrivilegedProcess)
            return null;
        var accounts = File.ReadLines("/etc/passwd")
            .Select(line => line.Split(':'))
            .Where(fields => fields.Length >= 4 && fields[0] is "postgres" or "nobody")
            .Select(fields => new PostgresUser(fields[0], uint.Parse(fields[2]), uint.Parse(fields[3])))
            .ToList();
        return accounts.Find(account => account.Name == "postgres") ?? accounts.FirstOrDefault()
            ?? throw new StartRefused("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'. Start the server as another user, or name a database in FILESHARE_DATABASE.");
    }

    /// <summary>Gives a folder and all in it to this account.</summary>
    public void TakeOver(string folder)
    {
        SystemCalls.ChangeOwner(folder, Id, Group);
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }))
            SystemCalls.ChangeOwner(entry, Id, Group);
    }
}
