using System.Text.Json.Serialization;
using FileServer.Protocol;

namespace FileServer.Storage;

/// <summary>Something that is not as it must be.</summary>
/// <param name="Code">Stable word: <c>missing-pack</c>, <c>missing-row</c>, <c>damaged-pack</c>, <c>wrong-length</c>, <c>wrong-place</c>, <c>damaged-chunk</c>, <c>missing-chunk</c>,
/// <c>unreadable-list</c>, <c>wrong-content-id</c>.</param>
sealed record VerifyFinding(string Code, SpaceId Space, string Subject, string Detail);

/// <summary>What was compared, and what was found.</summary>
sealed class VerifyReport
{
    public int Packs { get; set; }

    public long Chunks { get; set; }

    public long Bytes { get; set; }

    public long Versions { get; set; }

    /// <summary>Packs that no row and no version names: left by a crash, harmless, swept later.</summary>
    public int OrphanFiles { get; set; }

    /// <summary>At most so many are listed; <see cref="Problems"/> counts all.</summary>
    public List<VerifyFinding> Findings { get; } = [];

    public long Problems { get; set; }

    public bool IsSound => Problems == 0;

    public void Add(string code, SpaceId space, object subject, string detail)
    {
        Problems++;
        if (Findings.Count < 1000)
            Findings.Add(new VerifyFinding(code, space, subject.ToString() ?? "", detail));
    }
}

/// <summary>What the reports of <c>verify</c> and <c>reindex</c> look like as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(VerifyReport))]
[JsonSerializable(typeof(ReindexReport))]
sealed partial class StorageJson : JsonSerializerContext;
