using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Migrations;

/// <summary>A numbered script of this program, with the checksum by which a later change to it is noticed.</summary>
sealed record Script(string Name, string Text)
{
    /// <summary>SHA-256 over the text with plain line ends, so that a check-out with others counts as the same script.</summary>
    public string Checksum => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text.Replace("\r\n", "\n", StringComparison.Ordinal))));

    public static IReadOnlyList<Script> Embedded(string folder)
    {
        var prefix = $"Migrations.{folder}.";
        var assembly = typeof(Script).Assembly;
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!, Encoding.UTF8);
                return new Script(name[prefix.Length..], reader.ReadToEnd());
            })];
    }
}

/// <summary>What stands between a database and this program's schema.</summary>
/// <param name="Pending">The scripts still to run, in order; empty when the schema is this program's.</param>
/// <param name="RightsAreCurrent">Whether the application role has the rights that this program gives it.</param>
public sealed record SchemaState(IReadOnlyList<string> Pending, bool RightsAreCurrent)
{
    public bool IsCurrent => Pending.Count == 0 && RightsAreCurrent;
}

/// <summary>The database has a schema that this program must not touch; the message says why and what to do.</summary>
public sealed class SchemaRefused(string message) : Exception(message);

/// <summary>Compares a database with the scripts of this program. One short query, so that every start can afford it.</summary>
public static class Schema
{
    internal const string RightsName = "rights";

    internal static readonly IReadOnlyList<Script> Scripts = Script.Embedded("Scripts");

    internal static readonly Script Rights = Script.Embedded("Rights").Single() with { Name = RightsName };

    /// <exception cref="SchemaRefused">A script was changed after it ran, or the database knows one that this program does not.</exception>
    public static Task<SchemaState> CompareAsync(NpgsqlConnection connection, CancellationToken ct) => CompareAsync(connection, Scripts, ct);

    internal static async Task<SchemaState> CompareAsync(NpgsqlConnection connection, IReadOnlyList<Script> scripts, CancellationToken ct)
    {
        var applied = await AppliedAsync(connection, ct);
        if (applied.Keys.Where(name => name != RightsName).Except(scripts.Select(script => script.Name), StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList() is [var unknown, ..])
        {
            throw new SchemaRefused(
                $"The database was migrated by a newer FileShare: it has the script '{unknown}', which this program does not know. " +
                "Start that version or a newer one, or restore a backup from before the upgrade.");
        }
        foreach (var script in scripts)
        {
            if (applied.TryGetValue(script.Name, out var checksum) && checksum != script.Checksum)
            {
                throw new SchemaRefused(
                    $"The script '{script.Name}' was changed after it had run on this database (checksum then {checksum[..12]}…, now {script.Checksum[..12]}…). " +
                    "Take the program that the database was made with, and put changes into a new script.");
            }
        }
        return new SchemaState(
            [.. scripts.Select(script => script.Name).Where(name => !applied.ContainsKey(name))],
            applied.GetValueOrDefault(RightsName) == Rights.Checksum);
    }

    internal static async Task<Dictionary<string, string>> AppliedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var applied = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            await using var command = new NpgsqlCommand("select name, checksum from schema_scripts", connection);
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
                applied.Add(reader.GetString(0), reader.GetString(1));
        }
        catch (PostgresException absent) when (absent.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // An empty database: every script is still to run.
        }
        return applied;
    }
}
