using FileServer.Http;
using FileServer.Protocol;

namespace FileServer.Files.Brakes;

/// <summary>What was read for some changesets of a space: who is paused, and how much each has taken away already.</summary>
sealed class BrakeReading(IReadOnlyDictionary<UserId, BrakePause> pauses, IReadOnlyDictionary<UserId, BrakeTally> tallies, int shareFrom)
{
    /// <summary>Who is paused changes nothing; who would pass the limit trips the brake.</summary>
    /// <exception cref="BrakeTripped">Hand it to <see cref="BrakeRule.TripAsync"/> when the transaction has ended.</exception>
    /// <exception cref="Refusal">The caller is paused.</exception>
    public void Judge(ChangesetWork work)
    {
        if (pauses.TryGetValue(work.Caller.UserId, out var pause))
            throw Paused(pause.Files, pause.MaxFiles);
        if (work.Destroyed == 0 || !tallies.TryGetValue(work.Caller.UserId, out var tally) || !tally.Counts)
            return;
        var files = tally.Files + work.Destroyed;
        if (files > tally.Count.Files)
            throw new BrakeTripped((int)Math.Min(files, int.MaxValue), tally.Count.Files, tally.FirstRevision);
        if (files >= shareFrom && files > tally.Share)
            throw new BrakeTripped((int)files, tally.Share.Value, tally.FirstRevision);
        tally.Files = files;
    }

    public static Refusal Paused(int files, long limit) => new(
        RefusalKind.Braked,
        $"{files} files deleted or rewritten within minutes, more than this space lets anybody ({limit}): your changes are paused and the last one did not happen. " +
        "A manager looks at it with 'fileshare brake ls', then lifts the pause or rolls back.")
    { Limit = limit };
}

/// <summary>A pause in force.</summary>
sealed record BrakePause(UserId UserId, int Files, long MaxFiles);

/// <summary>What somebody has taken away within the window, as the database adds it up.</summary>
/// <param name="Files">The limit; 0: none.</param>
/// <param name="Since">Begin of the window, or the end of the last pause if that came later.</param>
/// <param name="Destroyed">At most so many files since then.</param>
sealed record BrakeCount(UserId UserId, int Files, int Percent, DateTimeOffset Since, bool Allowed, long Destroyed, long? FirstRevision);

/// <summary>The same, with what the changesets that are being judged add to it.</summary>
sealed class BrakeTally(BrakeCount count, long nextRevision)
{
    public BrakeCount Count => count;

    public bool Counts => !count.Allowed && count.Files > 0;

    public long FirstRevision => count.FirstRevision ?? nextRevision;

    public long Files { get; set; } = count.Destroyed;

    /// <summary>The share as a number of files; null where it is certain that it is not reached.</summary>
    public long? Share { get; set; }
}
