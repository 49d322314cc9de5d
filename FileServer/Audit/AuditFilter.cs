using System.Text.Json.Nodes;
using FileServer.Database;
using FileServer.Http;
using FileServer.Protocol;
using Npgsql;

namespace FileServer.Audit;

/// <summary>Which events a reader asks for, as the address says it; names and ids are both taken.</summary>
/// <param name="Action">One action, or all of a noun: <c>file.*</c>.</param>
sealed record AuditFilter(string? Actor, string? Action, string? Space, Guid? Node, string? Outcome, DateTimeOffset? From, DateTimeOffset? To)
{
    public static readonly AuditFilter All = new(null, null, null, null, null, null, null);

    /// <summary>The filter in words, for the row that tells who has read what, and to tie a cursor to its query.</summary>
    public string ToJson()
    {
        var json = new JsonObject();
        foreach (var (name, value) in new[]
        {
            ("actor", Actor), ("action", Action), ("space", Space), ("node", Node?.ToString()), ("outcome", Outcome), ("from", From?.ToString("O")), ("to", To?.ToString("O")),
        })
        {
            if (value is not null)
                json[name] = value;
        }
        return json.ToJsonString();
    }

    /// <summary>Looks up what the names mean.</summary>
    /// <exception cref="Refusal">There is no such space, or a word is not understood.</exception>
    public async Task<AuditQuery> ResolveAsync(NpgsqlDataSource db, CancellationToken ct)
    {
        var actor = Actor is null ? (Guid?)null : Guid.TryParse(Actor, out var id) ? id : await UserAsync(db, Actor, ct);
        var prefix = Action is [.. var noun, '.', '*'] ? noun + "." : null;
        return new AuditQuery(
            actor,
            // A name that no account has may still be a part of the server that acts by itself.
            actor is null ? AuditRecord.Canonical(Actor) : null,
            prefix is null ? AuditRecord.Canonical(Action) : null,
            AuditRecord.Canonical(prefix),
            Space is null ? null : await SpacesAsync(db, Space, ct),
            Node,
            Outcome is null ? null : (short)(AuditOutcomes.Parse(Outcome) ?? throw Refusal.Invalid("'outcome' takes done, refused or failed.")),
            From?.ToUniversalTime(),
            To?.ToUniversalTime());
    }

    static Task<Guid?> UserAsync(NpgsqlDataSource db, string name, CancellationToken ct) => db.QuerySingleOrDefaultAsync<Guid?>(
        "select id from users where name_key = @key", new { key = NameRules.FoldKey(AuditRecord.Canonical(name)!) }, ct);

    /// <summary>Deleted spaces too, of which several may have had the name.</summary>
    static async Task<Guid[]> SpacesAsync(NpgsqlDataSource db, string nameOrId, CancellationToken ct)
    {
        var id = Guid.TryParse(nameOrId, out var parsed) ? parsed : Guid.Empty;
        var spaces = await db.QueryAsync<Guid>(
            "select id from spaces where id = @id or name_key = @key", new { id, key = NameRules.FoldKey(AuditRecord.Canonical(nameOrId)!) }, ct);
        return spaces.Count > 0 || id != Guid.Empty ? [.. spaces, id] : throw Refusal.NotFound("space");
    }
}

/// <summary>A filter whose names have been looked up.</summary>
sealed record AuditQuery(
    Guid? ActorId, string? Actor, string? Action, string? ActionPrefix, Guid[]? Spaces, Guid? Node, short? Outcome, DateTimeOffset? From, DateTimeOffset? To);
