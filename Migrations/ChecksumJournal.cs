using System.Data;
using DbUp.Engine;
using DbUp.Engine.Transactions;

namespace Migrations;

/// <summary>Remembers, in the database itself, which scripts ran and what they said, in the transaction of each script.</summary>
sealed class ChecksumJournal(Func<IConnectionManager> manager, IReadOnlyList<Script> scripts) : IJournal
{
    public string[] GetExecutedScripts() => manager().ExecuteCommandsWithManagedConnection(make =>
    {
        Create(make);
        using var command = make();
        command.CommandText = "select name from schema_scripts";
        using var reader = command.ExecuteReader();
        var names = new List<string>();
        while (reader.Read())
            names.Add(reader.GetString(0));
        return names.ToArray();
    });

    public void StoreExecutedScript(SqlScript script, Func<IDbCommand> dbCommandFactory)
    {
        using var command = dbCommandFactory();
        command.CommandText = "insert into schema_scripts (name, checksum) values (@name, @checksum)";
        Add(command, "name", script.Name);
        Add(command, "checksum", scripts.Single(known => known.Name == script.Name).Checksum);
        command.ExecuteNonQuery();
    }

    public void EnsureTableExistsAndIsLatestVersion(Func<IDbCommand> dbCommandFactory) => Create(dbCommandFactory);

    static void Create(Func<IDbCommand> make)
    {
        using var command = make();
        command.CommandText =
            """
            create table if not exists schema_scripts (
                name       text        not null primary key,
                checksum   text        not null,
                applied_at timestamptz not null default clock_timestamp()
            )
            """;
        command.ExecuteNonQuery();
    }

    static void Add(IDbCommand command, string name, string value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value;
        command.Parameters.Add(parameter);
    }
}
